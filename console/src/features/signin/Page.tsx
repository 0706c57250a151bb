import { Alert, Anchor, Button, Center, Checkbox, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api, asProblem } from '../../api/client';
import { meQuery, rights } from '../../app/session';
import { SingleSignOn, SingleSignOnNotice, useSingleSignOn } from './SingleSignOn';

const route = getRouteApi('/sign-in');
const remembered = 'cdds.sign-in';

type Who = { username: string; tenant: string };

/** What "Remember me" kept at the last sign-in: the names, never the password. */
function recall(): Who | null {
  try {
    const kept = JSON.parse(localStorage.getItem(remembered) ?? 'null') as Who | null;
    return kept && typeof kept.username === 'string' && typeof kept.tenant === 'string' ? kept : null;
  } catch {
    return null;
  }
}

function keep(who: Who | null) {
  try {
    if (who) localStorage.setItem(remembered, JSON.stringify(who));
    else localStorage.removeItem(remembered);
  } catch {
    // A browser without storage signs in all the same; it only forgets the names.
  }
}

/** Signing in: who first, then the password. */
export function SignInPage() {
  const { expired } = route.useSearch();
  const setUp = useSingleSignOn();
  const [kept] = useState(recall);
  const form = useNames(kept);
  const [step, setStep] = useState<'who' | 'password'>('who');
  const next = () => {
    if (!form.validateField('username').hasError) setStep('password');
  };
  return (
    <Center component="main" mih="100vh" p="md">
      <title>Sign in - CDDS</title>
      <Paper withBorder p="xl" w="100%" maw={380}>
        <Stack gap="md">
          <Group gap="sm" wrap="nowrap"><img src="/favicon.svg" alt="" width={30} height={30} /><Title order={1}>Cloud Data Download Service</Title></Group>
          {expired && step === 'who' && <Alert color="yellow" role="status">Your session has ended. Sign in again to go on where you were.</Alert>}
          {step === 'who' && setUp && <SingleSignOnNotice setUp={setUp} />}
          {step === 'who' ? <Names form={form} next={next} /> : <Password form={form} back={() => setStep('who')} />}
          {step === 'who' && setUp && <SingleSignOn setUp={setUp} />}
        </Stack>
      </Paper>
    </Center>
  );
}

function useNames(kept: Who | null) {
  return useForm({
    initialValues: { username: kept?.username ?? '', tenant: kept?.tenant ?? '', remember: kept !== null, password: '' },
    validate: { username: (v: string) => (v.trim() ? null : 'Enter your username.') },
  });
}

type Form = ReturnType<typeof useNames>;

function Names({ form, next }: { form: Form; next: () => void }) {
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); next(); }}>
      <Stack gap="sm">
        <TextInput label="Username" required autoFocus autoComplete="username" maxLength={100} {...form.getInputProps('username')} />
        <TextInput label="Tenant" description="Only needed where your username exists in several tenants." autoComplete="organization" maxLength={100} {...form.getInputProps('tenant')} />
        <Checkbox label="Remember me" description="This browser signs in again by itself, until you sign out. Only on a device that is yours alone." {...form.getInputProps('remember', { type: 'checkbox' })} />
        <Button type="submit" size="sm">Next</Button>
      </Stack>
    </form>
  );
}

function Password({ form, back }: { form: Form; back: () => void }) {
  const { from } = route.useSearch();
  const router = useRouter();
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState('');
  useEffect(() => input.current?.focus(), []);

  const signIn = async () => {
    const { username, tenant, remember, password } = form.values;
    if (!password) {
      form.setFieldError('password', 'Enter your password.');
      input.current?.focus();
      return;
    }
    setBusy(true);
    setRefused('');
    const who = { username: username.trim(), tenant: tenant.trim() };
    try {
      const { data } = await api.POST('/api/v1/session', { body: { ...who, tenant: who.tenant || null, password, remember } });
      keep(remember ? who : null);
      client.clear();
      client.setQueryData(meQuery.queryKey, data);
      router.history.push(from ?? (rights(data!).seeJobs ? '/jobs' : '/history'));
    } catch (error) {
      const problem = asProblem(error);
      setRefused([problem.message, ...problem.fields.map((f) => `${f.field} ${f.message}`), problem.hint].filter(Boolean).join(' '));
      form.setFieldValue('password', '');
      input.current?.focus();
    } finally {
      setBusy(false);
    }
  };
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); void signIn(); }}>
      <Stack gap="sm">
        <Text size="sm">
          {form.values.username}{form.values.tenant && ` in ${form.values.tenant}`}{' '}
          <Anchor component="button" type="button" size="sm" onClick={back}>Change</Anchor>
        </Text>
        {refused && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{refused}</Alert>}
        <PasswordInput ref={input} label="Password" required autoComplete="current-password" visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }} {...form.getInputProps('password')} />
        <Button type="submit" size="sm" loading={busy}>Sign in</Button>
      </Stack>
    </form>
  );
}
