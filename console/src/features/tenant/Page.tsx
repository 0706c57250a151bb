import { Alert, Badge, Fieldset, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconPlugConnectedX } from '@tabler/icons-react';
import { $api, type Tenant } from '../../api/client';
import { PageHead } from '../../components/PageHead';
import { ErrorState, ListSkeleton } from '../../components/states';
import { bytes, count, counted } from '../../lib/amount';
import { share } from './share';

const every = 15_000;

/** The tenant: where its data come from, what it may use and what it uses. Only the operator changes it. */
export function TenantPage() {
  const tenant = $api.useQuery('get', '/api/v1/tenant', {}, { refetchInterval: every });
  return (
    <Stack maw={820}>
      <PageHead title="Tenant" />
      {tenant.isPending && <ListSkeleton label="the tenant" />}
      {tenant.isError && !tenant.data && <ErrorState error={tenant.error} what="The tenant" retry={() => void tenant.refetch()} />}
      {tenant.data && <Shown tenant={tenant.data} />}
    </Stack>
  );
}

function Shown({ tenant }: { tenant: Tenant }) {
  const { limits, use } = tenant;
  return (
    <>
      <Fieldset legend="Identity and source">
        <dl className="pairs">
          <dt>Name</dt><dd>{tenant.name}</dd>
          <dt>Number in Contact History</dt><dd>{tenant.number}</dd>
          <dt>Source</dt><dd>{tenant.source.name}</dd>
          <dt>State of the source</dt><dd><Answers answers={tenant.source.answers} /></dd>
        </dl>
        {tenant.source.reason && <Alert mt="sm" color="red" icon={<IconAlertTriangle size={16} aria-hidden />} title="The source does not answer">{tenant.source.reason}</Alert>}
      </Fieldset>
      <Fieldset legend="Limits and use">
        <dl className="pairs">
          <dt>Storage</dt>
          <dd><Use name="Storage used" used={use.storageBytes} limit={limits.storageBytes} write={bytes} note={counted(use.artifacts, 'artifact')} /></dd>
          <dt>Runs in progress</dt>
          <dd><Use name="Runs in progress" used={use.runs} limit={limits.runs} write={count} note={`${counted(use.waiting, 'run')} waiting`} /></dd>
          <dt>Retention</dt>
          <dd>{counted(limits.retentionDays, 'day')} <Text span size="sm" c="dimmed">from the creation of an artifact</Text></dd>
        </dl>
        <Text size="sm" c="dimmed" mt="sm">
          {limits.runs !== null && 'Runs beyond the limit wait as Queued and start by themselves. '}
          {limits.storageBytes !== null && 'When the storage is used up, runs fail until artifacts are deleted or expire. '}
          The operator of this service changes source and limits.
        </Text>
      </Fieldset>
    </>
  );
}

function Answers({ answers }: { answers: boolean }) {
  return answers
    ? <Badge color="green" leftSection={<IconCircleCheck size={13} aria-hidden />}>Answers</Badge>
    : <Badge color="red" leftSection={<IconPlugConnectedX size={13} aria-hidden />}>Does not answer</Badge>;
}

type UseProps = { name: string; used: number; limit: number | null; write: (n: number) => string; note: string };

/** What is used of a limit, as a bar where there is one. */
function Use({ name, used, limit, write, note }: UseProps) {
  const text = limit === null ? `${write(used)}, no limit` : `${write(used)} of ${write(limit)}`;
  return (
    <>
      {limit !== null && (
        <div className="bar" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={share(used, limit)} aria-valuetext={text}>
          <span style={{ width: `${share(used, limit)}%` }} /><span>{share(used, limit)} %</span>
        </div>
      )}
      {text} <Text span size="sm" c="dimmed">({note})</Text>
    </>
  );
}
