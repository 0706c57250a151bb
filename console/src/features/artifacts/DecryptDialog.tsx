import { Alert, Group, Modal, Stack, Text } from '@mantine/core';
import type { Artifact } from '../../api/client';
import { CopyButton } from '../../components/Copy';
import { decryptCommands, opensslLimit } from './decrypt';

/** The exact commands for one file, to copy. */
export function DecryptDialog({ artifact, onClose }: { artifact: Artifact | null; onClose: () => void }) {
  return (
    <Modal opened={artifact !== null} onClose={onClose} size="lg" title="Decrypt this file" closeButtonProps={{ 'aria-label': 'Close' }}>
      {artifact && <Commands artifact={artifact} />}
    </Modal>
  );
}

function Commands({ artifact }: { artifact: Artifact }) {
  const { openssl, cdds } = decryptCommands(artifact);
  const large = artifact.size >= opensslLimit;
  return (
    <Stack>
      <Text size="sm">Download the file, put your private key beside it as key.pem, and run one of these. The key never leaves your machine.</Text>
      <Command name="With CDDS, of any size" text={cdds} />
      {large ? <Alert color="yellow">OpenSSL cannot open a file of 2 GB or more. Use cdds decrypt.</Alert> : <Command name={artifact.encryption === 'authenticated' ? 'With OpenSSL 3.0 or newer' : 'With OpenSSL'} text={openssl} />}
      <Command name="SHA-256 of the file" text={artifact.sha256} />
    </Stack>
  );
}

function Command({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <Group justify="space-between" mb={4}><Text size="sm" fw={600}>{name}</Text><CopyButton text={text} label={`Copy: ${name}`} /></Group>
      <pre className="command">{text}</pre>
    </div>
  );
}
