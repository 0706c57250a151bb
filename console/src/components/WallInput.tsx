import { Group, Input, TextInput } from '@mantine/core';
import { DateInput } from '@mantine/dates';
import { useId } from 'react';
import { clock, utcDay } from '../lib/time';

type Wall = { date: string | null; time: string };
type Props = { label: string; value?: Wall; onChange: (value: Wall) => void; error?: string; required?: boolean; description?: string };

const noWall: Wall = { date: null, time: '00:00' };

/** A date and a time of day in UTC: typed as YYYY-MM-DD and HH:MM, or the date picked from the calendar. */
export function WallInput({ label, value = noWall, onChange, error, required, description }: Props) {
  const id = useId();
  const describedBy = error ? `${id}-error` : undefined;
  return (
    <Input.Wrapper label={`${label} (UTC)`} labelElement="div" labelProps={{ id }} withAsterisk={required} description={description} error={error} errorProps={{ id: `${id}-error` }} role="group" aria-labelledby={id}>
      <Group gap="xs" wrap="nowrap" mt={4}>
        <DateInput
          aria-label={`${label}, date`} valueFormat="YYYY-MM-DD" placeholder="YYYY-MM-DD" w={140} clearable={!required} required={required} value={value.date} getDayProps={today}
          onChange={(date) => onChange({ ...value, date })} error={Boolean(error)} aria-describedby={describedBy} popoverProps={{ withinPortal: true }}
          clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
        />
        <TextInput
          aria-label={`${label}, time`} placeholder="HH:MM" w={90} maxLength={8} required={required} value={value.time} inputMode="numeric"
          onChange={(e) => onChange({ ...value, time: e.currentTarget.value })} error={Boolean(error)} aria-describedby={describedBy}
        />
      </Group>
    </Input.Wrapper>
  );
}

/** Marks today by UTC; the calendar itself would go by the browser's zone. */
function today(date: string) {
  return date === utcDay(clock.now().toISOString()) ? { 'aria-current': 'date' as const, fw: 700 } : {};
}
