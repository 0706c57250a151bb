import { Switch, Tooltip } from '@mantine/core';
import { useMemo } from 'react';
import type { Job } from '../../api/client';
import { administratorOnly, useRights } from '../../app/session';
import { column, type Columns } from '../../components/DataTable';
import { FilterMenu } from '../../components/FilterMenu';
import { runStates, RunStatus } from '../../components/RunStatus';
import { Utc } from '../../components/Utc';
import { firstPage, join, split } from '../../lib/list';
import { scheduleWords, sourceNames, sourceOptions, typeNames, typeOptions } from '../../lib/words';
import { useSwitchJobs } from './actions';
import { oneTime, whyNotSwitch } from './rules';
import { latestStates, type JobsSearch } from './search';

const latestOptions = latestStates.map((value) => ({ value, label: runStates[value].label }));
const stateOptions = [{ value: 'active', label: 'Active' }, { value: 'suspended', label: 'Suspended' }];

type FilterKey = 'source' | 'type' | 'latest' | 'state';

/** The columns of the Jobs page, with the filters in their headers. */
export function useJobColumns(search: JobsSearch, onSearch: (change: Partial<JobsSearch>) => void): Columns<Job> {
  // New columns are new elements: what the focus was on would be gone. Only what the filters show makes new ones.
  const key = JSON.stringify([search.source, search.type, search.latest, search.state]);
  return useMemo(() => {
    const filter = (name: FilterKey, label: string, options: { value: string; label: string }[]) => (
      <FilterMenu label={label} options={options} value={split(search[name])} onChange={(value) => onSearch({ [name]: join(value), ...firstPage })} />
    );
    return [
      column<Job>('source', { label: 'Source', minor: true, filter: filter('source', 'source', sourceOptions) }, (job) => sourceNames[job.source] ?? job.source),
      column<Job>('type', { label: 'Type', filter: filter('type', 'type', typeOptions) }, (job) => typeNames[job.type] ?? job.type),
      column<Job>('title', { label: 'Title', grow: true }, (job) => <span title={`${job.title}\n${scheduleWords(job.schedule)}`}>{job.title}</span>),
      column<Job>('createdAt', { label: 'Created Date (UTC)', minor: true }, (job) => <Utc at={job.createdAt} />),
      column<Job>('latestState', { label: 'Latest Status', filter: filter('latest', 'latest status', latestOptions) }, (job) => <LatestStatus job={job} />),
      column<Job>('latestStartedAt', { label: 'Latest Started At (UTC)' }, (job) => <Utc at={job.latestRun?.startedAt} />),
      column<Job>('nextStartsAt', { label: 'Next Starts At (UTC)' }, (job) => <NextStart job={job} />),
      column<Job>('state', { label: 'Active', filter: filter('state', 'active or suspended', stateOptions) }, (job) => <ActiveSwitch job={job} />, false),
    ];
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
}

function LatestStatus({ job }: { job: Job }) {
  const run = job.latestRun;
  return <RunStatus state={run?.state ?? 'none'} title={job.title} progress={run?.progress} noData={run?.noData} error={run?.error} />;
}

/** A recurring job without a start to come is suspended; a one-time job has had its start. */
function NextStart({ job }: { job: Job }) {
  if (!job.nextStartsAt && job.state === 'suspended' && !oneTime(job)) return <>Suspended</>;
  return <Utc at={job.nextStartsAt} relative />;
}

/** The slider between active and suspended. */
function ActiveSwitch({ job }: { job: Job }) {
  const can = useRights();
  const change = useSwitchJobs();
  const active = job.state === 'active';
  const reason = can.manageJobs ? whyNotSwitch(job) : `Changing this is not yours: ${administratorOnly}.`;
  const slider = (
    <Switch
      size="xs" checked={active} aria-label={`${job.title}: active`} aria-disabled={reason !== undefined || undefined} aria-busy={change.isPending || undefined} withThumbIndicator={false}
      styles={reason ? { track: { opacity: 0.6, cursor: 'not-allowed' } } : undefined}
      onChange={() => { if (!reason && !change.isPending) change.mutate({ jobs: [job], to: active ? 'suspended' : 'active' }); }}
    />
  );
  return <Tooltip label={reason ?? (active ? 'Active. Switch off to suspend.' : 'Suspended. Switch on to resume.')} refProp="rootRef">{slider}</Tooltip>;
}
