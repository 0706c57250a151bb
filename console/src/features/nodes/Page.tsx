import { Button, Group, Stack, Text } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { $api, type Node } from '../../api/client';
import { useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { SearchBox } from '../../components/SearchBox';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { firstPage, pageSize } from '../../lib/list';
import { useNodeColumns } from './columns';
import type { NodesSearch } from './search';

const route = getRouteApi('/inside/nodes');
const defaultSort = 'name';
const none: Node[] = [];

/** Nodes report every five seconds, and the events say nothing of them. */
const every = 5_000;

/** Administration > Nodes. */
export function NodesPage() {
  const can = useRights();
  if (!can.seeNodes) {
    return <><PageHead title="Nodes" /><EmptyState title="Your role does not show nodes">Only administrators see the nodes of the deployment.</EmptyState></>;
  }
  return <Nodes />;
}

function Nodes() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<NodesSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const { q, role, state, sort, cursor } = search;
  const list = $api.useQuery(
    'get', '/api/v1/nodes',
    { params: { query: { q, role, state, sort: sort ?? defaultSort, cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: every },
  );
  const nodes = list.data?.items ?? none;
  const columns = useNodeColumns(search, onSearch);

  return (
    <>
      <PageHead title="Nodes" />
      <Group justify="space-between" mb="sm" gap="sm">
        <Text size="sm" c="dimmed">The processes that serve all tenants. The operator starts and stops them.</Text>
        <SearchBox label="Search by name" value={search.q} onChange={(text) => onSearch({ q: text, ...firstPage })} />
      </Group>
      {list.isPending && <ListSkeleton label="nodes" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The nodes" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="What nodes do now" retry={() => void list.refetch()} />}
          <DataTable
            label="nodes" columns={columns} rows={nodes} rowId={(n) => n.name} rowName={(n) => n.name} stale={list.isPlaceholderData}
            search={search} defaultSort={defaultSort} onSearch={onSearch}
            empty={
              <EmptyState title="No node matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                None of the nodes has what the filters and the search ask for.
              </EmptyState>
            }
          />
          <Pager label="nodes" search={search} onSearch={onSearch} shown={nodes.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
    </>
  );
}
