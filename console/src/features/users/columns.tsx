import { Badge, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleOff } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { User } from '../../api/client';
import { column, type Columns } from '../../components/DataTable';
import { FilterMenu } from '../../components/FilterMenu';
import { Utc } from '../../components/Utc';
import { count } from '../../lib/amount';
import { firstPage, join, split } from '../../lib/list';
import { roleName, roleNames, roleWords } from './rules';
import type { UsersSearch } from './search';

const roleOptions = roleWords.map((value) => ({ value, label: roleNames[value]! }));
const stateOptions = [{ value: 'active', label: 'Active' }, { value: 'deactivated', label: 'Deactivated' }];

/** The columns of Users, with the filters in their headers. */
export function useUserColumns(me: string, search: UsersSearch, onSearch: (change: Partial<UsersSearch>) => void): Columns<User> {
  // New columns are new elements: what the focus was on would be gone. Only what the filters show makes new ones.
  const key = JSON.stringify([me, search.role, search.state]);
  return useMemo(() => {
    const filter = (name: 'role' | 'state', options: { value: string; label: string }[]) => (
      <FilterMenu label={name} options={options} value={split(search[name])} onChange={(value) => onSearch({ [name]: join(value), ...firstPage })} />
    );
    return [
      column<User>('username', { label: 'Username', grow: true }, (u) => <span title={u.username}>{u.username}{u.username === me && ' (you)'}</span>),
      column<User>('role', { label: 'Role', filter: filter('role', roleOptions) }, (u) => roleName(u.role)),
      column<User>('state', { label: 'State', filter: filter('state', stateOptions) }, (u) => <State user={u} />),
      column<User>('jobs', { label: 'Jobs', num: true }, (u) => <Jobs user={u} />, false),
      column<User>('createdAt', { label: 'Created (UTC)' }, (u) => <Utc at={u.createdAt} />),
    ];
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
}

function State({ user }: { user: User }) {
  if (user.state === 'active') return <Badge color="green" leftSection={<IconCircleCheck size={12} aria-hidden />}>Active</Badge>;
  return <Badge color="gray" leftSection={<IconCircleOff size={12} aria-hidden />}>Deactivated</Badge>;
}

/** How many jobs a user owns, and a warning where their runs fail. */
function Jobs({ user }: { user: User }) {
  if (user.state === 'active' || user.jobs === 0) return <>{count(user.jobs)}</>;
  return (
    <Tooltip label="Runs of these jobs fail, since their owner is deactivated. Take the jobs over, or activate the user.">
      <Badge color="yellow" leftSection={<IconAlertTriangle size={12} aria-hidden />} tabIndex={0} role="note">{count(user.jobs)}</Badge>
    </Tooltip>
  );
}
