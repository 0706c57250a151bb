import { SegmentedControl, Stack, Text } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { $api, type Overview } from '../../api/client';
import { usePolling } from '../../app/Live';
import { useRights } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { ErrorState, ListSkeleton } from '../../components/states';
import { bytes, count, counted } from '../../lib/amount';
import { duration } from '../../lib/time';
import { Certificates, NextStarts, RunningNow } from './Now';
import { totals } from './sums';

const Charts = lazy(() => import('./Charts'));

/** What the exports did lately, what they do now, and what needs care. */
export function OverviewPage() {
  const can = useRights();
  const [days, setDays] = useState('30');
  const polling = usePolling();
  const overview = $api.useQuery('get', '/api/v1/overview', { params: { query: { days: Number(days) } } }, { placeholderData: keepPreviousData, refetchInterval: polling || 60_000 });
  return (
    <>
      <PageHead title="Overview">
        <SegmentedControl size="xs" aria-label="Days on show" value={days} onChange={setDays} data={[{ value: '7', label: '7 days' }, { value: '30', label: '30 days' }, { value: '90', label: '90 days' }]} />
      </PageHead>
      {overview.isPending && <ListSkeleton label="the overview" />}
      {overview.isError && <ErrorState error={overview.error} what="The overview" retry={() => void overview.refetch()} />}
      {overview.data && (
        <Stack gap="sm">
          <Figures overview={overview.data} />
          <div className="tiles">
            <RunningNow />
            {can.seeJobs && <NextStarts />}
            <Certificates ends={overview.data.certificates ?? []} />
          </div>
          <Suspense fallback={<ListSkeleton label="the charts" rows={8} />}><Charts days={overview.data.days ?? []} /></Suspense>
        </Stack>
      )}
    </>
  );
}

function Figure({ name, value, note, bad }: { name: string; value: ReactNode; note?: string; bad?: boolean }) {
  return (
    <div className="chart-frame">
      <Text size="sm" c="dimmed" component="dt">{name}</Text>
      <Text component="dd" m={0} fz="1.375rem" fw={600} c={bad ? 'var(--cdds-bad)' : undefined}>{value}</Text>
      {note && <Text component="dd" m={0} size="sm" c="dimmed">{note}</Text>}
    </div>
  );
}

function Figures({ overview }: { overview: Overview }) {
  const sum = totals(overview.days ?? []);
  const { storage } = overview;
  return (
    <dl className="tiles small">
      <Figure name="Exported" value={bytes(sum.bytes)} note={`${count(sum.records)} records`} />
      <Figure name="Runs finished" value={count(sum.finished)} note={sum.slowest === null ? 'none yet' : `95 % took at most ${duration(sum.slowest)}, on the slowest day`} />
      <Figure name="Runs failed" value={count(sum.failed)} bad={sum.failed > 0} note={sum.finished + sum.failed > 0 ? `${((100 * sum.failed) / (sum.finished + sum.failed)).toFixed(1)} % of those that ended` : undefined} />
      <Figure name="Storage used" value={bytes(storage.bytes)} note={counted(storage.artifacts, 'artifact')} />
    </dl>
  );
}
