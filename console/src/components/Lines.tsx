import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

/** A small table. It scrolls by itself where it is wider than its place. */
export function Lines({ label, heads, children }: { label: string; heads: string[]; children: ReactNode }) {
  return (
    <div className="lines" tabIndex={0} role="region" aria-label={`${label}, scrolls sideways`}>
      <Table aria-label={label} fz="sm" verticalSpacing={5} horizontalSpacing={8}>
        <Table.Thead><Table.Tr>{heads.map((head) => <Table.Th key={head}>{head}</Table.Th>)}</Table.Tr></Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </div>
  );
}
