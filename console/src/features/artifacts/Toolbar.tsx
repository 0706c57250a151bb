import { Group, Text } from '@mantine/core';
import { IconDownload, IconReload, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Artifact } from '../../api/client';
import { refresh } from '../../api/live';
import { administratorOnly, useRights } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { confirmed, failed } from '../../components/notify';
import { SearchBox } from '../../components/SearchBox';
import { bytes, counted } from '../../lib/amount';
import { newKey } from '../../lib/key';
import { firstPage } from '../../lib/list';
import { forEach } from '../../lib/many';
import { archivePath, contentPath, startDownload } from './decrypt';
import { whyNotAgain } from './rules';
import type { ArtifactsSearch } from './search';

type Props = { selected: Artifact[]; search: ArtifactsSearch; onSearch: (change: Partial<ArtifactsSearch>) => void; onDone: () => void };

/** Downloads one file as it is, several as one tar. */
function download(selected: Artifact[]) {
  startDownload(selected.length === 1 ? contentPath(selected[0]!.id) : archivePath(selected.map((a) => a.id)));
  confirmed(selected.length === 1 ? 'The download has begun.' : `The download of ${selected.length} files as one archive (tar) has begun.`);
}

/** What can be done with the selected artifacts. */
export function Toolbar({ selected, search, onSearch, onDone }: Props) {
  const can = useRights();
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: (artifacts: Artifact[]) => forEach(artifacts, (a) => api.DELETE('/api/v1/artifacts/{id}', { params: { path: { id: a.id } } })),
    onSuccess: ({ done, failed: not }) => {
      for (const { item, error } of not.slice(0, 3)) failed(`"${item.name}" was not deleted`, error);
      if (done.length) confirmed(`Deleted ${counted(done.length, 'artifact')}.`);
      onDone();
    },
    onSettled: () => refresh(client),
  });
  const again = useMutation({
    mutationFn: (a: Artifact) => api.POST('/api/v1/runs/{id}/retry', { params: { path: { id: a.runId }, header: { 'Idempotency-Key': newKey() } } }),
    onSuccess: (_, a) => confirmed(`Exporting "${a.title}" again with the same window.`),
    onError: (error, a) => failed(`"${a.title}" is not exported again`, error),
    onSettled: () => refresh(client),
  });
  const nothing = selected.length === 0 ? 'select an artifact first' : undefined;
  const total = bytes(selected.reduce((sum, a) => sum + a.size, 0));
  const askDelete = () => askToDelete({
    title: `Delete ${counted(selected.length, 'artifact')}?`, names: selected.map((a) => a.name), action: `Delete ${counted(selected.length, 'artifact')}`,
    consequence: 'The files are removed from the storage at once. Their runs stay in History. This cannot be undone.',
    onConfirm: () => remove.mutate(selected),
  });
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="toolbar" aria-label="Actions on artifacts">
        <ActionButton label="Download" wide icon={<IconDownload size={15} aria-hidden />} reason={nothing} onClick={() => download(selected)} />
        <ActionButton label="Export again" icon={<IconReload size={16} aria-hidden />} reason={can.startRuns ? whyNotAgain(selected) : 'your role may not do this'} busy={again.isPending} onClick={() => again.mutate(selected[0]!)} />
        <ActionButton label="Delete" icon={<IconTrash size={16} aria-hidden />} danger reason={can.deleteArtifacts ? nothing : administratorOnly} busy={remove.isPending} onClick={askDelete} />
        <Text size="sm" c="dimmed" role="status">{selected.length > 0 && `${selected.length} selected, ${total}${selected.length > 1 ? ', as one archive' : ''}`}</Text>
      </Group>
      <SearchBox label="Search by name or job" value={search.q} onChange={(q) => onSearch({ q, ...firstPage })} />
    </Group>
  );
}
