import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { CopyButton } from '../../components/Copy';

/** A password that was generated: to be copied now, since nobody can show it again. */
export function ShownOnce({ username, password, onClose }: { username: string; password: string | null; onClose: () => void }) {
  return (
    <Stack>
      {password === null ? (
        <Alert color="yellow" role="status" icon={<IconAlertTriangle size={16} aria-hidden />}>
          {username} was added by a try before, whose answer was lost with the password. Reset the password to get another one.
        </Alert>
      ) : (
        <>
          <Text size="sm">The password of {username}. It is not kept, and not shown again: copy it now, and tell it to the user in a safe way.</Text>
          <Group gap="xs" wrap="nowrap">
            <pre className="command" role="group" aria-label={`Password of ${username}`}>{password}</pre>
            <CopyButton text={password} label="Copy the password" />
          </Group>
        </>
      )}
      <Group justify="flex-end"><Button data-autofocus onClick={onClose}>Done</Button></Group>
    </Stack>
  );
}
