import { Button, Center, Loader, Stack, Text, Title } from '@mantine/core';
import { type ErrorComponentProps } from '@tanstack/react-router';
import { TextLink } from '../components/links';
import { ErrorState } from '../components/states';

/** An address that is none of ours. */
export function NotFound() {
  return (
    <Stack component="main" align="center" p="xl" gap="xs">
      <title>Not found - CDDS</title>
      <Title order={1}>There is no such page</Title>
      <Text>The address may be mistyped, or the page has moved.</Text>
      <TextLink to="/">Go to the overview</TextLink>
    </Stack>
  );
}

/** A page that could not be built: what failed, and another try. */
export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <Stack p="md">
      <ErrorState error={error} what="This page" retry={reset} />
      <Button variant="default" w="fit-content" onClick={() => window.location.reload()}>Reload</Button>
    </Stack>
  );
}

export function Pending() {
  return <Center p="xl"><Loader aria-label="Loading the page" /></Center>;
}
