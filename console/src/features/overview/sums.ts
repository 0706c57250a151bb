import type { Overview } from '../../api/client';

type Day = NonNullable<Overview['days']>[number];

/** The days on show in one line. slowest is the largest 95th percentile of a day, in seconds. */
export function totals(days: Day[]) {
  const sum = { finished: 0, failed: 0, canceled: 0, records: 0, bytes: 0, slowest: null as number | null };
  for (const day of days) {
    sum.finished += day.finished;
    sum.failed += day.failed;
    sum.canceled += day.canceled;
    sum.records += day.records;
    sum.bytes += day.bytes;
    if (day.p95Seconds !== null) sum.slowest = Math.max(sum.slowest ?? 0, day.p95Seconds);
  }
  return sum;
}

const step = 1024;
const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** The binary unit in which the largest of the values is a short number, for an axis. */
export function axisUnit(values: number[]): { name: string; size: number } {
  let size = 1;
  let i = 0;
  while (Math.max(0, ...values) / size >= step && i < units.length - 1) {
    size *= step;
    i++;
  }
  return { name: units[i]!, size };
}

/** The unit of time in which the largest of the values (seconds) is a short number. */
export function timeUnit(values: number[]): { name: string; size: number } {
  const largest = Math.max(0, ...values);
  if (largest < 120) return { name: 's', size: 1 };
  return largest < 7200 ? { name: 'min', size: 60 } : { name: 'h', size: 3600 };
}
