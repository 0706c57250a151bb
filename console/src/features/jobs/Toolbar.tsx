import { ActionIcon, Group, Menu, Text } from '@mantine/core';
import { IconBolt, IconChevronDown, IconCopy, IconMenu2, IconPencil, IconPlayerPause, IconPlayerPlay, IconPlus, IconTrash } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import type { Job } from '../../api/client';
import { administratorOnly, useRights } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { ButtonLink } from '../../components/links';
import { SearchBox } from '../../components/SearchBox';
import { counted } from '../../lib/amount';
import { firstPage } from '../../lib/list';
import { useDeleteJobs, useRunNow, useSwitchJobs } from './actions';
import { single, whyNotDelete, whyNotEdit, whyNotResume, whyNotRun, whyNotSuspend } from './rules';
import type { JobsSearch } from './search';

type Props = { selected: Job[]; search: JobsSearch; onSearch: (change: Partial<JobsSearch>) => void; onDone: () => void };

const size = 16;

/** What can be done with the selected jobs. Each button says why it cannot be used now. */
export function Toolbar({ selected, search, onSearch, onDone }: Props) {
  const can = useRights();
  const navigate = useNavigate();
  const change = useSwitchJobs();
  const remove = useDeleteJobs();
  const runNow = useRunNow();
  const manage = (reason: string | undefined) => (can.manageJobs ? reason : administratorOnly);
  const [job] = selected;
  const askDelete = () => askToDelete({
    title: `Delete ${counted(selected.length, 'job')}?`, names: selected.map((j) => j.title), action: `Delete ${counted(selected.length, 'job')}`,
    consequence: 'No more runs start. Their runs stay in History, and their artifacts until they expire. This cannot be undone.',
    onConfirm: () => remove.mutate(selected, { onSuccess: onDone }),
  });
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="toolbar" aria-label="Actions on jobs">
        <AddButton selected={selected} />
        <ActionButton label="Edit" icon={<IconPencil size={size} aria-hidden />} reason={manage(whyNotEdit(selected))} onClick={() => void navigate({ to: '/jobs/$id/edit', params: { id: job!.id } })} />
        <ActionButton label="Delete" icon={<IconTrash size={size} aria-hidden />} danger reason={manage(whyNotDelete(selected))} busy={remove.isPending} onClick={askDelete} />
        <ActionButton label="History" wide icon={<IconMenu2 size={size} aria-hidden />} reason={single(selected)} onClick={() => void navigate({ to: '/history', search: { job: job!.id } })} />
        <ActionButton label="Run now" wide icon={<IconBolt size={size} aria-hidden />} reason={can.startRuns ? whyNotRun(selected) : 'your role may not start runs'} busy={runNow.isPending} onClick={() => runNow.mutate(job!)} />
        <ActionButton label="Suspend" wide icon={<IconPlayerPause size={size} aria-hidden />} reason={manage(whyNotSuspend(selected))} busy={change.isPending} onClick={() => change.mutate({ jobs: selected, to: 'suspended' })} />
        <ActionButton label="Resume" wide icon={<IconPlayerPlay size={size} aria-hidden />} reason={manage(whyNotResume(selected))} busy={change.isPending} onClick={() => change.mutate({ jobs: selected, to: 'active' })} />
        <Text size="sm" c="dimmed" role="status">{selected.length > 0 && `${selected.length} selected`}</Text>
      </Group>
      <SearchBox label="Search by title" value={search.q} onChange={(q) => onSearch({ q, ...firstPage })} />
    </Group>
  );
}

/** "Add new job", with "Clone selected" behind the arrow. */
function AddButton({ selected }: { selected: Job[] }) {
  const can = useRights();
  const navigate = useNavigate();
  if (!can.manageJobs) return null;
  const reason = single(selected);
  return (
    <Group gap={1} wrap="nowrap">
      <ButtonLink to="/jobs/new" leftSection={<IconPlus size={15} aria-hidden />} style={{ borderStartEndRadius: 0, borderEndEndRadius: 0 }}>Add new job</ButtonLink>
      <Menu position="bottom-end" withArrow withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <ActionIcon variant="filled" size={30} aria-label="More ways to add a job" style={{ borderStartStartRadius: 0, borderEndStartRadius: 0 }}><IconChevronDown size={15} aria-hidden /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconCopy size={15} aria-hidden />} aria-disabled={reason !== undefined || undefined} closeMenuOnClick={!reason}
            onClick={() => { if (!reason) void navigate({ to: '/jobs/new', search: { cloneJob: selected[0]!.id } }); }}
          >
            Clone selected
            {reason && <Text size="xs" c="dimmed">{reason}</Text>}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
