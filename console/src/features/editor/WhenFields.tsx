import { Accordion, Checkbox, Fieldset, Group, NumberInput, Radio, Select, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { WallInput } from '../../components/WallInput';
import type { EditorForm } from './Editor';

const kinds = [
  { value: 'once', label: 'Once' }, { value: 'hourly', label: 'Hourly' }, { value: 'daily', label: 'Daily' },
  { value: 'weekly', label: 'Weekly' }, { value: 'monthly', label: 'Monthly' },
];
const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'].map((label) => ({ value: label.toLowerCase(), label }));
const frames = [
  { value: 'all', label: 'All data, up to the start' }, { value: 'hour', label: 'Hour: the hour before the start' }, { value: 'day', label: 'Day: the day before the start' },
  { value: 'week', label: 'Week: the week before the start' }, { value: 'month', label: 'Month: the month before the start' },
  { value: 'sinceLast', label: 'Since the last finished run' }, { value: 'fixed', label: 'Fixed interval' },
];
const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

/** When it runs and for which time frame. Fields that a kind does not have are not shown. */
export function WhenFields({ form }: { form: EditorForm }) {
  const { values } = form;
  return (
    <>
      <Fieldset legend="When">
        <Stack gap="sm">
          <Select label="Run" required allowDeselect={false} data={kinds} {...form.getInputProps('kind')} />
          <Recurrence form={form} />
          <Begin form={form} />
        </Stack>
      </Fieldset>
      <Fieldset legend="Time frame">
        <Stack gap="sm">
          <Select label="Export Timeframe" required allowDeselect={false} data={frames} {...form.getInputProps('frame')} />
          {values.frame === 'fixed' && (
            <>
              <WallInput label="Start" required {...form.getInputProps('frameStart')} />
              <WallInput label="End" required description="The end itself is not included." {...form.getInputProps('frameEnd')} />
            </>
          )}
          {values.frame === 'sinceLast' && (
            <WallInput label="First run starts from" description="Leave the date empty to begin with the oldest record." {...form.getInputProps('frameStart')} />
          )}
        </Stack>
      </Fieldset>
      <Advanced form={form} />
    </>
  );
}

/** Two fields beside each other, where there is room for both. */
const half = { flex: '1 1 9rem', maw: 220 } as const;

function Recurrence({ form }: { form: EditorForm }) {
  const { kind, timeZone } = form.values;
  const at = <TextInput label={`Start at (HH:MM, ${timeZone})`} required {...half} maxLength={5} placeholder="02:00" inputMode="numeric" {...form.getInputProps('at')} />;
  switch (kind) {
    case 'once': return null;
    case 'hourly': return <NumberInput label="Every N hours" required min={1} max={24} w={190} description="Counted from 00:00 UTC of each day." {...form.getInputProps('every')} />;
    case 'daily': return <Group align="flex-end"><NumberInput label="Every N days" required min={1} max={31} {...half} {...form.getInputProps('every')} />{at}</Group>;
    case 'weekly': return <Group align="flex-end"><Select label="Day of week" required allowDeselect={false} data={weekdays} {...half} {...form.getInputProps('weekday')} />{at}</Group>;
    case 'monthly': return (
      <Group align="flex-end">
        <NumberInput label="Day of month" required min={1} max={31} {...half} description="Shorter months run on their last day." {...form.getInputProps('day')} />{at}
      </Group>
    );
  }
}

/** At once, or at a date and time. */
function Begin({ form }: { form: EditorForm }) {
  const { kind, immediately } = form.values;
  const once = kind === 'once';
  return (
    <>
      <Radio.Group label={once ? 'Start' : 'First start'} value={immediately ? 'now' : 'later'} onChange={(v) => form.setFieldValue('immediately', v === 'now')}>
        <Stack gap={6} mt={6}>
          <Radio value="now" label={once ? 'Start immediately' : 'At the next time of the schedule'} />
          <Radio value="later" label={once ? 'Start at a date and time' : 'Not before a date and time'} />
        </Stack>
      </Radio.Group>
      {!immediately && <WallInput label={once ? 'Start at' : 'Not before'} required {...form.getInputProps('startAt')} />}
      {!once && <Checkbox label="Also run once now, when saved" {...form.getInputProps('runNow', { type: 'checkbox' })} />}
    </>
  );
}

/** What most jobs leave as it is. It opens by itself where it holds a choice or an error, since neither may be hidden. */
function Advanced({ form }: { form: EditorForm }) {
  const { kind, type, timeZone, by, settlingMinutes, compression } = form.values;
  const [open, setOpen] = useState<string | null>(timeZone !== 'UTC' || by !== 'startDate' || compression !== 'default' || Number(settlingMinutes) > 0 ? 'advanced' : null);
  const wrong = form.errors.timeZone || form.errors.settlingMinutes || form.errors.by || form.errors.compression;
  return (
    <Accordion variant="contained" value={wrong ? 'advanced' : open} onChange={setOpen}>
      <Accordion.Item value="advanced">
        <Accordion.Control>Advanced</Accordion.Control>
        <Accordion.Panel>
          <Stack gap="sm">
            {kind !== 'once' && (
              <Select
                label="Time zone" searchable allowDeselect={false} data={zones} limit={100} nothingFoundMessage="No such zone"
                description="Of the start time. UTC never moves; other zones follow their daylight saving time." {...form.getInputProps('timeZone')}
              />
            )}
            {type === 'interaction' && (
              <Select
                label="Interactions belong to a time frame by" allowDeselect={false} {...form.getInputProps('by')}
                data={[{ value: 'startDate', label: 'Start date' }, { value: 'modifiedDate', label: 'Modified date (for incremental feeds)' }]}
              />
            )}
            <Select
              label="Compression" allowDeselect={false} w={220} {...form.getInputProps('compression')}
              description="Fast takes the least time, Small makes the smallest files."
              data={[{ value: 'fast', label: 'Fast' }, { value: 'default', label: 'Default' }, { value: 'small', label: 'Small' }]}
            />
            <NumberInput
              label="Settling delay (minutes)" min={0} max={10080} w={220} description="Waits after the start before reading, so that late records are in."
              {...form.getInputProps('settlingMinutes')}
            />
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}
