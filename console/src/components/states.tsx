import { Alert, Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconCloudOff } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { asProblem } from '../api/client';

/** What stands in a list's place while its first page is on the way. */
export function ListSkeleton({ rows = 8, label }: { rows?: number; label: string }) {
  return (
    <Stack gap={6} role="status" aria-label={`Loading ${label}`}>
      {Array.from({ length: rows }, (_, i) => <Skeleton key={i} height={28} radius="sm" />)}
    </Stack>
  );
}

/** A list without rows: why, and what to do. */
export function EmptyState({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" role="status">
      <Title order={2} ta="center">{title}</Title>
      <Text c="dimmed" ta="center" maw={520}>{children}</Text>
      {action}
    </Stack>
  );
}

/** A request that failed: what failed, what to do, and another try. */
export function ErrorState({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  const problem = asProblem(error);
  const offline = problem.code === 'offline';
  return (
    <Alert
      color="red" role="alert" variant="light"
      icon={offline ? <IconCloudOff aria-hidden /> : <IconAlertTriangle aria-hidden />}
      title={offline ? 'No connection' : `${what} could not be shown`}
    >
      <Stack gap={8} align="flex-start">
        <Text size="sm">{problem.message} {problem.hint}</Text>
        {retry && <Group><Button variant="default" onClick={retry}>Try again</Button></Group>}
      </Stack>
    </Alert>
  );
}
