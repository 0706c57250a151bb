import { Button, Group, Menu, Select } from '@mantine/core';
import { DateInput } from '@mantine/dates';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import { SearchBox } from '../../components/SearchBox';
import { firstPage } from '../../lib/list';
import { exportPath, type AuditSearch } from './search';
import { actionOptions } from './words';

type Props = { search: AuditSearch; onSearch: (change: Partial<AuditSearch>) => void };

/** The time, the action and the text that are searched for, and the export of what they let pass. */
export function Toolbar({ search, onSearch }: Props) {
  const change = (part: Partial<AuditSearch>) => onSearch({ ...part, ...firstPage });
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="xs" role="group" aria-label="Filters of the audit log">
        <Day label="From" value={search.from} onChange={(from) => change({ from })} />
        <Day label="To" value={search.to} onChange={(to) => change({ to })} />
        <Select
          aria-label="Action" placeholder="All actions" size="xs" w={200} searchable clearable data={actionOptions(search.action)} value={search.action ?? null}
          onChange={(action) => change({ action: action ?? undefined })} nothingFoundMessage="No such action" clearButtonProps={{ 'aria-label': 'Show all actions' }}
        />
      </Group>
      <Group gap="xs">
        <SearchBox label="Search by user, object or detail" value={search.q} onChange={(q) => change({ q })} />
        <Menu position="bottom-end" withArrow withInitialFocusPlaceholder={false}>
          <Menu.Target>
            <Button variant="default" leftSection={<IconDownload size={15} aria-hidden />} rightSection={<IconChevronDown size={14} aria-hidden />}>Export</Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item component="a" href={exportPath(search, 'csv')} download>As a table (CSV)</Menu.Item>
            <Menu.Item component="a" href={exportPath(search, 'jsonl')} download>As JSON Lines, with all hashes</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Group>
    </Group>
  );
}

/** A day in UTC; a typed one counts when it is whole. */
function Day({ label, value, onChange }: { label: string; value: string | undefined; onChange: (day: string | undefined) => void }) {
  return (
    <DateInput
      aria-label={`${label} day (UTC)`} placeholder={`${label} day (UTC)`} valueFormat="YYYY-MM-DD" size="xs" w={150} clearable value={value ?? null}
      onChange={(day) => onChange(day ?? undefined)} clearButtonProps={{ 'aria-label': `Clear the ${label.toLowerCase()} day` }}
    />
  );
}
