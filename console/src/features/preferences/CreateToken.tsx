import { Alert, Button, Checkbox, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api, asProblem, type NewToken } from '../../api/client';
import { useMe } from '../../app/session';
import { CopyButton } from '../../components/Copy';
import { utc } from '../../lib/time';
import { endOf, example, lifetimes, scopes, usable } from './tokens';

type Props = { opened: boolean; onCreated: () => void; onClose: () => void };

/** Makes a token, and then shows its secret this once. */
export function CreateToken({ opened, onCreated, onClose }: Props) {
  const [made, setMade] = useState<NewToken | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  // The secret is gone when the dialog closes, so that takes a button then.
  return (
    <Modal opened={opened} onClose={close} size="lg" title={made ? 'Your new API token' : 'Create an API token'} closeButtonProps={{ 'aria-label': 'Close' }} closeOnClickOutside={false} closeOnEscape={!made}>
      {made ? <Secret token={made} close={close} /> : <TokenForm cancel={close} onMade={(token) => { setMade(token); onCreated(); }} />}
    </Modal>
  );
}

function TokenForm({ cancel, onMade }: { cancel: () => void; onMade: (token: NewToken) => void }) {
  const { role } = useMe();
  const group = useRef<HTMLDivElement>(null);
  const form = useForm({
    initialValues: { name: '', scopes: ['read'], days: '90' },
    validate: { name: (v) => (v.trim() ? null : 'Enter a name.'), scopes: (v) => (v.length > 0 ? null : 'Choose at least one scope.') },
  });
  const create = useMutation({
    mutationFn: async ({ name, scopes, days }: typeof form.values) =>
      (await api.POST('/api/v1/me/tokens', { body: { name: name.trim(), scopes, expiresAt: endOf(Number(days)) } })).data!,
    onSuccess: onMade,
    onError: (error) => form.setErrors(Object.fromEntries(asProblem(error).fields.map((f) => [f.field, `The ${f.field} ${f.message}`]))),
  });
  const focusFirst = (errors: Record<string, unknown>) => {
    if (errors.name) form.getInputNode('name')?.focus();
    else group.current?.querySelector('input')?.focus();
  };
  return (
    <form noValidate onSubmit={form.onSubmit((values) => create.mutate(values), focusFirst)}>
      <Stack>
        {create.isError && <Refused error={create.error} />}
        <TextInput label="Name" description="What the token is for, such as the script that uses it." required maxLength={100} data-autofocus {...form.getInputProps('name')} />
        <div ref={group}>
          <Checkbox.Group label="Scopes" description="What the token may do. Give it no more than its script needs." required {...form.getInputProps('scopes')}>
            <Stack gap="xs" mt="xs">
              {scopes.map(({ value, label, means }) => {
                const useless = !usable(role).includes(value);
                return <Checkbox key={value} value={value} label={label} description={useless ? `${means} Your role does not allow this.` : means} disabled={useless} />;
              })}
            </Stack>
          </Checkbox.Group>
        </div>
        <Select label="Expires after" required allowDeselect={false} w={200} data={lifetimes.map((d) => ({ value: String(d), label: d === 365 ? '1 year' : `${d} days` }))} {...form.getInputProps('days')} />
        <Group justify="flex-end"><Button variant="default" onClick={cancel}>Cancel</Button><Button type="submit" loading={create.isPending}>Create</Button></Group>
      </Stack>
    </form>
  );
}

function Refused({ error }: { error: unknown }) {
  const { message, hint } = asProblem(error);
  return <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />} title="The token was not created">{message} {hint}</Alert>;
}

function Secret({ token, close }: { token: NewToken; close: () => void }) {
  const first = useRef<HTMLParagraphElement>(null);
  useEffect(() => first.current?.focus(), []);
  const call = example(globalThis.location.origin);
  return (
    <Stack>
      <Text ref={first} tabIndex={-1} size="sm" style={{ outline: 'none' }}>
        Copy the token {token.name} now and keep it like a password: it is not shown again. It works until {utc(token.expiresAt)} UTC.
      </Text>
      <Shown name="Token" text={token.secret} />
      <Shown name="A first call" text={call} />
      <Group justify="flex-end"><Button onClick={close}>Done</Button></Group>
    </Stack>
  );
}

function Shown({ name, text }: { name: string; text: string }) {
  return (
    <div role="group" aria-label={name}>
      <Group justify="space-between" mb={4}><Text size="sm" fw={600}>{name}</Text><CopyButton text={text} label={`Copy: ${name}`} /></Group>
      <pre className="command">{text}</pre>
    </div>
  );
}
