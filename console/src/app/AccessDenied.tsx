import { Button, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api, type Me } from '../api/client';
import { failed } from '../components/notify';
import { afterSignOut } from './session';

/** Where a user without a role lands. */
export function AccessDenied({ me }: { me: Me }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await api.DELETE('/api/v1/session');
      await navigate({ to: '/sign-in', search: afterSignOut(me) });
      client.clear();
    } catch (error) {
      failed('You could not be signed out', error);
    }
  };
  return (
    <Stack component="main" align="center" p="xl" gap="sm" mt={60}>
      <title>Access Denied - CDDS</title>
      <Title order={1}>Access Denied</Title>
      <Text ta="center" maw={460}>You are signed in as {me.username}, but your user has no role. Ask an administrator of your tenant to give you one, then sign in again.</Text>
      <Button variant="default" onClick={() => void leave()}>Sign in as another user</Button>
    </Stack>
  );
}
