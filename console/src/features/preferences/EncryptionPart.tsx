import { Fieldset, List, Radio, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { $api, api, type Me } from '../../api/client';
import { meQuery, useMe } from '../../app/session';
import { confirmed, failed } from '../../components/notify';
import { ErrorState } from '../../components/states';
import { utc } from '../../lib/time';

type Encryption = Me['encryption'];

const choices: { value: Encryption; label: string; description: string }[] = [
  {
    value: 'compatible', label: 'Compatible: AES-256-CBC, RSA PKCS #1 v1.5',
    description: 'Every S/MIME tool opens it, also old ones. A change of a file shows when you compare it with the manifest of its run.',
  },
  {
    value: 'authenticated', label: 'Authenticated: AES-256-GCM, RSA-OAEP',
    description: 'A changed file does not open. cdds decrypt, OpenSSL 3.0 and newer (openssl cms, not openssl smime) and tools that know AuthEnvelopedData open it. One file holds 64 GiB at most: give larger exports a file split size.',
  },
];

/** How one's exports are encrypted. */
export function EncryptionPart() {
  const client = useQueryClient();
  const { encryption } = useMe();
  const choose = useMutation({
    mutationFn: (value: Encryption) => api.PUT('/api/v1/me/encryption', { body: { encryption: value } }),
    onSuccess: () => confirmed('Saved. Runs that start from now on are encrypted this way.'),
    onError: (error) => failed('The encryption was not changed', error),
    onSettled: () => client.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  const shown = choose.isPending ? choose.variables : encryption;
  return (
    <Fieldset legend="Encryption">
      <Radio.Group aria-label="Encryption" value={shown} onChange={(value) => choose.mutate(value as Encryption)}>
        <Stack gap="xs">{choices.map((c) => <Radio key={c.value} {...c} />)}</Stack>
      </Radio.Group>
      <Readers />
    </Fieldset>
  );
}

/** Who can open one's exports besides oneself. */
function Readers() {
  const recipients = $api.useQuery('get', '/api/v1/recipients');
  if (recipients.isError) return <ErrorState error={recipients.error} what="Who else can read your exports" retry={() => void recipients.refetch()} />;
  const items = recipients.data?.items;
  if (!items) return null;
  return (
    <Stack gap={4} mt="md" component="section" aria-label="Who can read your exports">
      <Text size="sm" fw={600}>Who can read your exports</Text>
      {items.length === 0
        ? <Text size="sm" c="dimmed">You alone: your tenant has no other recipients.</Text>
        : (
          <>
            <Text size="sm">You, and the recipients of your tenant, whom its administrators choose:</Text>
            <List size="sm">
              {items.map((r) => <List.Item key={r.id}><strong>{r.title}</strong> <Text span size="sm" c="dimmed" title={r.certificate.fingerprint}>({r.certificate.subject}, since {utc(r.addedAt)} UTC)</Text></List.Item>)}
            </List>
          </>
        )}
    </Stack>
  );
}
