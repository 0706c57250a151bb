import { Badge, Tooltip } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';

/** The mark of stored bytes that are no longer what was written, with the reason on hover and on focus. */
export function Damaged({ reason }: { reason: string }) {
  return (
    <Tooltip label={`${reason} Export again makes a new file.`} multiline maw={360}>
      <Badge color="red" leftSection={<IconAlertTriangle size={12} aria-hidden />} tabIndex={0} role="note">Damaged</Badge>
    </Tooltip>
  );
}
