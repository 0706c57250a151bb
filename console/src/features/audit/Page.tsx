import { Button, Stack } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, type AuditLine } from '../../api/client';
import { useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { FilterChip } from '../../components/FilterChip';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { firstPage, pageSize } from '../../lib/list';
import { useAuditColumns } from './columns';
import { LineDrawer } from './LineDrawer';
import { auditQuery, type AuditSearch } from './search';
import { Toolbar } from './Toolbar';

const route = getRouteApi('/inside/audit');
const defaultSort = '-at';
const none: AuditLine[] = [];

/** The events say nothing of the log, so its first page is asked for anew now and then. */
const every = 10_000;

/** Administration > Audit. */
export function AuditPage() {
  const can = useRights();
  if (!can.seeAudit) {
    return <><PageHead title="Audit" /><EmptyState title="Your role does not show the audit log">Only administrators of your tenant see it.</EmptyState></>;
  }
  return <Audit />;
}

function Audit() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<AuditSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const list = $api.useQuery(
    'get', '/api/v1/audit',
    { params: { query: { ...auditQuery(search), sort: search.sort ?? defaultSort, cursor: search.cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: search.cursor ? false : every },
  );
  const lines = list.data?.items ?? none;
  const [shown, setShown] = useState<AuditLine | null>(null);
  const columns = useAuditColumns(search, onSearch, setShown);

  return (
    <>
      <PageHead title="Audit" />
      {search.user && <FilterChip label="Show the lines of all users" onRemove={() => onSearch({ user: undefined, ...firstPage })}>Only lines of <strong>{search.user}</strong></FilterChip>}
      <Toolbar search={search} onSearch={onSearch} />
      {list.isPending && <ListSkeleton label="the audit log" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The audit log" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="Newer lines" retry={() => void list.refetch()} />}
          <DataTable
            label="audit lines" columns={columns} rows={lines} rowId={(l) => String(l.number)} stale={list.isPlaceholderData}
            search={search} defaultSort={defaultSort} onSearch={onSearch}
            empty={
              <EmptyState title="No line matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                Nothing in the log is what the filters and the search ask for.
              </EmptyState>
            }
          />
          <Pager label="audit lines" search={search} onSearch={onSearch} shown={lines.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
      <LineDrawer line={shown} onClose={() => setShown(null)} onSearch={onSearch} />
    </>
  );
}
