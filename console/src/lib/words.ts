import type { Schedule, Timeframe } from '../api/client';
import { count } from './amount';
import { utc, utcShort } from './time';

/** How sources and types are named to people. */
export const sourceNames: Record<string, string> = { contact_history: 'UCS', info_mart: 'Info Mart' };
export const typeNames: Record<string, string> = { interaction: 'Interaction', contact: 'Contact' };

export const sourceOptions = [{ value: 'contact_history', label: 'UCS (Contact History)' }];
export const typeOptions = [{ value: 'interaction', label: 'Interaction' }, { value: 'contact', label: 'Contact' }];

const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

/** A schedule in words: "Weekly on Tuesday at 02:00 UTC". */
export function scheduleWords(s: Schedule): string {
  const zone = s.timeZone ?? 'UTC';
  switch (s.kind) {
    case 'once': return s.startAt ? `Once, at ${utcShort(s.startAt)} UTC` : 'Once, immediately';
    case 'hourly': return s.every === 1 ? 'Every hour' : `Every ${s.every} hours, counted from 00:00 UTC`;
    case 'daily': return `${s.every === 1 ? 'Every day' : `Every ${s.every} days`} at ${s.at} ${zone}`;
    case 'weekly': return `Weekly on ${capital(s.weekday ?? '')} at ${s.at} ${zone}`;
    case 'monthly': return `Monthly on day ${s.day} at ${s.at} ${zone}`;
  }
}

const frames = {
  all: 'All data', hour: 'The hour before the start', day: 'The day before the start', week: 'The week before the start', month: 'The month before the start',
} as const;

/** A timeframe in words. */
export function timeframeWords(t: Timeframe): string {
  switch (t.kind) {
    case 'fixed': return `From ${utcShort(t.start ?? '')} to ${utcShort(t.end ?? '')} UTC`;
    case 'sinceLast': return t.start ? `Since the last run, from ${utcShort(t.start)} UTC on` : 'Since the last run';
    default: return frames[t.kind];
  }
}

/** A window in words. A missing start reads from the beginning. */
export function windowWords(w: { start: string | null; end: string | null }): string {
  const start = w.start ? utcShort(w.start) : 'the beginning';
  return w.end ? `${start} to ${utcShort(w.end)}` : `from ${start}`;
}

const hour = 3_600_000;

/** A window as short as a list needs it, by its end and its length; windowWords has the whole of it. */
export function windowShort(w: { start: string | null; end: string | null }): string {
  const minute = (at: string) => utc(at).slice(0, 16);
  if (!w.start || !w.end) return w.end ? `up to ${minute(w.end)}` : `from ${w.start ? minute(w.start) : 'the beginning'}`;
  const hours = (Date.parse(w.end) - Date.parse(w.start)) / hour;
  if (Number.isInteger(hours / 24)) return `${count(hours / 24)} d to ${minute(w.end)}`;
  if (hours >= 48) return `${minute(w.start).slice(0, 10)} … ${minute(w.end).slice(0, 10)}`;
  return Number.isInteger(hours) ? `${hours} h to ${minute(w.end)}` : `${minute(w.start)} … ${minute(w.end).slice(5)}`;
}

/** Media types of a job in words. */
export function mediaWords(mediaTypes: string[] | null): string {
  return mediaTypes ? mediaTypes.join(', ') : 'all';
}

/** "3 of 4 failed": how a change of many ended. */
export function partWords(failedOnes: number, all: number): string {
  return failedOnes === all ? `${all === 1 ? 'It' : `All ${count(all)}`} failed` : `${count(failedOnes)} of ${count(all)} failed`;
}

/** How many of a run's files are damaged. */
export const damagedWords = (n: number) => (n === 1 ? 'A file is damaged or missing.' : `${n} files are damaged or missing.`);

/** export-0193…9f2c.zip.p7m: the middle of the id tells nothing to people; the tooltip has it all. */
export function shortName(name: string): string {
  return name.replace(/^(export-[0-9a-f]{8})[0-9a-f-]{20,}?([0-9a-f]{4})(?=[-.])/, '$1…$2');
}
