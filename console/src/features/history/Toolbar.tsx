import { Group, Text } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import type { Run } from '../../api/client';
import { ActionButton } from '../../components/ActionButton';
import { SearchBox } from '../../components/SearchBox';
import { firstPage } from '../../lib/list';
import { RunButtons } from './RunButtons';
import { single } from './rules';
import type { HistorySearch } from './search';

type Props = { selected: Run[]; search: HistorySearch; onSearch: (change: Partial<HistorySearch>) => void; onDone: () => void };

/** What can be done with the selected runs, and the search. */
export function Toolbar({ selected, search, onSearch, onDone }: Props) {
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="toolbar" aria-label="Actions on runs">
        <ActionButton label="View details" wide icon={<IconInfoCircle size={16} aria-hidden />} reason={single(selected)} onClick={() => onSearch({ run: selected[0]!.id })} />
        <RunButtons selected={selected} onDeleted={onDone} />
        <Text size="sm" c="dimmed" role="status">{selected.length > 0 && `${selected.length} selected`}</Text>
      </Group>
      <SearchBox label="Search by title" value={search.q} onChange={(q) => onSearch({ q, ...firstPage })} />
    </Group>
  );
}
