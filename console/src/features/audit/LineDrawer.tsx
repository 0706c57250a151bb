import { Button, Drawer, Group, Stack, Text } from '@mantine/core';
import type { AuditLine } from '../../api/client';
import { CopyButton } from '../../components/Copy';
import { count } from '../../lib/amount';
import { firstPage } from '../../lib/list';
import { local, utc } from '../../lib/time';
import { ResultBadge, Who } from './columns';
import type { AuditSearch } from './search';
import { actionWords, detailWords } from './words';

type Props = { line: AuditLine | null; onClose: () => void; onSearch: (change: Partial<AuditSearch>) => void };

/** All that the log says in one line, and the ways to those like it. */
export function LineDrawer({ line, onClose, onSearch }: Props) {
  const only = (change: Partial<AuditSearch>) => {
    onSearch({ ...change, ...firstPage });
    onClose();
  };
  return (
    <Drawer opened={line !== null} onClose={onClose} position="right" size="lg" title="Audit line" closeButtonProps={{ 'aria-label': 'Close the details' }}>
      {line && (
        <Stack gap="lg">
          <Group gap="sm"><Text component="h2" fw={600} size="lg">{actionWords(line.action)}</Text><ResultBadge line={line} /></Group>
          <dl className="pairs">
            <dt>{line.times > 1 ? 'Last time' : 'Time'}</dt>
            <dd><time dateTime={line.at}>{utc(line.at)} UTC</time> <Text span size="sm" c="dimmed">({local(line.at)})</Text></dd>
            {line.times > 1 && <><dt>Times</dt><dd>{count(line.times)} equal attempts</dd></>}
            <dt>User</dt><dd><Who line={line} /></dd>
            {line.tokenId && <><dt>API token</dt><dd>{line.tokenId}</dd></>}
            <dt>From</dt><dd>{line.address || 'the command line, or the service itself'}</dd>
            <dt>Action</dt><dd>{line.action}</dd>
            <dt>Object</dt><dd>{line.object || '–'}</dd>
            <dt>Detail</dt><dd>{detailWords(line) || '–'}</dd>
            <dt>Line</dt><dd>{count(line.number)}</dd>
            <dt>Hash</dt><dd><Group gap={4} wrap="nowrap"><code>{line.hash}</code><CopyButton text={line.hash} label="Copy the hash" /></Group></dd>
          </dl>
          <Group gap="xs">
            {line.username && <Button variant="default" onClick={() => only({ user: line.username })}>Only this user</Button>}
            <Button variant="default" onClick={() => only({ action: line.action })}>Only this action</Button>
            {line.object && <Button variant="default" onClick={() => only({ q: line.object })}>Only this object</Button>}
          </Group>
        </Stack>
      )}
    </Drawer>
  );
}
