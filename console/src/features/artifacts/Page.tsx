import { Button, Stack } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { $api, type Artifact } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useRights } from '../../app/session';
import { DataTable } from '../../components/DataTable';
import { FilterChip } from '../../components/FilterChip';
import { PageHead } from '../../components/PageHead';
import { Pager } from '../../components/Pager';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { firstPage, pageSize } from '../../lib/list';
import { useArtifactColumns } from './columns';
import { DecryptDialog } from './DecryptDialog';
import type { ArtifactsSearch } from './search';
import { Toolbar } from './Toolbar';

const route = getRouteApi('/inside/artifacts');
const defaultSort = '-createdAt';
const none: Artifact[] = [];

/** Export > Artifacts. */
export function ArtifactsPage() {
  const can = useRights();
  if (!can.seeArtifacts) {
    return <><PageHead title="Artifacts" /><EmptyState title="Your role does not show artifacts">Viewers see History only. Ask an administrator of your tenant for the role exporter.</EmptyState></>;
  }
  return <Artifacts />;
}

function Artifacts() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onSearch = (change: Partial<ArtifactsSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), resetScroll: false });
  const { q, type, job, run, sort, cursor } = search;
  const list = $api.useQuery(
    'get', '/api/v1/artifacts',
    { params: { query: { q, type, job, run, sort: sort ?? defaultSort, cursor, limit: pageSize(search) } } },
    { placeholderData: keepPreviousData, refetchInterval: usePolling() },
  );
  const artifacts = list.data?.items ?? none;
  const [selection, setSelection] = useState<string[]>([]);
  const [shown, setShown] = useState<Artifact | null>(null);
  const selected = useMemo(() => artifacts.filter((a) => selection.includes(a.id)), [artifacts, selection]);
  const columns = useArtifactColumns(search, onSearch, setShown);
  const filtered = Boolean(q || type || job || run || cursor);

  return (
    <>
      <PageHead title="Artifacts" />
      {run && <FilterChip label="Show the files of all runs" onRemove={() => onSearch({ run: undefined, ...firstPage })}>Only files of one run{artifacts[0] && <> of <strong>{artifacts[0].title}</strong></>}</FilterChip>}
      <Toolbar selected={selected} search={search} onSearch={onSearch} onDone={() => setSelection([])} />
      {list.isPending && <ListSkeleton label="artifacts" />}
      {list.isError && !list.data && <ErrorState error={list.error} what="The artifacts" retry={() => void list.refetch()} />}
      {list.data && (
        <Stack gap={0}>
          {list.isError && <ErrorState error={list.error} what="Newer artifacts" retry={() => void list.refetch()} />}
          {artifacts.length === 0 && !filtered ? (
            <EmptyState title="No artifacts yet">When a run finishes, its encrypted files stand here until their remaining days are over.</EmptyState>
          ) : (
            <DataTable
              label="artifacts" columns={columns} rows={artifacts} rowId={(a) => a.id} rowName={(a) => a.name} stale={list.isPlaceholderData}
              search={search} defaultSort={defaultSort} onSearch={onSearch} selected={selected.map((a) => a.id)} onSelect={setSelection}
              empty={
                <EmptyState title="No artifact matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Clear filters</Button>}>
                  There is no file that has what the filters and the search ask for. Files are removed when their remaining days are over.
                </EmptyState>
              }
            />
          )}
          <Pager label="artifacts" search={search} onSearch={onSearch} shown={artifacts.length} total={list.data.total} atLeast={list.data.totalAtLeast} nextCursor={list.data.nextCursor} />
        </Stack>
      )}
      <DecryptDialog artifact={shown} onClose={() => setShown(null)} />
    </>
  );
}
