import '@mantine/charts/styles.layer.css';
import { BarChart, LineChart } from '@mantine/charts';
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Overview } from '../../api/client';
import { bytes, count } from '../../lib/amount';
import { duration, utcDay } from '../../lib/time';
import { axisUnit, timeUnit } from './sums';

type Day = NonNullable<Overview['days']>[number];

const height = 250;
const still = { isAnimationActive: false };
/** The figures stand in the table beside; the chart itself takes no focus. */
const mute = { accessibilityLayer: false };

/** 24 Nov. A short name for an axis. */
function dayName(instant: string): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(instant));
}

/** A chart with its figures as a table for those who cannot see it. */
function Framed({ title, heads, rows, children }: { title: string; heads: string[]; rows: string[][]; children: ReactNode }) {
  return (
    <figure className="chart-frame" style={{ margin: 0 }}>
      <Text component="figcaption" fw={600} mb="sm">{title}</Text>
      <div aria-hidden>{children}</div>
      <table className="visually-hidden">
        <caption>{title}</caption>
        <thead><tr>{heads.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
        <tbody>{rows.map((row) => <tr key={row[0]}>{row.map((cell, i) => <td key={i}>{cell}</td>)}</tr>)}</tbody>
      </table>
    </figure>
  );
}

/** Volume, durations and failures by UTC day. */
export default function Charts({ days }: { days: Day[] }) {
  return (
    <div className="tiles">
      <Volume days={days} />
      <Durations days={days} />
      <Results days={days} />
    </div>
  );
}

function Volume({ days }: { days: Day[] }) {
  const unit = axisUnit(days.map((d) => d.bytes));
  const data = days.map((d) => ({ day: dayName(d.day), volume: Number((d.bytes / unit.size).toFixed(2)) }));
  return (
    <Framed title={`Exported volume per UTC day (${unit.name})`} heads={['Day', 'Volume', 'Records']} rows={days.map((d) => [utcDay(d.day), bytes(d.bytes), count(d.records)])}>
      <BarChart h={height} data={data} dataKey="day" series={[{ name: 'volume', label: `Volume (${unit.name})`, color: 'var(--cdds-accent)' }]} barProps={still} barChartProps={mute} tickLine="none" valueFormatter={(v) => `${v} ${unit.name}`} yAxisProps={{ tickFormatter: String }} />
    </Framed>
  );
}

function Durations({ days }: { days: Day[] }) {
  const unit = timeUnit(days.map((d) => d.p95Seconds ?? 0));
  const scaled = (seconds: number | null) => (seconds === null ? null : Number((seconds / unit.size).toFixed(2)));
  const data = days.map((d) => ({ day: dayName(d.day), median: scaled(d.medianSeconds), p95: scaled(d.p95Seconds) }));
  const words = (seconds: number | null) => (seconds === null ? 'no run' : duration(seconds));
  return (
    <Framed title={`Run durations per UTC day (${unit.name})`} heads={['Day', 'Median', '95th percentile']} rows={days.map((d) => [utcDay(d.day), words(d.medianSeconds), words(d.p95Seconds)])}>
      <LineChart
        h={height} data={data} dataKey="day" curveType="linear" connectNulls={false} withLegend legendProps={{ verticalAlign: 'top' }} tickLine="none" lineProps={still} lineChartProps={mute} valueFormatter={(v) => `${v} ${unit.name}`} yAxisProps={{ tickFormatter: String }}
        series={[{ name: 'median', label: 'Median', color: 'var(--cdds-accent)' }, { name: 'p95', label: '95th percentile', color: 'var(--mantine-color-text)', strokeDasharray: '5 4' }]}
      />
    </Framed>
  );
}

function Results({ days }: { days: Day[] }) {
  const data = days.map((d) => ({ day: dayName(d.day), finished: d.finished, failed: d.failed }));
  return (
    <Framed title="Runs per UTC day, finished and failed" heads={['Day', 'Finished', 'Failed', 'Canceled']} rows={days.map((d) => [utcDay(d.day), count(d.finished), count(d.failed), count(d.canceled)])}>
      <BarChart
        h={height} data={data} dataKey="day" type="stacked" withLegend legendProps={{ verticalAlign: 'top' }} tickLine="none" barProps={still} barChartProps={mute} yAxisProps={{ allowDecimals: false }}
        series={[{ name: 'failed', label: 'Failed', color: 'var(--cdds-bad)' }, { name: 'finished', label: 'Finished', color: 'var(--cdds-good)' }]}
      />
    </Framed>
  );
}
