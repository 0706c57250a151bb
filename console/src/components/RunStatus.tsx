import { Badge, Group, Stack, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconBan, IconCircleCheck, IconCircleDashed, IconClock, IconPlayerPlay } from '@tabler/icons-react';
import type { Progress, RunState } from '../api/client';
import { bytes, count } from '../lib/amount';
import { remaining } from '../lib/time';

/** The words, colours and icons of the run states: the same everywhere. */
export const runStates = {
  queued: { label: 'Queued', color: 'yellow', Icon: IconClock },
  in_progress: { label: 'In Progress', color: 'indigo', Icon: IconPlayerPlay },
  finished: { label: 'Finished', color: 'green', Icon: IconCircleCheck },
  failed: { label: 'Failed', color: 'red', Icon: IconAlertTriangle },
  canceled: { label: 'Canceled', color: 'gray', Icon: IconBan },
  none: { label: 'Never run', color: 'gray', Icon: IconCircleDashed },
} as const;

type StatusProps = {
  state: string;
  title: string;
  progress?: Progress;
  noData?: boolean;
  error?: { message: string } | null;
};

/** A run's state: a live bar while it works, else icon and word. */
export function RunStatus({ state, title, progress, noData, error }: StatusProps) {
  if (state === 'in_progress' && progress) return <RunBar title={title} progress={progress} />;
  const { label, color, Icon } = runStates[state as RunState | 'none'] ?? runStates.none;
  const badge = (
    <Badge color={color} leftSection={<Icon size={13} aria-hidden />} tabIndex={error ? 0 : undefined} role={error ? 'note' : undefined}>
      {noData ? `${label}, no data` : label}
    </Badge>
  );
  return error ? <Tooltip label={error.message}>{badge}</Tooltip> : badge;
}

/** Percent as it is shown: whole, and 100 only at the end. */
export function percent(p: Progress): number {
  return Math.min(99, Math.floor(p.fraction * 100));
}

/** The bar of a run in progress. What is left shows on hover and on focus. */
export function RunBar({ title, progress }: { title: string; progress: Progress }) {
  const known = progress.totalRecords !== null;
  const value = percent(progress);
  const left = remaining(progress.etaSeconds);
  const shown = known ? `${value} %` : `${count(progress.records)} records`;
  return (
    <Tooltip
      label={
        <Stack gap={2}>
          <Text size="sm" fw={600}>{progress.waiting ?? (progress.etaSeconds === null ? 'Estimating the time remaining' : `${left} remaining`)}</Text>
          <Text size="sm">
            {count(progress.records)}{known ? ` of ${count(progress.totalRecords ?? 0)}` : ''} records, {bytes(progress.bytes)} read
          </Text>
          {progress.recordsPerSecond > 0 && <Text size="sm">{count(progress.recordsPerSecond)} records per second</Text>}
        </Stack>
      }
    >
      <div
        className="bar"
        role="progressbar"
        tabIndex={0}
        aria-label={`Progress of ${title}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={known ? value : undefined}
        aria-valuetext={`${shown}, ${left.toLowerCase()}`}
      >
        <span style={{ width: `${known ? value : 0}%` }} />
        <span>{shown}</span>
      </div>
    </Tooltip>
  );
}

/** Job states are shown in words beside the switch. */
export function StateWords({ state }: { state: string }) {
  return <Group gap={4}>{state === 'suspended' ? 'Suspended' : 'Active'}</Group>;
}
