import { Checkbox, Group, NativeSelect, Stack } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconArrowsSort } from '@tabler/icons-react';
import { createColumnHelper, rowSelectionFeature, rowSortingFeature, tableFeatures, useTable, type ColumnDef, type Header, type Row as TableRow, type RowSelectionState } from '@tanstack/react-table';
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
  /** Not on a phone's card: the details have it. */
  minor?: boolean;
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
  rowName?: (row: Row) => string;
  /** Old rows stand while new ones are on the way. */
  stale: boolean;
  search: ListSearch;
  defaultSort: string;
  onSearch: (change: Partial<ListSearch>) => void;
  /** The rows that something can be done with. A list without onSelect is only read. */
  selected?: string[];
  onSelect?: (ids: string[]) => void;
  /** Stands where the rows would be when nothing matches; the headers stay, so that a filter can be changed again. */
  empty: ReactNode;
};

const narrow = '(max-width: 48em)';
const nothing: string[] = [];

/** A list: a table on a desk, cards on a phone. Sorting is the server's. */
export function DataTable<Row extends object>(props: Props<Row>) {
  const { columns, rows, rowId, search, defaultSort, onSearch, selected = nothing, onSelect } = props;
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
      onSelect?.(Object.keys(next).filter((id) => next[id]));
    },
  });
  const shown = table.getRowModel().rows;
  const some = selected.length > 0;
  const every = some && shown.every((row) => row.getIsSelected());
  const parts: Parts<Row> = {
    shown, sort, headers: table.getHeaderGroups()[0]?.headers ?? [],
    cell: (cell) => <table.FlexRender cell={cell} />,
    selectAll: onSelect && (
      <Checkbox size="xs" aria-label={`Select all ${props.label} of this page`} checked={every} indeterminate={some && !every} disabled={shown.length === 0} onChange={() => table.toggleAllRowsSelected(!every)} />
    ),
    selectRow: (row) => onSelect && <Checkbox size="xs" aria-label={`Select ${props.rowName?.(row.original) ?? row.id}`} checked={row.getIsSelected()} onChange={row.getToggleSelectedHandler()} />,
  };
  return asCards ? <Cards {...props} {...parts} /> : <Desk {...props} {...parts} />;
}

type DataRow<Row extends object> = TableRow<Features, Row>;

/** What both forms of a list are made of. */
type Parts<Row extends object> = {
  shown: DataRow<Row>[];
  headers: Header<Features, Row, unknown>[];
  sort: string;
  cell: (cell: ReturnType<DataRow<Row>['getAllCells']>[number]) => ReactNode;
  selectAll: ReactNode;
  selectRow: (row: DataRow<Row>) => ReactNode;
};

const lookClass = (look: ColumnLook | undefined) => (look?.grow ? 'grow' : look?.num ? 'num' : undefined);

function Desk<Row extends object>({ label, stale, empty, shown, headers, cell, selectAll, selectRow }: Props<Row> & Parts<Row>) {
  return (
    <div className="list-frame" data-stale={stale} tabIndex={0} role="region" aria-label={`${label}, scrolls sideways`}>
      <table className="list" aria-label={label} aria-busy={stale}>
        <thead>
          <tr>{selectAll && <th className="pick">{selectAll}</th>}{headers.map((header) => <Head key={header.id} header={header} />)}</tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.id} data-selected={row.getIsSelected()}>
              {selectAll && <td className="pick">{selectRow(row)}</td>}
              {row.getAllCells().map((c) => <td key={c.id} className={lookClass(c.column.columnDef.meta)}>{cell(c)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && empty}
    </div>
  );
}

/** A column's header: its words, which sort, and its filter. */
function Head<Row extends object>({ header }: { header: Header<Features, Row, unknown> }) {
  const look = header.column.columnDef.meta;
  const direction = header.column.getIsSorted();
  const Arrow = direction === 'asc' ? IconArrowUp : direction === 'desc' ? IconArrowDown : IconArrowsSort;
  return (
    <th className={lookClass(look)} aria-sort={direction === 'asc' ? 'ascending' : direction === 'desc' ? 'descending' : undefined}>
      <div className="head">
        {header.column.getCanSort() ? (
          <button type="button" className="sort" onClick={() => header.column.toggleSorting()}>
            {look?.label}<Arrow size={13} aria-hidden data-off={!direction} />
          </button>
        ) : look?.label}
        {look?.filter}
      </div>
    </th>
  );
}

function Cards<Row extends object>({ label, stale, empty, shown, headers, sort, cell, selectAll, selectRow, onSearch }: Props<Row> & Parts<Row>) {
  const sorts = headers.filter((h) => h.column.getCanSort()).flatMap((h) => {
    const name = h.column.columnDef.meta?.label ?? h.id;
    return [{ value: h.id, label: `${name}, ascending` }, { value: `-${h.id}`, label: `${name}, descending` }];
  });
  return (
    <Stack gap="xs" component="section" aria-label={label} className="cards" data-stale={stale}>
      <Group gap="xs">
        {selectAll}
        <NativeSelect
          aria-label={`Sort ${label} by`} size="xs" flex="1 1 12rem" value={sorts.some((o) => o.value === sort) ? sort : ''}
          data={[...(sorts.some((o) => o.value === sort) ? [] : [{ value: '', label: 'Newest first' }]), ...sorts]}
          onChange={({ currentTarget: { value } }) => value && onSearch({ sort: value, ...firstPage })}
        />
      </Group>
      <Group gap="xs" className="card-filters">{headers.map((h) => h.column.columnDef.meta?.filter && <span key={h.id}>{h.column.columnDef.meta.label}{h.column.columnDef.meta.filter}</span>)}</Group>
      {shown.map((row) => {
        const cells = row.getAllCells();
        const head = cells.find((c) => c.column.columnDef.meta?.grow);
        return (
          <div key={row.id} className="card" data-selected={row.getIsSelected()}>
            <Group gap="sm" wrap="nowrap">{selectRow(row)}<strong>{head && cell(head)}</strong></Group>
            <dl>
              {cells.filter((c) => c !== head && !c.column.columnDef.meta?.minor).map((c) => [<dt key={`${c.id}t`}>{c.column.columnDef.meta?.label}</dt>, <dd key={c.id}>{cell(c)}</dd>])}
            </dl>
          </div>
        );
      })}
      {shown.length === 0 && empty}
    </Stack>
  );
}
