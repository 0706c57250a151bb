import { Checkbox, Group, Stack } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconArrowsSort } from '@tabler/icons-react';
import { createColumnHelper, rowSelectionFeature, rowSortingFeature, tableFeatures, useTable, type ColumnDef, type RowSelectionState } from '@tanstack/react-table';
import { useMemo, type ReactNode } from 'react';
import { firstPage, type ListSearch } from '../lib/list';

/** How a column looks beyond its text. */
export type ColumnLook = {
  /** The header's words. */
  label: string;
  /** A filter beside them. */
  filter?: ReactNode;
  num?: boolean;
  /** The one column that takes the room that is left, and heads the card on a phone. */
  grow?: boolean;
};

const features = tableFeatures({ rowSortingFeature, rowSelectionFeature, columnMeta: {} as ColumnLook });
type Features = typeof features;
// A column's value is whatever its cell shows; the table never looks at it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Columns<Row extends object> = ColumnDef<Features, Row, any>[];

/** Columns are display columns; the id of one that sorts is the API's sort key. */
export function column<Row extends object>(id: string, look: ColumnLook, cell: (row: Row) => ReactNode, sorts = true) {
  return createColumnHelper<Features, Row>().accessor(() => id, { id, header: look.label, meta: look, enableSorting: sorts, cell: (c) => cell(c.row.original) });
}

type Props<Row extends object> = {
  label: string;
  columns: Columns<Row>;
  rows: Row[];
  rowId: (row: Row) => string;
  /** The row's name, for the checkbox. */
  rowName: (row: Row) => string;
  /** Old rows stand while new ones are on the way. */
  stale: boolean;
  search: ListSearch;
  defaultSort: string;
  onSearch: (change: Partial<ListSearch>) => void;
  selected: string[];
  onSelect: (ids: string[]) => void;
};

const narrow = '(max-width: 48em)';

/** A list: a table on a desk, cards on a phone. Sorting is the server's. */
export function DataTable<Row extends object>(props: Props<Row>) {
  const { columns, rows, rowId, search, defaultSort, onSearch, selected, onSelect } = props;
  const asCards = useMediaQuery(narrow, window.matchMedia(narrow).matches);
  const sort = search.sort ?? defaultSort;
  const sorting = useMemo(() => [{ id: sort.replace(/^-/, ''), desc: sort.startsWith('-') }], [sort]);
  const rowSelection = useMemo<RowSelectionState>(() => Object.fromEntries(selected.map((id) => [id, true])), [selected]);
  const table = useTable({
    features, columns, data: rows, getRowId: rowId, manualSorting: true, enableSortingRemoval: false,
    state: { sorting, rowSelection },
    onSortingChange: (change) => {
      const next = (typeof change === 'function' ? change(sorting) : change)[0];
      if (next) onSearch({ sort: (next.desc ? '-' : '') + next.id, ...firstPage });
    },
    onRowSelectionChange: (change) => {
      const next = typeof change === 'function' ? change(rowSelection) : change;
      onSelect(Object.keys(next).filter((id) => next[id]));
    },
  });
  const shown = table.getRowModel().rows;
  const some = selected.length > 0;
  const every = some && shown.every((row) => row.getIsSelected());
  const selectAll = (
    <Checkbox size="xs" aria-label={`Select all ${props.label} of this page`} checked={every} indeterminate={some && !every} onChange={() => table.toggleAllRowsSelected(!every)} />
  );
  const selectRow = (row: (typeof shown)[number]) => (
    <Checkbox size="xs" aria-label={`Select ${props.rowName(row.original)}`} checked={row.getIsSelected()} onChange={row.getToggleSelectedHandler()} />
  );
  const headers = table.getHeaderGroups()[0]?.headers ?? [];

  if (asCards) {
    return (
      <Stack gap="xs" component="section" aria-label={props.label}>
        <Group justify="space-between">{selectAll}<Group gap={4}>{headers.map((h) => h.column.columnDef.meta?.filter && <span key={h.id}>{h.column.columnDef.meta.filter}</span>)}</Group></Group>
        {shown.map((row) => {
          const cells = row.getAllCells();
          const head = cells.find((c) => c.column.columnDef.meta?.grow);
          return (
            <div key={row.id} className="card" data-selected={row.getIsSelected()}>
              <Group gap="sm" wrap="nowrap">{selectRow(row)}<strong>{head && <table.FlexRender cell={head} />}</strong></Group>
              <dl>
                {cells.filter((c) => c !== head).map((cell) => [
                  <dt key={`${cell.id}t`}>{cell.column.columnDef.meta?.label}</dt>,
                  <dd key={cell.id}><table.FlexRender cell={cell} /></dd>,
                ])}
              </dl>
            </div>
          );
        })}
      </Stack>
    );
  }
  return (
    <div className="list-frame" data-stale={props.stale} tabIndex={0} role="region" aria-label={`${props.label}, scrolls sideways`}>
      <table className="list" aria-label={props.label} aria-busy={props.stale}>
        <thead>
          <tr>
            <th style={{ width: 36 }}>{selectAll}</th>
            {headers.map((header) => {
              const look = header.column.columnDef.meta;
              const direction = header.column.getIsSorted();
              const Arrow = direction === 'asc' ? IconArrowUp : direction === 'desc' ? IconArrowDown : IconArrowsSort;
              return (
                <th key={header.id} className={look?.grow ? 'grow' : look?.num ? 'num' : undefined} aria-sort={direction === 'asc' ? 'ascending' : direction === 'desc' ? 'descending' : undefined}>
                  {header.column.getCanSort() ? (
                    <button type="button" className="sort" onClick={() => header.column.toggleSorting()}>
                      {look?.label}<Arrow size={13} aria-hidden style={direction ? undefined : { opacity: 0.5 }} />
                    </button>
                  ) : look?.label}
                  {look?.filter}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.id} data-selected={row.getIsSelected()}>
              <td>{selectRow(row)}</td>
              {row.getAllCells().map((cell) => (
                <td key={cell.id} className={cell.column.columnDef.meta?.grow ? 'grow' : cell.column.columnDef.meta?.num ? 'num' : undefined}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
