import { Button, Stack } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { $api, type Run } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { FilterChip } from '../../components/FilterChip';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { firstPage, pageSize } from '../../lib/list';
import { useRunColumns } from './columns';
import { RunDrawer } from './RunDrawer';
import type { HistorySearch } from './search';
import { Toolbar } from './Toolbar';

const route = getRouteApi('/inside/history');
const defaultSort = '-createdAt';
const none: Run[] = [];

/** Export > History. */
export function HistoryPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<HistorySearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const { q, source, type, state, job, sort, cursor } = search;
  const list = $api.useQuery(
    'get', '/api/v1/runs',
    { params: { query: { q, source, type, state, job, sort: sort ?? defaultSort, cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: usePolling() },
  );
  const runs = list.data?.items ?? none;
  const [selection, setSelection] = useState<string[]>([]);
  const selected = useMemo(() => runs.filter((run) => selection.includes(run.id)), [runs, selection]);
  const columns = useRunColumns(search, onSearch);
  const filtered = Boolean(q || source || type || state || job || cursor);

  return (
    <>
      <PageHead title="History" />
      {job && <JobFilter id={job} known={runs.find((r) => r.jobId === job)?.job.title} onRemove={() => onSearch({ job: undefined, ...firstPage })} />}
      <Toolbar selected={selected} search={search} onSearch={onSearch} onDone={() => setSelection([])} />
      {list.isPending && <ListSkeleton label="runs" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The runs" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="Newer runs" retry={() => void list.refetch()} />}
          {runs.length === 0 && !filtered ? (
            <EmptyState title="No runs yet">Each time a job runs, it stands here with its window, its records and its files.</EmptyState>
          ) : (
            <DataTable
              label="runs" columns={columns} rows={runs} rowId={(r) => r.id} rowName={(r) => `the run of ${r.job.title}`} stale={list.isPlaceholderData}
              search={search} defaultSort={defaultSort} onSearch={onSearch} selected={selected.map((r) => r.id)} onSelect={setSelection}
              empty={
                <EmptyState title="No run matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                  There is no run that has what the filters and the search ask for.
                </EmptyState>
              }
            />
          )}
          <Pager label="runs" search={search} onSearch={onSearch} shown={runs.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
      <RunDrawer id={search.run} onClose={() => onSearch({ run: undefined })} onOpen={(run) => onSearch({ run })} />
    </>
  );
}

/** Says whose runs are on show. The title comes from a run on show, or from the job where there is none. */
function JobFilter({ id, known, onRemove }: { id: string; known: string | undefined; onRemove: () => void }) {
  const can = useRights();
  const job = $api.useQuery('get', '/api/v1/jobs/{id}', { params: { path: { id } } }, { enabled: known === undefined && can.seeJobs });
  const title = known ?? job.data?.title;
  return <FilterChip label="Show the runs of all jobs" onRemove={onRemove}>Only runs of {title ? <strong>{title}</strong> : 'one job'}</FilterChip>;
}
