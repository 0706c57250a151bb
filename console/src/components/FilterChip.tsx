import { CloseButton, Group, Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** A filter that has no column: in plain sight, and removable. */
export function FilterChip({ children, label, onRemove }: { children: ReactNode; label: string; onRemove: () => void }) {
  return (
    <Paper withBorder px="sm" py={4} mb="sm" w="fit-content" maw="100%">
      <Group gap="xs" wrap="nowrap"><Text size="sm" truncate>{children}</Text><CloseButton size={24} iconSize={14} aria-label={label} onClick={onRemove} /></Group>
    </Paper>
  );
}
