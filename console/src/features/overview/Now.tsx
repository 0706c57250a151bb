import { Group, List, Stack, Text } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { $api, type Overview } from '../../api/client';
import { usePolling } from '../../app/Live';
import { TextLink } from '../../components/links';
import { RunStatus } from '../../components/RunStatus';
import { ErrorState, ListSkeleton } from '../../components/states';
import { local, until, utc, utcShort } from '../../lib/time';

const few = 5;

function Box({ title, children }: { title: string; children: ReactNode }) {
  return <section className="chart-frame" aria-label={title}><Text component="h2" fw={600} mb="sm" size="md">{title}</Text>{children}</section>;
}

/** What runs now, and what waits. */
export function RunningNow() {
  const runs = $api.useQuery('get', '/api/v1/runs', { params: { query: { state: 'queued,in_progress', sort: 'createdAt', limit: few } } }, { placeholderData: keepPreviousData, refetchInterval: usePolling() });
  const items = runs.data?.items?.filter((r) => r.state === 'queued' || r.state === 'in_progress') ?? [];
  const more = (runs.data?.total ?? 0) - items.length;
  return (
    <Box title="Running now">
      {runs.isPending && <ListSkeleton label="the runs at work" rows={2} />}
      {runs.isError && !runs.data && <ErrorState error={runs.error} what="The runs at work" retry={() => void runs.refetch()} />}
      {runs.data && items.length === 0 && <Text size="sm" c="dimmed">Nothing runs now.</Text>}
      <Stack gap="xs">
        {items.map((run) => (
          <Group key={run.id} justify="space-between" wrap="nowrap">
            <TextLink to="/history" search={{ run: run.id }} size="sm" truncate title={run.job.title}>{run.job.title}</TextLink>
            <RunStatus state={run.state} title={run.job.title} progress={run.progress} />
          </Group>
        ))}
        {items.length > 0 && more > 0 && <TextLink to="/history" search={{ state: 'queued,in_progress' }} size="sm">and {more} more</TextLink>}
      </Stack>
    </Box>
  );
}

/** What runs next. */
export function NextStarts() {
  const jobs = $api.useQuery('get', '/api/v1/jobs', { params: { query: { state: 'active', sort: 'nextStartsAt', limit: few } } }, { placeholderData: keepPreviousData, refetchInterval: 60_000 });
  const items = jobs.data?.items?.filter((j) => j.nextStartsAt) ?? [];
  return (
    <Box title="Running next">
      {jobs.isPending && <ListSkeleton label="the next starts" rows={2} />}
      {jobs.isError && !jobs.data && <ErrorState error={jobs.error} what="The next starts" retry={() => void jobs.refetch()} />}
      {jobs.data && items.length === 0 && <Text size="sm" c="dimmed">No job has a start to come.</Text>}
      <Stack gap="xs">
        {items.map((job) => (
          <Group key={job.id} justify="space-between" wrap="nowrap">
            <TextLink to="/history" search={{ job: job.id }} size="sm" truncate title={job.title}>{job.title}</TextLink>
            <Text size="sm" style={{ whiteSpace: 'nowrap' }}><time dateTime={job.nextStartsAt!} title={`${until(job.nextStartsAt!)}, ${local(job.nextStartsAt!)} (your time)`}>{utcShort(job.nextStartsAt!)} UTC</time></Text>
          </Group>
        ))}
      </Stack>
    </Box>
  );
}

/** Whose certificate is about to end. */
export function Certificates({ ends }: { ends: NonNullable<Overview['certificates']> }) {
  return (
    <Box title="Certificates that end within 30 days">
      {ends.length === 0 && <Text size="sm" c="dimmed">None.</Text>}
      <List size="sm">
        {ends.map((c) => (
          <List.Item key={`${c.username} ${c.subject} ${c.notAfter}`}><strong>{c.username}</strong>: {c.expired ? 'ended' : 'ends'} {utc(c.notAfter)} UTC <Text span size="sm" c="dimmed">({c.subject})</Text></List.Item>
        ))}
      </List>
    </Box>
  );
}
