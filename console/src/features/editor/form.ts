import type { FrozenJob, JobSpec, Schedule, Timeframe } from '../../api/client';
import { fromWall, utc } from '../../lib/time';

/** A date and a time of day as they are typed, in UTC. */
export type Wall = { date: string | null; time: string };

export type RunKind = Schedule['kind'];
export type FrameKind = Timeframe['kind'];
export type SizeUnit = 'MiB' | 'GiB' | 'TiB';

/** The editor's fields: all that a kind could need, so that switching back and forth loses nothing. */
export type Values = {
  title: string;
  description: string;
  source: string;
  type: 'interaction' | 'contact';
  allMedia: boolean;
  mediaTypes: string[];
  kind: RunKind;
  every: number | string;
  weekday: string;
  day: number | string;
  at: string;
  /** One-time: at once, or at startAt. Recurring: from now on, or not before startAt. */
  immediately: boolean;
  startAt: Wall;
  runNow: boolean;
  timeZone: string;
  frame: FrameKind;
  frameStart: Wall;
  frameEnd: Wall;
  by: 'startDate' | 'modifiedDate';
  split: boolean;
  splitSize: number | string;
  splitUnit: SizeUnit;
  compression: 'fast' | 'default' | 'small';
  settlingMinutes: number | string;
};

const noWall: Wall = { date: null, time: '00:00' };

export const emptyValues: Values = {
  title: '', description: '', source: 'contact_history', type: 'interaction', allMedia: true, mediaTypes: [],
  kind: 'daily', every: 1, weekday: 'monday', day: 1, at: '02:00', immediately: true, startAt: noWall, runNow: false, timeZone: 'UTC',
  frame: 'day', frameStart: noWall, frameEnd: noWall, by: 'startDate', split: false, splitSize: 1, splitUnit: 'GiB', compression: 'default', settlingMinutes: 0,
};

export const unitBytes: Record<SizeUnit, number> = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

function wall(instant: string | null | undefined): Wall {
  if (!instant) return noWall;
  const [date, time] = utc(instant).split(' ') as [string, string];
  return { date, time: time.endsWith(':00') ? time.slice(0, 5) : time };
}

function unitOf(bytes: number): SizeUnit {
  if (bytes % unitBytes.TiB === 0) return 'TiB';
  return bytes % unitBytes.GiB === 0 ? 'GiB' : 'MiB';
}

/** Fills the editor with a saved job. */
export function fromJob(job: FrozenJob): Values {
  const { schedule: s, timeframe: t } = job;
  const unit = job.splitSize ? unitOf(job.splitSize) : 'GiB';
  const begin = s.kind === 'once' ? s.startAt : s.notBefore;
  return {
    ...emptyValues,
    title: job.title, description: job.description, source: job.source, type: job.type as Values['type'],
    allMedia: job.mediaTypes === null, mediaTypes: job.mediaTypes ?? [],
    kind: s.kind, every: s.every ?? 1, weekday: s.weekday ?? 'monday', day: s.day ?? 1, at: s.at ?? '02:00',
    immediately: !begin, startAt: wall(begin), timeZone: s.timeZone ?? 'UTC',
    frame: t.kind, frameStart: wall(t.start), frameEnd: wall(t.end), by: t.by ?? 'startDate',
    split: job.splitSize !== null, splitSize: job.splitSize ? job.splitSize / unitBytes[unit] : 1, splitUnit: unit,
    compression: job.compression, settlingMinutes: job.settlingMinutes,
  };
}

const longestTitle = 200;

/** Fills the editor with a copy: marked as one, and without a start that would lie in the past. */
export function cloneOf(job: FrozenJob): Values {
  const values = fromJob(job);
  const title = Array.from(`Copy of ${values.title}`).slice(0, longestTitle).join('');
  return values.kind === 'once' ? { ...values, title, immediately: true, startAt: noWall } : { ...values, title };
}

function schedule(v: Values): Schedule {
  const start = v.immediately ? null : fromWall(v.startAt.date, v.startAt.time);
  if (v.kind === 'once') return { kind: 'once', startAt: start };
  const shared = { timeZone: v.timeZone, notBefore: start, runNow: v.runNow };
  switch (v.kind) {
    case 'hourly': return { kind: 'hourly', every: Number(v.every), ...shared };
    case 'daily': return { kind: 'daily', every: Number(v.every), at: v.at, ...shared };
    case 'weekly': return { kind: 'weekly', weekday: v.weekday, at: v.at, ...shared };
    case 'monthly': return { kind: 'monthly', day: Number(v.day), at: v.at, ...shared };
  }
}

function timeframe(v: Values): Timeframe {
  const by = v.type === 'contact' ? {} : { by: v.by };
  const start = fromWall(v.frameStart.date, v.frameStart.time);
  if (v.frame === 'fixed') return { kind: 'fixed', start, end: fromWall(v.frameEnd.date, v.frameEnd.time), ...by };
  if (v.frame === 'sinceLast') return { kind: 'sinceLast', start, ...by };
  return { kind: v.frame, ...by };
}

