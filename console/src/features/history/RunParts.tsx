import { Anchor, Stack, Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { $api, type Run } from '../../api/client';
import { useRights } from '../../app/session';
import { CopyButton } from '../../components/Copy';
import { Lines } from '../../components/Lines';
import { runStates } from '../../components/RunStatus';
import { ErrorState } from '../../components/states';
import { Utc } from '../../components/Utc';
import { bytes, count, counted } from '../../lib/amount';
import { utc } from '../../lib/time';
import { mediaWords, scheduleWords, shortName, timeframeWords, typeNames } from '../../lib/words';

type Attempt = NonNullable<Run['attempts']>[number];

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <Stack gap={6} component="section" aria-label={title}><Text component="h3" fw={600} size="md">{title}</Text>{children}</Stack>;
}

/** The job as it was when the run was made. Later edits do not show here. */
export function FrozenJob({ run }: { run: Run }) {
  const { job } = run;
  return (
    <Part title={run.jobDeleted ? 'The job as it was (deleted since)' : 'The job as it was'}>
      <dl className="pairs">
        {job.description && <><dt>Description</dt><dd style={{ whiteSpace: 'pre-wrap' }}>{job.description}</dd></>}
        <dt>Source</dt><dd>Contact History (UCS)</dd>
        <dt>Type</dt><dd>{typeNames[job.type] ?? job.type}</dd>
        {job.type === 'interaction' && <><dt>Media types</dt><dd>{mediaWords(job.mediaTypes)}</dd></>}
        <dt>Runs</dt><dd>{scheduleWords(job.schedule)}</dd>
        <dt>Time frame</dt><dd>{timeframeWords(job.timeframe)}</dd>
        <dt>File split size</dt><dd>{job.splitSize ? bytes(job.splitSize) : 'not specified: one file'}</dd>
        {job.compression !== 'default' && <><dt>Compression</dt><dd>{job.compression === 'fast' ? 'Fast' : 'Small'}</dd></>}
        {job.settlingMinutes > 0 && <><dt>Settling delay</dt><dd>{job.settlingMinutes} min</dd></>}
      </dl>
    </Part>
  );
}

/** Each try of the run, and what went wrong in it. Only the last one of a finished run worked. */
export function Attempts({ run }: { run: Run }) {
  const attempts = run.attempts ?? [];
  const result = ({ finishedAt }: Attempt, last: boolean) => {
    if (!finishedAt) return 'At work';
    if (!last) return 'Ended; the next attempt went on.';
    return run.state === 'finished' ? 'It worked.' : runStates[run.state].label;
  };
  return (
    <Part title="Attempts">
      {attempts.length === 0 ? <Text size="sm" c="dimmed">Not started yet.</Text> : (
        <Lines label="Attempts" heads={['No.', 'Node', 'Started (UTC)', 'Ended (UTC)', 'Result']}>
          {attempts.map((a, i) => (
            <Table.Tr key={a.number}>
              <Table.Td>{a.number}</Table.Td><Table.Td>{a.node}</Table.Td><Table.Td><Utc at={a.startedAt} /></Table.Td><Table.Td><Utc at={a.finishedAt} /></Table.Td>
              <Table.Td className="wrap">{a.error ?? result(a, i === attempts.length - 1)}</Table.Td>
            </Table.Tr>
          ))}
        </Lines>
      )}
    </Part>
  );
}

type Account = {
  productVersion: string;
  schemaVersion: string;
  snapshot: { mode: 'run' | 'range'; first: string; last: string };
  records: Record<string, number>;
  artifacts: { name: string; part: number; parts: number; size: number; sha256: string; files: { name: string; records: number; size: number }[] }[];
  /** Runs of versions without a choice do not have it. */
  encryption?: { content: string; keyTransport: string };
  recipients: { fingerprint: string; subject: string; notAfter: string }[];
};

/** The kinds of records in the order in which people ask for them. */
const kinds = ['interaction', 'attachment', 'contact'];

const manifestPath = (id: string) => `/api/v1/runs/${encodeURIComponent(id)}/manifest`;

/** The run's account of itself: counts, files with their hashes, recipients. */
export function Manifest({ id }: { id: string }) {
  const manifest = $api.useQuery('get', '/api/v1/runs/{id}/manifest', { params: { path: { id } } }, { staleTime: Infinity, placeholderData: undefined });
  if (manifest.isError) return <Part title="Manifest"><ErrorState error={manifest.error} what="The manifest" retry={() => void manifest.refetch()} /></Part>;
  if (!manifest.data) return null;
  const account = manifest.data as unknown as Account;
  return (
    <Part title="Manifest">
      <dl className="pairs">
        <dt>Records</dt><dd>{kinds.filter((kind) => kind in account.records).map((kind) => counted(account.records[kind]!, kind)).join(', ')}</dd>
        <dt>Read at</dt><dd>{utc(account.snapshot.first)} UTC{account.snapshot.last !== account.snapshot.first && ` to ${utc(account.snapshot.last)} UTC`}</dd>
        <dt>Encrypted to</dt><dd>{account.recipients.map((r) => <div key={r.fingerprint} title={r.fingerprint}>{r.subject}</div>)}</dd>
        {account.encryption?.content && <><dt>Encrypted with</dt><dd>{account.encryption.content}, {account.encryption.keyTransport}</dd></>}
        <dt>Versions</dt><dd>CDDS {account.productVersion}, record schemas {account.schemaVersion}</dd>
      </dl>
      {account.artifacts.length > 0 && (
        <Lines label="Files of the run" heads={['File', 'Part', 'Size', 'Records', 'SHA-256']}>
          {account.artifacts.map((a) => (
            <Table.Tr key={a.name}>
              <Table.Td><span title={a.name}>{shortName(a.name)}</span></Table.Td><Table.Td>{a.part} of {a.parts}</Table.Td><Table.Td>{bytes(a.size)}</Table.Td>
              <Table.Td>{count(a.files.reduce((sum, f) => sum + f.records, 0))}</Table.Td>
              <Table.Td><span className="copyable" title={a.sha256}>{a.sha256.slice(0, 8)}…<CopyButton text={a.sha256} label={`Copy the SHA-256 of ${a.name}`} /></span></Table.Td>
            </Table.Tr>
          ))}
        </Lines>
      )}
      <Anchor href={manifestPath(id)} download size="sm">Download the manifest (JSON)</Anchor>
    </Part>
  );
}

/** Who fetched the files, by the audit log. */
export function Downloads({ id }: { id: string }) {
  const can = useRights();
  const downloads = $api.useQuery('get', '/api/v1/runs/{id}/downloads', { params: { path: { id } } }, { enabled: can.seeArtifacts, placeholderData: undefined });
  if (!can.seeArtifacts) return null;
  const list = downloads.data?.downloads ?? [];
  return (
    <Part title="Downloads">
      {downloads.isError && <ErrorState error={downloads.error} what="The downloads" retry={() => void downloads.refetch()} />}
      {downloads.data && list.length === 0 && <Text size="sm" c="dimmed">Nobody has downloaded these files yet.</Text>}
      {list.length > 0 && (
        <Lines label="Downloads" heads={['When (UTC)', 'Who', 'From', 'File']}>
          {list.map((d, i) => <Table.Tr key={i}><Table.Td><Utc at={d.at} /></Table.Td><Table.Td>{d.username}</Table.Td><Table.Td>{d.address}</Table.Td><Table.Td><span title={d.name}>{shortName(d.name)}</span></Table.Td></Table.Tr>)}
        </Lines>
      )}
    </Part>
  );
}
