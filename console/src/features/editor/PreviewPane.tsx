import { Alert, Fieldset, List, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData } from '@tanstack/react-query';
import { $api, asProblem, type JobSpec, type Preview } from '../../api/client';
import { count } from '../../lib/amount';
import { local, localShort, utcShort, utcWeekday } from '../../lib/time';
import { windowWords } from '../../lib/words';
import { toSpec, validate, type Values } from './form';

const pause = 300;

/** The job as it would be, for the preview: the title does not matter to it. */
function previewSpec(values: Values): string {
  const titled = { ...values, title: 'Preview', description: '' };
  return Object.keys(validate(titled)).length === 0 ? JSON.stringify(toSpec(titled)) : '';
}

/** What the job would do: next starts, window, records. Computed by the service with the scheduler's own rules. */
export function PreviewPane({ values, idle }: { values: Values; idle?: boolean }) {
  const [now] = useDebouncedValue(previewSpec(values), pause);
  const spec = idle ? '' : now;
  const preview = $api.useQuery(
    'post', '/api/v1/jobs/preview', { body: (spec ? JSON.parse(spec) : {}) as JobSpec },
    { enabled: spec !== '', placeholderData: keepPreviousData, retry: false, staleTime: 10_000, refetchOnWindowFocus: false },
  );
  return (
    <Fieldset legend="Preview" aria-live="polite">
      {idle && <Text size="sm" c="dimmed">This job has had its start.</Text>}
      {!idle && spec === '' && <Text size="sm" c="dimmed">Complete the fields to see when the job runs and what it exports.</Text>}
      {spec !== '' && preview.isPending && <Text size="sm" c="dimmed">Working it out ...</Text>}
      {spec !== '' && preview.isError && <Text size="sm" c="dimmed">No preview: {asProblem(preview.error).message} {asProblem(preview.error).fields.map((f) => f.message).join(' ')} Saving is still possible.</Text>}
      {spec !== '' && preview.data && !preview.isError && <Found preview={preview.data} values={values} />}
    </Fieldset>
  );
}

/** A file above this many records may be too large for OpenSSL: 1.5 GB at a rough 1,000 bytes for each. */
const manyRecords = 1_500_000;

function Found({ preview, values }: { preview: Preview; values: Values }) {
  const starts = preview.nextStarts ?? [];
  const records = preview.estimatedRecords;
  return (
    <Stack gap="sm">
      <div>
        <Text size="sm" fw={600}>{starts.length > 1 ? 'Next starts' : 'Start'}</Text>
        {starts.length === 0 && <Text size="sm">{values.kind === 'once' ? 'As soon as it is saved' : 'No start is to come'}</Text>}
        <List size="sm" listStyleType="none">
          {starts.map((at) => (
            <List.Item key={at}>
              <time dateTime={at} title={`${local(at)} (your time)`}>{utcWeekday(at)} {utcShort(at)} UTC</time> <Text span size="sm" c="dimmed">({localShort(at)})</Text>
            </List.Item>
          ))}
        </List>
      </div>
      <div>
        <Text size="sm" fw={600}>Window of the next run (UTC)</Text>
        <Text size="sm">{windowWords(preview.window)}</Text>
      </div>
      <div>
        <Text size="sm" fw={600}>Records in it now</Text>
        <Text size="sm">
          {records === null ? 'The source does not answer now; the job can be saved all the same.' : `${preview.estimateExact ? '' : 'About '}${count(records)} ${values.type === 'contact' ? 'contacts' : 'interactions'}`}
        </Text>
      </div>
      {(preview.tiling === 'gaps' || preview.tiling === 'overlaps') && <Alert color="yellow" p="xs" role="status">{preview.tilingNote}</Alert>}
      {preview.tiling === 'tiles' && <Text size="sm" c="dimmed">{preview.tilingNote}</Text>}
      {!values.split && records !== null && records > manyRecords && (
        <Alert color="yellow" p="xs" role="status">This may give a file that OpenSSL cannot open (above 2 GB). Choose a file split size, for example 1 GiB.</Alert>
      )}
    </Stack>
  );
}
