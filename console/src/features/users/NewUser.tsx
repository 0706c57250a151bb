import { Alert, Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { api, asProblem } from '../../api/client';
import { confirmed } from '../../components/notify';
import { fieldErrors } from '../../lib/fields';
import { newKey } from '../../lib/key';
import { useReloadUsers } from './actions';
import { brokenChoice, chosen, generated, PasswordChoice } from './PasswordChoice';
import { roleMeanings, roleNames, roleWords } from './rules';
import { ShownOnce } from './ShownOnce';

/** Adds a user: name, role, and a password that is generated or typed. */
export function NewUser({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Add user" closeButtonProps={{ 'aria-label': 'Close' }} closeOnClickOutside={false}>
      <Content onClose={onClose} />
    </Modal>
  );
}

export const roleOptions = [...roleWords].reverse().map((value) => ({ value, label: `${roleNames[value]}: ${roleMeanings[value]}` }));

type Added = { username: string; password: string | null };

function Content({ onClose }: { onClose: () => void }) {
  const reload = useReloadUsers();
  const key = useRef(newKey());
  const name = useRef<HTMLInputElement>(null);
  const [added, setAdded] = useState<Added | null>(null);
  const form = useForm({
    initialValues: { username: '', role: 'viewer', password: generated },
    validate: {
      username: (v: string) => (v.trim() ? null : 'Enter a username.'),
      password: brokenChoice,
    },
  });
  const create = useMutation({
    mutationFn: async ({ username, role, password }: typeof form.values) => (await api.POST('/api/v1/users', {
      params: { header: { 'Idempotency-Key': key.current } },
      body: { username: username.trim(), role: role === 'none' ? null : role, password: chosen(password) },
    })).data!,
    onSuccess: (user, { password }) => {
      if (password.generate) {
        setAdded(user);
        return;
      }
      confirmed(`Added ${user.username}.`);
      onClose();
    },
    onError: (error) => {
      const problem = asProblem(error);
      // The same key asks for the same user again; after a refusal it is another one.
      if (problem.code !== 'offline') key.current = newKey();
      form.setErrors(problem.code === 'conflict' ? { username: problem.message } : fieldErrors(problem.fields));
      name.current?.focus();
    },
    onSettled: reload,
  });
  if (added) return <ShownOnce {...added} onClose={onClose} />;
  const problem = create.isError ? asProblem(create.error) : null;
  const elsewhere = problem && problem.code !== 'conflict' && problem.fields.length === 0;
  return (
    <form noValidate onSubmit={form.onSubmit((values) => create.mutate(values), () => name.current?.focus())}>
      <Stack gap="sm">
        {elsewhere && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{problem.message} {problem.hint}</Alert>}
        <TextInput ref={name} label="Username" required data-autofocus autoComplete="off" maxLength={100} {...form.getInputProps('username')} />
        <NativeSelect label="Role" data={roleOptions} {...form.getInputProps('role')} />
        <PasswordChoice value={form.values.password} onChange={(v) => form.setFieldValue('password', v)} error={form.errors.password} />
        <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={create.isPending}>Add user</Button></Group>
      </Stack>
    </form>
  );
}
