import { Anchor, Badge, Text } from '@mantine/core';
import { useMemo } from 'react';
import type { AuditLine } from '../../api/client';
import { column, type Columns } from '../../components/DataTable';
import { FilterMenu } from '../../components/FilterMenu';
import { Utc } from '../../components/Utc';
import { count } from '../../lib/amount';
import { firstPage } from '../../lib/list';
import { results, type AuditSearch, type Result } from './search';
import { actionWords, detailWords, shortId } from './words';

const resultOptions = [{ value: 'done', label: 'Done' }, { value: 'refused', label: 'Refused' }];

/** The columns of the audit log. */
export function useAuditColumns(search: AuditSearch, onSearch: (change: Partial<AuditSearch>) => void, open: (line: AuditLine) => void): Columns<AuditLine> {
  // New columns are new elements: what the focus was on would be gone. Only what the filter shows makes new ones.
  return useMemo(() => [
    column<AuditLine>('at', { label: 'Time (UTC)' }, (line) => <Utc at={line.at} />),
    column<AuditLine>('username', { label: 'User' }, (line) => <Who line={line} />),
    column<AuditLine>('action', { label: 'Action', grow: true }, (line) => (
      <Anchor component="button" type="button" size="sm" ta="left" onClick={() => open(line)}>{actionWords(line.action)}</Anchor>
    )),
    column<AuditLine>('result', {
      label: 'Result',
      filter: (
        <FilterMenu
          label="result" options={resultOptions} value={search.result ? [search.result] : []}
          // Both of them are the same as none.
          onChange={(value) => onSearch({ result: value.length === results.length ? undefined : (value.find((v) => v !== search.result) ?? value[0]) as Result | undefined, ...firstPage })}
        />
      ),
    }, (line) => <ResultBadge line={line} />, false),
    column<AuditLine>('object', { label: 'Object', minor: true }, (line) => <span title={line.object}>{line.object ? shortId(line.object) : '–'}</span>, false),
    column<AuditLine>('detail', { label: 'Detail' }, (line) => <Text size="sm" maw={320} truncate title={detailWords(line)}>{detailWords(line) || '–'}</Text>, false),
    column<AuditLine>('address', { label: 'From' }, (line) => line.address || placeless(line), false),
    // eslint-disable-next-line react-hooks/exhaustive-deps
  ], [search.result]);
}

/** From where a line comes that has no address. */
const placeless = (line: AuditLine) => (line.username === '(service)' && !line.userId ? 'the service' : 'command line');

/** Who it was, as far as anybody knows. */
export function Who({ line }: { line: AuditLine }) {
  return line.username ? <>{line.username}</> : <Text span size="sm" c="dimmed">unknown</Text>;
}

export function ResultBadge({ line }: { line: AuditLine }) {
  const times = line.times > 1 ? ` × ${count(line.times)}` : '';
  return <Badge color={line.result === 'refused' ? 'red' : 'green'} variant="light" tt="none">{(line.result === 'refused' ? 'Refused' : 'Done') + times}</Badge>;
}
