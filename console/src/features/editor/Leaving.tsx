import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

/** Asks before unsaved changes are lost: on links, on closing the tab, and when the session ends meanwhile. */
export function Leaving({ unsaved }: { unsaved: () => boolean }) {
  const latest = useRef(unsaved);
  useEffect(() => { latest.current = unsaved; });
  const blocker = useBlocker({ shouldBlockFn: () => latest.current(), enableBeforeUnload: () => latest.current(), withResolver: true });
  const blocked = blocker.status === 'blocked';
  const ended = blocked && blocker.next.pathname === '/sign-in';
  return (
    <Modal opened={blocked} onClose={() => blocker.reset?.()} title={ended ? 'Your session has ended' : 'Leave without saving?'} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Text size="sm">
          {ended
            ? <>What you changed in this job is not saved yet. <Anchor href="/sign-in" target="_blank" inherit>Sign in in another tab</Anchor>, then stay here and save.</>
            : 'What you changed in this job is not saved and will be lost.'}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => blocker.reset?.()} data-autofocus>Stay</Button>
          <Button color="red.9" onClick={() => blocker.proceed?.()}>Leave</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
