import { Group, Title } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';

/** A page's heading: its title in the tab, and the focus for those who cannot see that the page changed. */
export function PageHead({ title, children }: { title: string; children?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [title]);
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <title>{`${title} - CDDS`}</title>
      <Title order={1} ref={heading} tabIndex={-1} style={{ outline: 'none' }}>{title}</Title>
      {children}
    </Group>
  );
}
