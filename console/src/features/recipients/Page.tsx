import { Alert, Fieldset, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { $api, api, asProblem, type Recipient } from '../../api/client';
import { useRights } from '../../app/session';
import { ActionButton } from '../../components/ActionButton';
import { askToDelete } from '../../components/ask';
import { confirmed, failed } from '../../components/notify';
import { PageHead } from '../../components/PageHead';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states';
import { Utc } from '../../components/Utc';
import { daysUntil } from '../../lib/time';
import { DaysLeft } from '../preferences/CertificatePart';
import { ImportCertificate } from '../preferences/ImportCertificate';
import { certificateText } from './text';

const listQuery = $api.queryOptions('get', '/api/v1/recipients');

/** Certificates that all exports of the tenant are encrypted to, beside the owner's. */
export function RecipientsPage() {
  const can = useRights();
  const recipients = $api.useQuery('get', '/api/v1/recipients');
  const items = recipients.data?.items ?? [];
  return (
    <Stack maw={1100}>
      <PageHead title="Recipients" />
      <Text size="sm">
        Every export of your tenant is encrypted to the certificate of its job&apos;s owner and to each of these: an escrow, or a second officer.
        Each of them can open every file that is made while they are here. If the certificate of one expires, exports fail until it is replaced or removed.
      </Text>
      {recipients.isPending && <ListSkeleton label="the recipients" rows={3} />}
      {recipients.isError && <ErrorState error={recipients.error} what="The recipients" retry={() => void recipients.refetch()} />}
      {recipients.data && (items.length > 0 ? <List items={items} manage={can.manageRecipients} /> : <EmptyState title="No recipients">Only the owners of jobs can open what these export.</EmptyState>)}
      {can.manageRecipients && recipients.data && <Add />}
    </Stack>
  );
}

function List({ items, manage }: { items: Recipient[]; manage: boolean }) {
  return (
    <div className="lines" tabIndex={0} role="region" aria-label="Recipients, scrolls sideways">
      <Table aria-label="recipients" fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Title</Table.Th><Table.Th>Subject</Table.Th><Table.Th>Valid until (UTC)</Table.Th><Table.Th>Days left</Table.Th><Table.Th>Fingerprint</Table.Th><Table.Th>Added (UTC)</Table.Th><Table.Th>By</Table.Th>
            {manage && <Table.Th>Remove</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map(({ certificate: c, ...r }) => (
            <Table.Tr key={r.id}>
              <Table.Td className="wrap">{r.title}</Table.Td>
              <Table.Td className="wrap">{c.subject}</Table.Td>
              <Table.Td><Utc at={c.notAfter} /></Table.Td>
              <Table.Td><DaysLeft certificate={c} days={daysUntil(c.notAfter)} /></Table.Td>
              <Table.Td><code title={c.fingerprint}>{c.fingerprint.slice(0, 16)}…</code></Table.Td>
              <Table.Td><Utc at={r.addedAt} /></Table.Td>
              <Table.Td>{r.addedBy}</Table.Td>
              {manage && <Table.Td><Remove id={r.id} title={r.title} /></Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Remove({ id, title }: { id: string; title: string }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.DELETE('/api/v1/recipients/{id}', { params: { path: { id } } }),
    onSuccess: () => confirmed(`${title} is removed. Runs that start from now on are not encrypted to it.`),
    onError: (error) => failed(`${title} was not removed`, error),
    onSettled: () => client.invalidateQueries({ queryKey: listQuery.queryKey }),
  });
  const ask = () => askToDelete({
    title: 'Remove this recipient?', names: [title], action: 'Remove', onConfirm: () => remove.mutate(),
    consequence: 'Exports that start from now on cannot be opened with its key. Those that were made before stay readable with it.',
  });
  return <ActionButton label={`Remove ${title}`} icon={<IconTrash size={15} aria-hidden />} danger busy={remove.isPending} onClick={ask} />;
}

/** Adds a recipient: whose it is, then the certificate. */
function Add() {
  const client = useQueryClient();
  const [title, setTitle] = useState('');
  const [missing, setMissing] = useState(false);
  const [added, setAdded] = useState(0);
  const titleInput = useRef<HTMLInputElement>(null);
  const add = useMutation({
    mutationFn: (certificate: string) => api.POST('/api/v1/recipients', { body: { title: title.trim(), certificate } }),
    onSuccess: () => {
      confirmed(`${title.trim()} is added. Runs that start from now on are encrypted to it too.`);
      setTitle('');
      setAdded(added + 1); // which empties what is pasted
      titleInput.current?.focus();
    },
    onSettled: () => client.invalidateQueries({ queryKey: listQuery.queryKey }),
  });
  const take = (content: ArrayBuffer | string) => {
    setMissing(!title.trim());
    if (title.trim()) add.mutate(certificateText(content));
  };
  return (
    <Fieldset legend="Add a recipient">
      <Stack>
        <TextInput
          ref={titleInput} label="Title" description="Whose certificate it is, for all who look at this list." maxLength={100} maw={480} value={title}
          onChange={(e) => { setTitle(e.currentTarget.value); setMissing(false); }} error={missing && 'Give it a title first; then choose the certificate again.'}
        />
        <ImportCertificate key={added} replaces={false} busy={add.isPending} onContent={take} />
        {add.isError && <Refused error={add.error} />}
      </Stack>
    </Fieldset>
  );
}

function Refused({ error }: { error: unknown }) {
  const problem = asProblem(error);
  return (
    <Alert color="red" role="alert" icon={<IconAlertTriangle size={16} aria-hidden />} title="The recipient was not added">
      <Text size="sm">{problem.message} {problem.fields.map((f) => f.message).join(' ')}</Text>
      <Text size="sm" style={{ whiteSpace: 'pre-wrap' }}>{problem.hint}</Text>
    </Alert>
  );
}