/** The job as the API takes it. */
export function toSpec(v: Values): JobSpec {
  return {
    title: v.title.trim(), description: v.description, source: v.source, type: v.type,
    mediaTypes: v.type === 'contact' || v.allMedia ? null : v.mediaTypes,
    schedule: schedule(v), timeframe: timeframe(v),
    splitSize: v.split ? Math.round(Number(v.splitSize) * unitBytes[v.splitUnit]) : null,
    compression: v.compression, settlingMinutes: Number(v.settlingMinutes) || 0,
  };
}

export type Errors = Partial<Record<keyof Values, string>>;

const clockTime = /^([01]\d|2[0-3]):[0-5]\d$/;

function within(value: number | string, low: number, high: number): boolean {
  return value !== '' && Number.isInteger(Number(value)) && Number(value) >= low && Number(value) <= high;
}

function scheduleErrors(v: Values): Errors {
  const errors: Errors = {};
  if (v.kind === 'hourly' && !within(v.every, 1, 24)) errors.every = 'Enter a whole number of hours from 1 to 24.';
  if (v.kind === 'daily' && !within(v.every, 1, 31)) errors.every = 'Enter a whole number of days from 1 to 31.';
  if (v.kind === 'monthly' && !within(v.day, 1, 31)) errors.day = 'Enter a day from 1 to 31.';
  if (v.kind !== 'once' && v.kind !== 'hourly' && !clockTime.test(v.at)) errors.at = 'Enter a time as HH:MM, from 00:00 to 23:59.';
  if (!v.immediately && !fromWall(v.startAt.date, v.startAt.time)) errors.startAt = 'Choose a date and a time as HH:MM.';
  if (v.kind === 'hourly' && v.timeZone !== 'UTC') errors.timeZone = 'An hourly job counts from 00:00 UTC; choose UTC.';
  return errors;
}

function frameErrors(v: Values): Errors {
  const errors: Errors = {};
  const start = fromWall(v.frameStart.date, v.frameStart.time);
  const end = fromWall(v.frameEnd.date, v.frameEnd.time);
  if (v.frame === 'fixed') {
    if (!start) errors.frameStart = 'Choose a date and a time as HH:MM.';
    if (!end) errors.frameEnd = 'Choose a date and a time as HH:MM.';
    if (start && end && Date.parse(end) <= Date.parse(start)) errors.frameEnd = 'The end must be after the start.';
  }
  if (v.frame === 'sinceLast' && v.frameStart.date && !start) errors.frameStart = 'Enter the time as HH:MM, or leave the date empty.';
  return errors;
}

/** What is wrong with the fields that are on show. The API has the last word. */
export function validate(v: Values): Errors {
  const errors: Errors = { ...scheduleErrors(v), ...frameErrors(v) };
  if (!v.title.trim()) errors.title = 'Enter a title.';
  else if (Array.from(v.title.trim()).length > longestTitle) errors.title = 'The title is too long; allowed are 200 characters.';
  if (Array.from(v.description).length > 2000) errors.description = 'The description is too long; allowed are 2,000 characters.';
  if (v.type === 'interaction' && !v.allMedia && v.mediaTypes.length === 0) errors.mediaTypes = 'Choose at least one media type, or let the job apply to all.';
  const bytes = Number(v.splitSize) * unitBytes[v.splitUnit];
  if (v.split && !(v.splitSize !== '' && bytes >= unitBytes.MiB && bytes <= unitBytes.TiB)) errors.splitSize = 'Enter a size from 1 MiB to 1 TiB.';
  if (!within(v.settlingMinutes, 0, 10080)) errors.settlingMinutes = 'Enter a whole number of minutes from 0 to 10,080 (7 days).';
  return errors;
}

const serverFields: Record<string, keyof Values> = {
  title: 'title', description: 'description', source: 'source', type: 'type', mediaTypes: 'mediaTypes', splitSize: 'splitSize', compression: 'compression',
  settlingMinutes: 'settlingMinutes',
  schedule: 'kind', 'schedule.kind': 'kind', 'schedule.every': 'every', 'schedule.weekday': 'weekday', 'schedule.day': 'day', 'schedule.at': 'at',
  'schedule.startAt': 'startAt', 'schedule.notBefore': 'startAt', 'schedule.timeZone': 'timeZone', 'schedule.runNow': 'runNow',
  timeframe: 'frame', 'timeframe.kind': 'frame', 'timeframe.start': 'frameStart', 'timeframe.end': 'frameEnd', 'timeframe.by': 'by',
};

const sentence = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

/** The API's errors at the editor's fields; what belongs to none of them comes back as other. */
export function fromServer(fields: { field: string; message: string }[]): { errors: Errors; other: string[] } {
  const errors: Errors = {};
  const other: string[] = [];
  for (const { field, message } of fields) {
    const own = serverFields[field.replace(/\[\d+\].*$/, '')];
    if (own) errors[own] = sentence(message);
    else other.push(`${field} ${message}`);
  }
  return { errors, other };
}
