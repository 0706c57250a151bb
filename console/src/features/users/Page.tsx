import { Button, Stack } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { $api, type User } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useMe, useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { pageSize } from '../../lib/list';
import { useUserColumns } from './columns';
import type { UsersSearch } from './search';
import { Toolbar } from './Toolbar';

const route = getRouteApi('/inside/users');
const defaultSort = 'username';
const none: User[] = [];

/** Administration > Users. */
export function UsersPage() {
  const can = useRights();
  if (!can.manageUsers) {
    return <><PageHead title="Users" /><EmptyState title="Your role does not show users">Only administrators of your tenant see and change its users.</EmptyState></>;
  }
  return <Users />;
}

function Users() {
  const me = useMe();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<UsersSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const { q, role, state, sort, cursor } = search;
  const list = $api.useQuery(
    'get', '/api/v1/users',
    { params: { query: { q, role, state, sort: sort ?? defaultSort, cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: usePolling() },
  );
  const users = list.data?.items ?? none;
  const [selection, setSelection] = useState<string[]>([]);
  const selected = useMemo(() => users.filter((u) => selection.includes(u.id)), [users, selection]);
  const columns = useUserColumns(me.username, search, onSearch);

  return (
    <>
      <PageHead title="Users" />
      <Toolbar selected={selected} search={search} onSearch={onSearch} onDone={() => setSelection([])} />
      {list.isPending && <ListSkeleton label="users" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The users" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="Newer users" retry={() => void list.refetch()} />}
          <DataTable
            label="users" columns={columns} rows={users} rowId={(u) => u.id} rowName={(u) => u.username} stale={list.isPlaceholderData}
            search={search} defaultSort={defaultSort} onSearch={onSearch} selected={selected.map((u) => u.id)} onSelect={setSelection}
            empty={
              <EmptyState title="No user matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                None of the tenant's users has what the filters and the search ask for.
              </EmptyState>
            }
          />
          <Pager label="users" search={search} onSearch={onSearch} shown={users.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
    </>
  );
}
