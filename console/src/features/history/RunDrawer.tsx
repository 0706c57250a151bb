import { Alert, Drawer, Group, Stack, Text } from '@mantine/core';
import { $api, type Run } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useRights } from '../../app/session';
import { ErrorState, ListSkeleton } from '../../components/states';
import { RunBar, RunStatus } from '../../components/RunStatus';
import { TextLink } from '../../components/links';
import { bytes, count } from '../../lib/amount';
import { local, remaining, utc } from '../../lib/time';
import { damagedWords, windowWords } from '../../lib/words';
import { Took } from './columns';
import { RunButtons } from './RunButtons';
import { Attempts, Downloads, FrozenJob, Manifest } from './RunParts';

type Props = { id: string | undefined; onClose: () => void; onOpen: (id: string) => void };

const triggers = { schedule: 'its schedule', manual: 'a person', retry: 'a person, as a retry' } as const;

/** All that is known of one run. Its address can be shared: the run's id is in it. */
export function RunDrawer({ id, onClose, onOpen }: Props) {
  const polling = usePolling();
  const run = $api.useQuery(
    'get', '/api/v1/runs/{id}', { params: { path: { id: id ?? '' } } },
    { enabled: id !== undefined, placeholderData: undefined, refetchInterval: (q) => (working(q.state.data) ? 1000 : polling) },
  );
  return (
    <Drawer opened={id !== undefined} onClose={onClose} position="right" size="xl" title="Run details" closeButtonProps={{ 'aria-label': 'Close the details' }}>
      {run.isPending && id && <ListSkeleton label="the run" />}
      {run.isError && <ErrorState error={run.error} what="The run" retry={() => void run.refetch()} />}
      {run.data && <Details run={run.data} onOpen={onOpen} onClose={onClose} />}
    </Drawer>
  );
}

const working = (run: Run | undefined) => run?.state === 'in_progress' || run?.state === 'queued';

function Moment({ at }: { at: string | null }) {
  return at ? <><time dateTime={at}>{utc(at)} UTC</time> <Text span size="sm" c="dimmed">({local(at)})</Text></> : <>–</>;
}

function Details({ run, onOpen, onClose }: { run: Run; onOpen: (id: string) => void; onClose: () => void }) {
  const { progress } = run;
  const can = useRights();
  const files = `${count(run.artifacts)}, ${bytes(run.size)}`;
  return (
    <Stack gap="lg">
      <Stack gap="xs">
        <Group gap="sm"><Text component="h2" fw={600} size="lg" style={{ overflowWrap: 'anywhere' }}>{run.job.title}</Text>{run.state !== 'in_progress' && <RunStatus state={run.state} title={run.job.title} noData={run.noData} />}</Group>
        {run.error && <Alert color="red" title={run.error.message}>{run.error.hint}</Alert>}
        {run.damagedArtifacts > 0 && (
          <Alert color="red" title={damagedWords(run.damagedArtifacts)}>
            The files stand under Artifacts with the reason. Export again makes them anew: a new run of the same job and window.
          </Alert>
        )}
        {run.noData && <Text size="sm">There was no data in the window, so there is no file.</Text>}
        {run.state === 'in_progress' && <Group gap="sm"><RunBar title={run.job.title} progress={progress} /><Text size="sm">{progress.waiting ?? `${progress.etaSeconds === null ? 'Estimating the time remaining' : `${remaining(progress.etaSeconds)} remaining`}, ${count(progress.recordsPerSecond)} records per second`}</Text></Group>}
        {run.state === 'queued' && progress.waiting && <Text size="sm">{progress.waiting}</Text>}
        <Group gap="xs" role="toolbar" aria-label="Actions on this run"><RunButtons selected={[run]} onDeleted={onClose} onRetried={(made) => onOpen(made.id)} /></Group>
      </Stack>
      <dl className="pairs">
        <dt>Run id</dt><dd>{run.id}</dd>
        <dt>Started by</dt><dd>{triggers[run.trigger]}</dd>
        <dt>Scheduled for</dt><dd><Moment at={run.scheduledFor} /></dd>
        <dt>Started at</dt><dd><Moment at={run.startedAt} /></dd>
        <dt>Finished at</dt><dd><Moment at={run.finishedAt} /></dd>
        <dt>Duration</dt><dd><Took run={run} /></dd>
        <dt>Window (UTC)</dt><dd>{windowWords(run.window)}</dd>
        <dt>Records</dt><dd>{count(progress.records)}{progress.totalRecords !== null && run.state === 'in_progress' && ` of ${count(progress.totalRecords)}`}</dd>
        {run.ranges && <><dt>Ranges done</dt><dd>{count(run.ranges.done)} of {count(run.ranges.total)}, shared by workers</dd></>}
        <dt>Files</dt>
        <dd>{run.artifacts === 0 ? 'none' : can.seeArtifacts ? <TextLink to="/artifacts" search={{ run: run.id }} size="sm">{files}</TextLink> : files}</dd>
        {run.retryOf && <><dt>Retry of</dt><dd><TextLink to="/history" search={{ run: run.retryOf }} size="sm" onClick={() => onOpen(run.retryOf!)}>{run.retryOf}</TextLink></dd></>}
      </dl>
      <FrozenJob run={run} />
      <Attempts run={run} />
      {run.state === 'finished' && <Manifest id={run.id} />}
      {run.artifacts > 0 && <Downloads id={run.id} />}
    </Stack>
  );
}
