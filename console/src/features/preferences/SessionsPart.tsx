import { Badge, Fieldset, Group, Stack, Table, Text } from '@mantine/core';
import { IconLogout } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { $api, api, type Session } from '../../api/client';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { Lines } from '../../components/Lines';
import { confirmed, failed } from '../../components/notify';
import { ErrorState, ListSkeleton } from '../../components/states';
import { Utc } from '../../components/Utc';
import { counted } from '../../lib/amount';

const query = $api.queryOptions('get', '/api/v1/sessions');

const nameOf = (s: Session) => s.browser || 'Unknown browser';

/** Where one is signed in, and how to end that. */
export function SessionsPart() {
  const client = useQueryClient();
  const sessions = $api.useQuery('get', '/api/v1/sessions');
  const reload = () => client.invalidateQueries({ queryKey: query.queryKey });
  const end = useMutation({
    mutationFn: ({ id }: Session) => api.DELETE('/api/v1/sessions/{id}', { params: { path: { id } } }),
    onSuccess: (_, s) => confirmed(`${nameOf(s)} is signed out.`),
    onError: (error) => failed('The session was not ended', error),
    onSettled: reload,
  });
  const endOthers = useMutation({
    mutationFn: () => api.DELETE('/api/v1/sessions'),
    onSuccess: ({ data }) => confirmed(`You are signed out at ${counted(data!.ended, 'other place')}.`),
    onError: (error) => failed('Your other sessions were not ended', error),
    onSettled: reload,
  });
  const items = sessions.data?.items ?? [];
  const others = items.filter((s) => !s.current);
  const askAll = () => askToDelete({
    title: 'Sign out everywhere else?', names: others.map((s) => `${nameOf(s)}, ${s.address}`), action: 'Sign out', onConfirm: () => endOthers.mutate(),
    consequence: 'Only this browser stays signed in; no other one is remembered any more. API tokens go on working.',
  });
  return (
    <Fieldset legend="Sessions">
      <Stack>
        <Text size="sm">Where you are signed in. A remembered browser signs in again by itself until it is signed out. If you find one that is not yours, sign it out and have your password changed.</Text>
        {sessions.data ? <SessionList sessions={items} end={(s) => end.mutate(s)} /> : sessions.isError
          ? <ErrorState error={sessions.error} what="Your sessions" retry={() => void sessions.refetch()} />
          : <ListSkeleton rows={2} label="sessions" />}
        <Group>
          <ActionButton label="Sign out everywhere else" wide busy={endOthers.isPending} reason={others.length === 0 ? 'you are signed in nowhere else' : undefined} onClick={askAll} />
        </Group>
      </Stack>
    </Fieldset>
  );
}

function SessionList({ sessions, end }: { sessions: Session[]; end: (session: Session) => void }) {
  const ask = (s: Session) => askToDelete({
    title: 'Sign out this browser?', names: [`${nameOf(s)}, ${s.address}`], action: 'Sign out', onConfirm: () => end(s),
    consequence: s.remembered ? 'It is not remembered any more: whoever sits there needs the password.' : 'Whoever sits there needs the password to go on.',
  });
  return (
    <Lines label="Sessions" heads={['Browser and address', 'Signed in (UTC)', 'Last seen (UTC)', 'Ends (UTC)', 'Sign out']}>
      {sessions.map((s) => (
        <Table.Tr key={s.id}>
          <Table.Td className="wrap">
            {nameOf(s)}
            <Group gap={6}><Text size="xs" c="dimmed">{s.address}</Text><Marks session={s} /></Group>
          </Table.Td>
          <Table.Td><Utc at={s.createdAt} /></Table.Td>
          <Table.Td><Utc at={s.lastSeenAt} /></Table.Td>
          <Table.Td><Utc at={s.expiresAt} relative /></Table.Td>
          <Table.Td>{!s.current && <ActionButton label={`Sign out ${nameOf(s)}, ${s.address}`} icon={<IconLogout size={15} aria-hidden />} onClick={() => ask(s)} danger />}</Table.Td>
        </Table.Tr>
      ))}
    </Lines>
  );
}

function Marks({ session: s }: { session: Session }) {
  return (
    <>
      {s.current && <Badge color="green">This browser</Badge>}
      {s.remembered && <Badge color="indigo">{s.signedIn ? 'Remembered' : 'Remembered, away'}</Badge>}
    </>
  );
}
