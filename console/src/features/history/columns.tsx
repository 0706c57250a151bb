import { Anchor, Group, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import type { Run } from '../../api/client';
import { useRights } from '../../app/session';
import { column, type Columns } from '../../components/DataTable';
import { Damaged } from '../../components/Damaged';
import { FilterMenu } from '../../components/FilterMenu';
import { TextLink } from '../../components/links';
import { runStates, RunStatus } from '../../components/RunStatus';
import { Utc } from '../../components/Utc';
import { bytes, count, counted } from '../../lib/amount';
import { firstPage, join, split } from '../../lib/list';
import { duration, secondsBetween } from '../../lib/time';
import { damagedWords, sourceNames, sourceOptions, typeNames, typeOptions, windowShort, windowWords } from '../../lib/words';
import { states, type HistorySearch } from './search';

const stateOptions = states.map((value) => ({ value, label: runStates[value].label }));

type FilterKey = 'source' | 'type' | 'state';

/** The columns of History, with the filters in their headers. */
export function useRunColumns(search: HistorySearch, onSearch: (change: Partial<HistorySearch>) => void): Columns<Run> {
  // New columns are new elements: what the focus was on would be gone. Only what the filters show makes new ones.
  const key = JSON.stringify([search.source, search.type, search.state]);
  return useMemo(() => {
    const filter = (name: FilterKey, label: string, options: { value: string; label: string }[]) => (
      <FilterMenu label={label} options={options} value={split(search[name])} onChange={(value) => onSearch({ [name]: join(value), ...firstPage })} />
    );
    return [
      column<Run>('source', { label: 'Source', minor: true, filter: filter('source', 'source', sourceOptions) }, (run) => sourceNames[run.job.source] ?? run.job.source, false),
      column<Run>('type', { label: 'Type', filter: filter('type', 'type', typeOptions) }, (run) => typeNames[run.job.type] ?? run.job.type),
      column<Run>('title', { label: 'Title', grow: true }, (run) => <Title run={run} open={() => onSearch({ run: run.id })} />),
      column<Run>('state', { label: 'State', filter: filter('state', 'state', stateOptions) }, (run) => (
        <Group gap={4} wrap="nowrap">
          <RunStatus state={run.state} title={run.job.title} progress={run.progress} noData={run.noData} error={run.error} />
          {run.damagedArtifacts > 0 && <Damaged reason={damagedWords(run.damagedArtifacts)} />}
        </Group>
      )),
      column<Run>('startedAt', { label: 'Started (UTC)' }, (run) => <Utc at={run.startedAt} />),
      column<Run>('finishedAt', { label: 'Finished (UTC)', minor: true }, (run) => <Utc at={run.finishedAt} after={run.startedAt} />),
      column<Run>('duration', { label: 'Duration', num: true }, (run) => <Took run={run} />, false),
      column<Run>('window', { label: 'Window (UTC)' }, (run) => <span title={windowWords(run.window)}>{windowShort(run.window)}</span>, false),
      column<Run>('records', { label: 'Records', num: true }, (run) => count(run.progress.records)),
      column<Run>('bytes', { label: 'Size', num: true }, (run) => (run.artifacts ? bytes(run.size) : '–')),
      column<Run>('files', { label: 'Files', num: true }, (run) => <Files run={run} />, false),
    ];
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
}

/** The way to a run's files. */
function Files({ run }: { run: Run }) {
  const can = useRights();
  if (run.artifacts === 0 || !can.seeArtifacts) return count(run.artifacts);
  return <TextLink to="/artifacts" search={{ run: run.id }} size="sm" aria-label={`${counted(run.artifacts, 'file')} of ${run.job.title}`}>{count(run.artifacts)}</TextLink>;
}

function Title({ run, open }: { run: Run; open: () => void }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Anchor component="button" type="button" size="sm" onClick={open} title={run.job.title} style={{ overflow: 'hidden', textOverflow: 'ellipsis', textAlign: 'left' }}>{run.job.title}</Anchor>
      {run.jobDeleted && <Text span size="xs" c="dimmed">(job deleted)</Text>}
    </Group>
  );
}

/** How long a run took; it counts on while the run works. */
export function Took({ run }: { run: Run }) {
  const working = run.state === 'in_progress';
  const [, tick] = useState(0);
  useEffect(() => {
    if (!working) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [working]);
  return run.startedAt ? duration(secondsBetween(run.startedAt, run.finishedAt)) : '–';
}
