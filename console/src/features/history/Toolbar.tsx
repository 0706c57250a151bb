import { Group, Text } from '@mantine/core';
import { IconBan, IconCopy, IconFileZip, IconInfoCircle, IconReload, IconTrash } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import type { Run } from '../../api/client';
import { administratorOnly, useRights } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { SearchBox } from '../../components/SearchBox';
import { counted } from '../../lib/amount';
import { firstPage } from '../../lib/list';
import { utc } from '../../lib/time';
import { useRunActions } from './actions';
import { exportsAgain, single, whyNotCancel, whyNotDelete, whyNotFiles, whyNotRetry } from './rules';
import type { HistorySearch } from './search';

type Props = { selected: Run[]; search: HistorySearch; onSearch: (change: Partial<HistorySearch>) => void; onDone: () => void };

const size = 16;
const roleMayNot = 'your role may not do this';

/** What can be done with the selected runs. */
export function Toolbar({ selected, search, onSearch, onDone }: Props) {
  const can = useRights();
  const navigate = useNavigate();
  const { cancel, retry, remove } = useRunActions();
  const [run] = selected;
  const askDelete = () => askToDelete({
    title: `Delete ${counted(selected.length, 'run')}?`, names: selected.map((r) => `${r.job.title}, ${utc(r.scheduledFor)} UTC`), action: `Delete ${counted(selected.length, 'run')}`,
    consequence: 'Their artifacts are deleted with them, also those nobody has downloaded. This cannot be undone.',
    onConfirm: () => remove.mutate(selected, { onSuccess: onDone }),
  });
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="toolbar" aria-label="Actions on runs">
        <ActionButton label="View details" icon={<IconInfoCircle size={size} aria-hidden />} reason={single(selected)} onClick={() => onSearch({ run: run!.id })} />
        <ActionButton label="Cancel" icon={<IconBan size={size} aria-hidden />} reason={can.cancelRuns ? whyNotCancel(selected) : roleMayNot} busy={cancel.isPending} onClick={() => cancel.mutate(selected)} />
        <ActionButton label={exportsAgain(selected.length === 1 ? run : undefined) ? 'Export again' : 'Retry'} icon={<IconReload size={size} aria-hidden />} reason={can.startRuns ? whyNotRetry(selected) : roleMayNot} busy={retry.isPending} onClick={() => retry.mutate(run!)} />
        <ActionButton label="Clone this instance" icon={<IconCopy size={size} aria-hidden />} reason={can.manageJobs ? single(selected) : administratorOnly} onClick={() => void navigate({ to: '/jobs/new', search: { cloneRun: run!.id } })} />
        <ActionButton label="Show files" icon={<IconFileZip size={size} aria-hidden />} reason={can.seeArtifacts ? whyNotFiles(selected) : roleMayNot} onClick={() => void navigate({ to: '/artifacts', search: { run: run!.id } })} />
        <ActionButton label="Delete" icon={<IconTrash size={size} aria-hidden />} danger reason={can.deleteRuns ? whyNotDelete(selected) : administratorOnly} busy={remove.isPending} onClick={askDelete} />
        <Text size="sm" c="dimmed" role="status">{selected.length > 0 && `${selected.length} selected`}</Text>
      </Group>
      <SearchBox label="Search by title" value={search.q} onChange={(q) => onSearch({ q, ...firstPage })} />
    </Group>
  );
}
