import { Button, Stack } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { $api, type Job } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { ButtonLink } from '../../components/links';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { pageSize } from '../../lib/list';
import { useJobColumns } from './columns';
import { keepPlace } from './place';
import type { JobsSearch } from './search';
import { Toolbar } from './Toolbar';

const route = getRouteApi('/inside/jobs');
const defaultSort = '-createdAt';
const none: Job[] = [];

/** Administration > Jobs. */
export function JobsPage() {
  const can = useRights();
  if (!can.seeJobs) {
    return <><PageHead title="Jobs" /><EmptyState title="Your role does not show jobs">Viewers see History only. Ask an administrator of your tenant for the role exporter or administrator.</EmptyState></>;
  }
  return <Jobs />;
}

function Jobs() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<JobsSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const { q, source, type, latest, state, sort, cursor } = search;
  useEffect(() => keepPlace(search), [search]);
  const list = $api.useQuery(
    'get', '/api/v1/jobs',
    { params: { query: { q, source, type, latest, state, sort: sort ?? defaultSort, cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: usePolling() },
  );
  const jobs = list.data?.items ?? none;
  const [selection, setSelection] = useState<string[]>([]);
  // What is not on show is not selected: nobody deletes what they cannot see.
  const selected = useMemo(() => jobs.filter((job) => selection.includes(job.id)), [jobs, selection]);
  const columns = useJobColumns(search, onSearch);
  const filtered = Boolean(q || source || type || latest || state || cursor);

  return (
    <>
      <PageHead title="Jobs" />
      <Toolbar selected={selected} search={search} onSearch={onSearch} onDone={() => setSelection([])} />
      {list.isPending && <ListSkeleton label="jobs" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The jobs" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="Newer jobs" retry={() => void list.refetch()} />}
          {jobs.length === 0 && !filtered ? <FirstUse /> : (
            <DataTable
              label="jobs" columns={columns} rows={jobs} rowId={(j) => j.id} rowName={(j) => j.title} stale={list.isPlaceholderData}
              search={search} defaultSort={defaultSort} onSearch={onSearch} selected={selected.map((j) => j.id)} onSelect={setSelection}
              empty={
                <EmptyState title="No job matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                  None of the tenant's jobs has what the filters and the search ask for.
                </EmptyState>
              }
            />
          )}
          <Pager label="jobs" search={search} onSearch={onSearch} shown={jobs.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
    </>
  );
}

function FirstUse() {
  const can = useRights();
  return (
    <EmptyState title="No jobs yet" action={can.manageJobs && <ButtonLink to="/jobs/new">Add new job</ButtonLink>}>
      A job says what is exported from Contact History, how often, and for which time frame. Each of its runs makes files that only the owner of the certificate can read.
    </EmptyState>
  );
}
