import { Badge, Button, Fieldset, Group, Stack, Table, Text } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { $api, api, type Token } from '../../api/client';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { Lines } from '../../components/Lines';
import { confirmed, failed } from '../../components/notify';
import { ErrorState, ListSkeleton } from '../../components/states';
import { Utc } from '../../components/Utc';
import { CreateToken } from './CreateToken';
import { hasExpired, scopes } from './tokens';

const query = $api.queryOptions('get', '/api/v1/me/tokens');

/** API tokens: keys for scripts, which are shown once and can be revoked. */
export function TokensPart() {
  const client = useQueryClient();
  const tokens = $api.useQuery('get', '/api/v1/me/tokens');
  const [creating, setCreating] = useState(false);
  const reload = () => client.invalidateQueries({ queryKey: query.queryKey });
  const revoke = useMutation({
    mutationFn: ({ id }: Token) => api.DELETE('/api/v1/me/tokens/{id}', { params: { path: { id } } }),
    onSuccess: (_, { name }) => confirmed(`The token ${name} is revoked.`),
    onError: (error, { name }) => failed(`The token ${name} was not revoked`, error),
    onSettled: reload,
  });
  const ask = (token: Token) => askToDelete({
    title: 'Revoke this API token?', names: [token.name], action: 'Revoke', onConfirm: () => revoke.mutate(token),
    consequence: 'Scripts that use it are refused from now on. A revoked token cannot be brought back.',
  });
  return (
    <Fieldset legend="API tokens">
      <Stack>
        <Text size="sm">With a token a script does some of what you may do, without your password. It never does more than your role allows.</Text>
        {tokens.data ? <TokenList tokens={tokens.data.items ?? []} ask={ask} /> : tokens.isError
          ? <ErrorState error={tokens.error} what="Your API tokens" retry={() => void tokens.refetch()} />
          : <ListSkeleton rows={2} label="API tokens" />}
        <Group><Button variant="default" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setCreating(true)}>Create a token</Button></Group>
      </Stack>
      <CreateToken opened={creating} onCreated={() => void reload()} onClose={() => setCreating(false)} />
    </Fieldset>
  );
}

const scopeNames = (values: string[] | null) => scopes.filter((s) => values?.includes(s.value)).map((s) => s.label).join(', ');

function TokenList({ tokens, ask }: { tokens: Token[]; ask: (token: Token) => void }) {
  if (tokens.length === 0) return <Text size="sm" c="dimmed" role="status">No token yet.</Text>;
  return (
    <Lines label="API tokens" heads={['Name and scopes', 'Created (UTC)', 'Expires (UTC)', 'Last used (UTC)', 'Revoke']}>
      {tokens.map((token) => (
        <Table.Tr key={token.id}>
          <Table.Td className="wrap">{token.name}<Text size="xs" c="dimmed">{scopeNames(token.scopes)}</Text></Table.Td>
          <Table.Td><Utc at={token.createdAt} /></Table.Td>
          <Table.Td><Group gap={6} wrap="nowrap"><Utc at={token.expiresAt} relative />{hasExpired(token.expiresAt) && <Badge color="gray">Expired</Badge>}</Group></Table.Td>
          <Table.Td>{token.lastUsedAt ? <Utc at={token.lastUsedAt} /> : 'Never'}</Table.Td>
          <Table.Td><ActionButton label={`Revoke ${token.name}`} icon={<IconTrash size={15} aria-hidden />} onClick={() => ask(token)} danger /></Table.Td>
        </Table.Tr>
      ))}
    </Lines>
  );
}
