import { Anchor, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { asProblem } from '../api/client';

const dismiss = { closeButtonProps: { 'aria-label': 'Dismiss' } };

/** Confirms something for five seconds, with a way back where there is one. */
export function confirmed(message: string, undo?: () => void) {
  const id = notifications.show({
    ...dismiss,
    color: 'green',
    autoClose: undo ? 10_000 : 5_000,
    withBorder: true,
    message: (
      <Group gap="sm">
        <Text size="sm">{message}</Text>
        {undo && (
          <Anchor component="button" size="sm" fw={600} onClick={() => { notifications.hide(id); undo(); }}>Undo</Anchor>
        )}
      </Group>
    ),
  });
}

/** Says what failed, until it is dismissed. */
export function failed(what: string, error: unknown) {
  const problem = asProblem(error);
  const fields = problem.fields.map((f) => `${f.field} ${f.message}`).join(' ');
  notifications.show({ ...dismiss, color: 'red', autoClose: false, withBorder: true, role: 'alert', title: what, message: [problem.message, fields, problem.hint].filter(Boolean).join(' ') });
}
