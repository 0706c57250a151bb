import { Button, Group, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconArrowsExchange, IconKey, IconPlus, IconUserCheck, IconUserOff, IconUserShield } from '@tabler/icons-react';
import { useState } from 'react';
import type { User } from '../../api/client';
import { useMe } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { SearchBox } from '../../components/SearchBox';
import { counted } from '../../lib/amount';
import { firstPage } from '../../lib/list';
import { useSwitchUsers, useTakeOver } from './actions';
import { ChangeRole, ResetPassword } from './ChangeUser';
import { NewUser } from './NewUser';
import { single, whyNotActivate, whyNotDeactivate, whyNotReset, whyNotTakeOver } from './rules';
import type { UsersSearch } from './search';

type Props = { selected: User[]; search: UsersSearch; onSearch: (change: Partial<UsersSearch>) => void; onDone: () => void };

type Open = { what: 'add' } | { what: 'role' | 'password'; user: User } | null;

/** What can be done with users. Each button says why it cannot be used now. */
export function Toolbar({ selected, search, onSearch, onDone }: Props) {
  const me = useMe();
  const change = useSwitchUsers();
  const take = useTakeOver();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const [user] = selected;
  const jobs = user && selected.length === 1 && user.jobs > 0 ? `Take over ${counted(user.jobs, 'job')}` : 'Take over jobs';
  const askDeactivate = () => {
    const active = selected.filter((u) => u.state === 'active');
    askToDelete({
      title: `Deactivate ${counted(active.length, 'user')}?`, names: active.map((u) => u.username), action: `Deactivate ${counted(active.length, 'user')}`,
      consequence: 'Their sessions end at once, and their API tokens are refused. Runs of their jobs fail before any data is read, until an administrator takes the jobs over.',
      onConfirm: () => change.mutate({ users: active, to: 'deactivated' }, { onSuccess: onDone }),
    });
  };
  const askTakeOver = () => modals.openConfirmModal({
    title: `${jobs} of ${user!.username}?`, closeButtonProps: { 'aria-label': 'Close' }, labels: { confirm: jobs, cancel: 'Cancel' },
    children: <Text size="sm">You become the owner. Runs from now on are encrypted to your certificate, so only your private key opens them. Files that exist stay as they are.</Text>,
    onConfirm: () => take.mutate(user!),
  });
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="toolbar" aria-label="Actions on users">
        <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setOpen({ what: 'add' })}>Add user</Button>
        <ActionButton label="Change role" wide icon={<IconUserShield size={16} aria-hidden />} reason={single(selected)} onClick={() => setOpen({ what: 'role', user: user! })} />
        <ActionButton label="Reset password" wide icon={<IconKey size={16} aria-hidden />} reason={whyNotReset(selected, me)} onClick={() => setOpen({ what: 'password', user: user! })} />
        <ActionButton label="Deactivate" wide icon={<IconUserOff size={16} aria-hidden />} danger reason={whyNotDeactivate(selected)} busy={change.isPending} onClick={askDeactivate} />
        <ActionButton label="Activate" wide icon={<IconUserCheck size={16} aria-hidden />} reason={whyNotActivate(selected)} busy={change.isPending} onClick={() => change.mutate({ users: selected, to: 'active' }, { onSuccess: onDone })} />
        <ActionButton label={jobs} wide icon={<IconArrowsExchange size={16} aria-hidden />} reason={whyNotTakeOver(selected, me)} busy={take.isPending} onClick={askTakeOver} />
        <Text size="sm" c="dimmed" role="status">{selected.length > 0 && `${selected.length} selected`}</Text>
      </Group>
      <SearchBox label="Search by name" value={search.q} onChange={(q) => onSearch({ q, ...firstPage })} />
      <NewUser opened={open?.what === 'add'} onClose={close} />
      {open?.what === 'role' && <ChangeRole user={open.user} onClose={close} />}
      {open?.what === 'password' && <ResetPassword user={open.user} onClose={close} />}
    </Group>
  );
}
