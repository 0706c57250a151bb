import { Alert, Anchor, Button, Divider, Stack } from '@mantine/core';
import { IconAlertTriangle, IconLogin2 } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, asProblem } from '../../api/client';
import type { components } from '../../api/schema.gen';

const route = getRouteApi('/sign-in');

type SetUp = components['schemas']['SingleSignOn'];

/**
 * How single sign-on is set up. The answer stays out of the shared cache, which
 * a sign-out empties just when this page opens.
 */
export function useSingleSignOn(): SetUp | undefined {
  const { refused, left } = route.useSearch();
  const [setUp, learn] = useState<SetUp>();
  useEffect(() => {
    const leaving = new AbortController();
    const query = { ...(refused && { refused }), ...(left && { signedOut: true }) };
    api.GET('/api/v1/oidc', { params: { query }, signal: leaving.signal }).then(
      ({ data }) => learn(data),
      () => learn(undefined), // The password's way in is there all the same, and says itself if the service cannot be reached.
    );
    return () => leaving.abort();
  }, [refused, left]);
  return setUp;
}

/** What became of the last sign-in or sign-out by single sign-on. */
export function SingleSignOnNotice({ setUp }: { setUp: SetUp }) {
  const { left } = route.useSearch();
  if (setUp.refusal) {
    return <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{setUp.refusal.detail} {setUp.refusal.hint}</Alert>;
  }
  if (!left || !setUp.name) return null;
  return (
    <Alert color="blue" role="status">
      You are signed out of CDDS. At {setUp.name} you may still be signed in.{' '}
      {setUp.endSessionUrl && <Anchor href={setUp.endSessionUrl} size="sm" c="inherit" underline="always">Sign out of {setUp.name} too</Anchor>}
    </Alert>
  );
}

/** The button that leads to the identity provider, where one is set up. */
export function SingleSignOn({ setUp }: { setUp: SetUp }) {
  const { from } = route.useSearch();
  const begin = useMutation({
    mutationFn: () => api.POST('/api/v1/oidc/sign-in', { body: { from: from ?? null } }),
    onSuccess: ({ data }) => globalThis.location.assign(data!.url),
  });
  if (!setUp.name) return null;
  const problem = begin.isError ? asProblem(begin.error) : null;
  return (
    <Stack gap="sm">
      <Divider label="or" />
      {problem && <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />}>{problem.message} {problem.hint}</Alert>}
      <Button variant="default" size="sm" leftSection={<IconLogin2 size={16} aria-hidden />} loading={begin.isPending || begin.isSuccess} onClick={() => begin.mutate()}>
        Sign in with {setUp.name}
      </Button>
    </Stack>
  );
}
