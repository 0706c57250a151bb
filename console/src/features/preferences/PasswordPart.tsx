import { Alert, Button, Fieldset, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { api, asProblem } from '../../api/client';
import { useMe } from '../../app/session';
import { confirmed } from '../../components/notify';
import { fieldErrors } from '../../lib/fields';

const shortest = 12;
const eye = { 'aria-label': 'Show the password', tabIndex: 0 };

/** Changes one's own password: whoever sits at an open session must know the present one. */
export function PasswordPart() {
  const { username } = useMe();
  const current = useRef<HTMLInputElement>(null);
  const next = useRef<HTMLInputElement>(null);
  const form = useForm({
    initialValues: { current: '', password: '' },
    validate: {
      current: (v: string) => (v ? null : 'Enter your present password.'),
      password: (v: string) => ([...v].length >= shortest ? null : `Enter a new password of at least ${shortest} characters.`),
    },
  });
  const focus = (broken: object) => ('current' in broken ? current : next).current?.focus();
  const change = useMutation({
    mutationFn: (body: typeof form.values) => api.PUT('/api/v1/me/password', { body }),
    onSuccess: () => {
      form.reset();
      confirmed('Your password is changed. Your other sessions have ended.');
    },
    onError: (error) => {
      const errors = fieldErrors(asProblem(error).fields);
      form.setErrors(errors);
      focus(errors);
    },
  });
  const problem = change.isError ? asProblem(change.error) : null;
  return (
    <Fieldset legend="Password">
      <form noValidate onSubmit={form.onSubmit((values) => change.mutate(values), focus)}>
        <Stack gap="sm">
          {problem && problem.fields.length === 0 && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{problem.message} {problem.hint}</Alert>}
          <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
          <PasswordInput ref={current} label="Present password" required autoComplete="current-password" visibilityToggleButtonProps={eye} {...form.getInputProps('current')} />
          <PasswordInput ref={next} label="New password" required description="12 to 256 characters." autoComplete="new-password" maxLength={256} visibilityToggleButtonProps={eye} {...form.getInputProps('password')} />
          <Group><Button type="submit" variant="default" loading={change.isPending}>Change password</Button></Group>
          <Text size="sm" c="dimmed">Your other sessions end. API tokens go on working until they are revoked or expire.</Text>
        </Stack>
      </form>
    </Fieldset>
  );
}
