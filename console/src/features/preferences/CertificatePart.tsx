import { Alert, Badge, Button, Fieldset, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, asProblem, type Certificate } from '../../api/client';
import { meQuery, useMe } from '../../app/session';
import { askToDelete } from '../../components/ask';
import { CopyButton } from '../../components/Copy';
import { confirmed, failed } from '../../components/notify';
import { daysUntil, utc } from '../../lib/time';
import { ImportCertificate } from './ImportCertificate';

const makePair = `openssl req -x509 -newkey rsa:3072 -sha256 -days 730 -nodes \\
  -keyout key.pem -out certificate.pem -subj "/CN=CDDS exports" \\
  -addext keyUsage=critical,keyEncipherment`;

/** The certificate: what it is, how to replace it, how to make one. */
export function CertificatePart() {
  const client = useQueryClient();
  const { certificate } = useMe();
  const reload = () => client.invalidateQueries({ queryKey: meQuery.queryKey });
  const put = useMutation({
    mutationFn: (content: ArrayBuffer | string) => api.PUT('/api/v1/me/certificate', {
      body: content as string, bodySerializer: (body) => body as BodyInit, headers: { 'Content-Type': 'application/octet-stream' },
    }),
    onSuccess: () => confirmed(certificate ? 'Your certificate is replaced. Runs that start from now on use the new one.' : 'Your certificate is imported.'),
    onSettled: reload,
  });
  const remove = useMutation({
    mutationFn: () => api.DELETE('/api/v1/me/certificate'),
    onSuccess: () => confirmed('Your certificate is removed.'),
    onError: (error) => failed('Your certificate was not removed', error),
    onSettled: reload,
  });
  const askRemove = () => askToDelete({
    title: 'Remove your certificate?', names: [certificate!.subject], action: 'Remove', onConfirm: () => remove.mutate(),
    consequence: 'Runs of your jobs fail until you import another one. Files that are encrypted to it stay readable with its private key: keep that key.',
  });
  return (
    <Fieldset legend="Encryption certificate">
      <Stack>
        <Text size="sm">Your exports are encrypted to this certificate. The private key that belongs to it opens them, and never comes here.</Text>
        {certificate ? (
          <>
            <Shown certificate={certificate} />
            <Group><Button variant="default" leftSection={<IconTrash size={15} aria-hidden />} loading={remove.isPending} onClick={askRemove}>Remove certificate</Button></Group>
          </>
        ) : <Alert color="yellow" role="status">No certificate yet. Import one below before you save a job.</Alert>}
        <ImportCertificate replaces={certificate !== null} busy={put.isPending} onContent={(content) => put.mutate(content)} />
        {put.isError && <Refused error={put.error} />}
        <div>
          <Group justify="space-between" mb={4}><Text size="sm" fw={600}>How to make a pair</Text><CopyButton text={makePair} label="Copy the command that makes a pair" /></Group>
          <pre className="command">{makePair}</pre>
          <Text size="sm" c="dimmed" mt={4}>Import certificate.pem here. Keep key.pem secret and safe: without it you cannot open the files, and CDDS cannot either.</Text>
        </div>
      </Stack>
    </Fieldset>
  );
}

function Refused({ error }: { error: unknown }) {
  const problem = asProblem(error);
  return (
    <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />} title="The certificate was refused">
      <Text size="sm">{problem.message} {problem.fields.map((f) => f.message).join(' ')}</Text>
      <Text size="sm" style={{ whiteSpace: 'pre-wrap' }}>{problem.hint}</Text>
    </Alert>
  );
}

function Shown({ certificate: c }: { certificate: Certificate }) {
  const days = daysUntil(c.notAfter);
  return (
    <dl className="pairs">
      <dt>Subject</dt><dd>{c.subject}</dd>
      <dt>Issuer</dt><dd>{c.issuer}</dd>
      <dt>Serial number</dt><dd>{c.serial}</dd>
      <dt>Valid (UTC)</dt><dd>{utc(c.notBefore)} to {utc(c.notAfter)}</dd>
      <dt>Days left</dt><dd><DaysLeft certificate={c} days={days} /></dd>
      <dt>Key</dt><dd>RSA, {c.keyBits} bits</dd>
      <dt>SHA-256 fingerprint</dt>
      <dd><code>{c.fingerprint}</code> <CopyButton text={c.fingerprint} label="Copy the fingerprint" /></dd>
    </dl>
  );
}

/** How long a certificate is valid yet, with a warning where that is not long. */
export function DaysLeft({ certificate, days }: { certificate: Certificate; days: number }) {
  if (!certificate.valid) return <Badge color="red" leftSection={<IconAlertTriangle size={12} aria-hidden />}>{days < 0 ? 'Expired' : 'Not valid yet'}</Badge>;
  if (certificate.warnAfterDays > 0) return <Badge color={certificate.warnAfterDays > 7 ? 'yellow' : 'red'} leftSection={<IconAlertTriangle size={12} aria-hidden />}>{days}</Badge>;
  return <>{days}</>;
}
