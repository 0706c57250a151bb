import { List, Stack, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import type { ReactNode } from 'react';

type Question = { title: string; names: string[]; consequence: ReactNode; action: string; onConfirm: () => void };

const shown = 8;

/** Asks before something that cannot be undone: names what it is about, and what happens. */
export function askToDelete({ title, names, consequence, action, onConfirm }: Question) {
  modals.openConfirmModal({
    title,
    closeButtonProps: { 'aria-label': 'Close' },
    labels: { confirm: action, cancel: 'Keep' },
    confirmProps: { color: 'red.9' },
    cancelProps: { 'data-autofocus': true },
    children: (
      <Stack gap="sm">
        <List size="sm">
          {names.slice(0, shown).map((name, i) => <List.Item key={i}>{name}</List.Item>)}
          {names.length > shown && <List.Item>and {names.length - shown} more</List.Item>}
        </List>
        <Text size="sm">{consequence}</Text>
      </Stack>
    ),
    onConfirm,
  });
}
