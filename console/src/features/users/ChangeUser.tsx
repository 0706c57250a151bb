import { Alert, Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, asProblem, type User } from '../../api/client';
import { confirmed } from '../../components/notify';
import { fieldErrors } from '../../lib/fields';
import { useReloadUsers, userPath } from './actions';
import { roleOptions } from './NewUser';
import { brokenChoice, chosen, generated, PasswordChoice } from './PasswordChoice';
import { roleName } from './rules';
import { ShownOnce } from './ShownOnce';

type Props = { user: User; onClose: () => void };

/** Gives a user another role. */
export function ChangeRole({ user, onClose }: Props) {
  const reload = useReloadUsers();
  const [role, setRole] = useState<string>(user.role ?? 'none');
  const change = useMutation({
    mutationFn: () => api.PUT('/api/v1/users/{id}', { params: userPath(user), body: { role: role === 'none' ? null : role } }),
    onSuccess: () => {
      confirmed(`The role of ${user.username} is ${roleName(role)} now.`);
      onClose();
    },
    onSettled: reload,
  });
  return (
    <Dialog title={`Role of ${user.username}`} action="Save" error={change.error} busy={change.isPending} onClose={onClose} onSubmit={() => change.mutate()}>
      <NativeSelect label="Role" data-autofocus data={roleOptions} value={role} onChange={(e) => setRole(e.currentTarget.value)} />
      <Text size="sm" c="dimmed">The user's sessions end. Whoever signs in again has the new role.</Text>
    </Dialog>
  );
}

/** Gives a user another password. */
export function ResetPassword({ user, onClose }: Props) {
  const [choice, setChoice] = useState(generated);
  const [broken, setBroken] = useState<string | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const reset = useMutation({
    mutationFn: async () => (await api.POST('/api/v1/users/{id}/password', { params: userPath(user), body: { password: chosen(choice) } })).data!.password,
    onSuccess: (password) => {
      setMade(password);
      if (password !== null) return;
      confirmed(`The password of ${user.username} is changed.`);
      onClose();
    },
    onError: (error) => setBroken(fieldErrors(asProblem(error).fields).password ?? null),
  });
  const submit = () => {
    const wrong = brokenChoice(choice);
    setBroken(wrong);
    if (!wrong) reset.mutate();
  };
  if (made !== null) {
    return <Modal opened onClose={onClose} title={`Password of ${user.username}`} closeButtonProps={{ 'aria-label': 'Close' }} closeOnClickOutside={false}><ShownOnce username={user.username} password={made} onClose={onClose} /></Modal>;
  }
  return (
    <Dialog title={`Password of ${user.username}`} action="Reset password" error={broken ? null : reset.error} busy={reset.isPending} onClose={onClose} onSubmit={submit}>
      <PasswordChoice value={choice} onChange={(next) => { setChoice(next); setBroken(null); }} error={broken} />
      <Text size="sm" c="dimmed">The user's sessions end. API tokens go on working; deactivate the user to stop them.</Text>
    </Dialog>
  );
}

type DialogProps = { title: string; action: string; error: unknown; busy: boolean; onClose: () => void; onSubmit: () => void; children: ReactNode };

function Dialog({ title, action, error, busy, onClose, onSubmit, children }: DialogProps) {
  const problem = error ? asProblem(error) : null;
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ 'aria-label': 'Close' }} closeOnClickOutside={false}>
      <form noValidate onSubmit={(e) => { e.preventDefault(); onSubmit(); }}>
        <Stack gap="sm">
          {problem && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{problem.message} {problem.hint}</Alert>}
          {children}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={busy}>{action}</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
