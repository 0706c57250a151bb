import { Badge, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleOff, IconHourglass, IconPlugConnectedX } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { Node } from '../../api/client';
import { column, type Columns } from '../../components/DataTable';
import { FilterMenu } from '../../components/FilterMenu';
import { Utc } from '../../components/Utc';
import { firstPage, join, split } from '../../lib/list';
import { nodeRoles, nodeStates, type NodesSearch } from './search';
import { loadOf, roleNames, rolesOf, stateMeanings, stateNames } from './words';

const roleOptions = nodeRoles.map((value) => ({ value, label: roleNames[value]! }));
const stateOptions = nodeStates.map((value) => ({ value, label: stateNames[value] }));

/** The columns of Nodes, with the filters in their headers. */
export function useNodeColumns(search: NodesSearch, onSearch: (change: Partial<NodesSearch>) => void): Columns<Node> {
  // New columns are new elements: what the focus was on would be gone. Only what the filters show makes new ones.
  const key = JSON.stringify([search.role, search.state]);
  return useMemo(() => {
    const filter = (name: 'role' | 'state', options: { value: string; label: string }[]) => (
      <FilterMenu label={name} options={options} value={split(search[name])} onChange={(value) => onSearch({ [name]: join(value), ...firstPage })} />
    );
    return [
      column<Node>('name', { label: 'Name', grow: true }, (n) => <span title={n.name}>{n.name}</span>),
      column<Node>('state', { label: 'State', filter: filter('state', stateOptions) }, (n) => <State state={n.state} />),
      column<Node>('roles', { label: 'Roles', filter: filter('role', roleOptions) }, rolesOf, false),
      column<Node>('working', { label: 'Load', num: true }, (n) => loadOf(n) ?? <span aria-label="none">–</span>),
      column<Node>('version', { label: 'Version' }, (n) => n.version),
      column<Node>('startedAt', { label: 'Started (UTC)' }, (n) => <Utc at={n.startedAt} />),
      column<Node>('seenAt', { label: 'Last seen (UTC)' }, (n) => <Utc at={n.seenAt} relative />),
    ];
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
}

const looks = {
  up: { color: 'green', Icon: IconCircleCheck },
  stopping: { color: 'yellow', Icon: IconHourglass },
  outdated: { color: 'yellow', Icon: IconAlertTriangle },
  silent: { color: 'red', Icon: IconPlugConnectedX },
  gone: { color: 'gray', Icon: IconCircleOff },
} as const;

function State({ state }: { state: Node['state'] }) {
  const { color, Icon } = looks[state];
  return (
    <Tooltip label={stateMeanings[state]}>
      <Badge color={color} leftSection={<Icon size={12} aria-hidden />} tabIndex={0} role="note">{stateNames[state]}</Badge>
    </Tooltip>
  );
}
