import { ActionIcon, Checkbox, Popover, Stack, Tooltip, Button } from '@mantine/core';
import { IconFilter, IconFilterFilled } from '@tabler/icons-react';

type Props = {
  label: string;
  options: { value: string; label: string }[];
  /** The chosen values; empty lets all pass. */
  value: string[];
  onChange: (value: string[]) => void;
};

/** The filter in a column's header. */
export function FilterMenu({ label, options, value, onChange }: Props) {
  const names = options.filter((o) => value.includes(o.value)).map((o) => o.label).join(', ');
  const name = value.length ? `Filter by ${label}: ${names}` : `Filter by ${label}: all`;
  return (
    <Popover position="bottom-start" withArrow trapFocus returnFocus shadow="md">
      <Popover.Target>
        <Tooltip label={name}>
          <ActionIcon variant="subtle" size={24} color={value.length ? 'indigo' : 'gray'} aria-label={name}>
            {value.length ? <IconFilterFilled size={14} aria-hidden /> : <IconFilter size={14} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={`Filter by ${label}`}>
        <Stack gap="xs">
          <Checkbox.Group value={value} onChange={onChange} aria-label={label}>
            <Stack gap="xs">
              {options.map((o) => <Checkbox key={o.value} value={o.value} label={o.label} size="xs" />)}
            </Stack>
          </Checkbox.Group>
          <Button variant="default" size="compact-xs" onClick={() => onChange([])} disabled={value.length === 0}>All</Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
