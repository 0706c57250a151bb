import { Button, Group, NativeSelect, Text } from '@mantine/core';
import { useRef } from 'react';
import { count } from '../lib/amount';
import { firstPage, pageSize, pageSizes, type ListSearch } from '../lib/list';

type Props = {
  label: string;
  search: ListSearch;
  onSearch: (change: Partial<ListSearch>) => void;
  shown: number;
  total: number;
  /** The list is longer than the total says. */
  atLeast?: boolean;
  nextCursor: string | null;
};

/** Where one is in a list, and the way to the pages beside. */
export function Pager({ label, search, onSearch, shown, total, atLeast, nextCursor }: Props) {
  // Cursors only lead forward; the way back is remembered. After a reload it
  // is gone, and "Previous" leads to the first page.
  const cursors = useRef(new Map<number, string | undefined>());
  const page = search.page ?? 1;
  cursors.current.set(page, search.cursor);
  const size = pageSize(search);
  const first = (page - 1) * size + 1;
  const back = () => {
    const cursor = cursors.current.get(page - 1);
    onSearch(page > 2 && cursor ? { page: page - 1, cursor } : firstPage);
  };
  return (
    <Group justify="space-between" mt="xs" component="nav" aria-label={`Pages of ${label}`}>
      <Text size="sm" c="dimmed" role="status" aria-label={`Rows of ${label} on show`}>
        {shown === 0 ? `No ${label}` : `${count(first)}–${count(first + shown - 1)} of ${count(total)}${atLeast ? '+' : ''}`}
      </Text>
      <Group gap="xs">
        <NativeSelect
          aria-label="Rows per page" size="xs" w={110} data={pageSizes.map((n) => ({ value: String(n), label: `${n} rows` }))} value={String(size)}
          onChange={({ currentTarget: { value } }) => onSearch({ size: Number(value) === pageSizes[0] ? undefined : Number(value), ...firstPage })}
        />
        <Button variant="default" disabled={page === 1} onClick={() => onSearch(firstPage)}>First</Button>
        <Button variant="default" disabled={page === 1} onClick={back}>Previous</Button>
        <Button variant="default" disabled={!nextCursor} onClick={() => nextCursor && onSearch({ page: page + 1, cursor: nextCursor })}>Next</Button>
      </Group>
    </Group>
  );
}
