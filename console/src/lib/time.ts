/** The only place that formats instants and durations. Instants are RFC 3339 strings in UTC. */

let offset = 0;

/** The server's clock: the browser's own may be wrong by hours. */
export const clock = {
  now: () => new Date(Date.now() + offset),
  learn(header: string | null) {
    const at = header ? Date.parse(header) : NaN;
    // The header has whole seconds; smaller differences are noise.
    if (!Number.isNaN(at) && Math.abs(at - Date.now() - offset) > 2000) offset = at - Date.now();
  },
};

const two = (n: number) => String(n).padStart(2, '0');

/** 2026-11-24 09:05:03, in UTC. */
export function utc(instant: string): string {
  const d = new Date(instant);
  return `${utcDay(instant)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}

/** 2026-11-24, in UTC. */
export function utcDay(instant: string): string {
  const d = new Date(instant);
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
}

/** 2026-11-24 09:05, in UTC; with seconds only where there are some. */
export function utcShort(instant: string): string {
  const text = utc(instant);
  return text.endsWith(':00') ? text.slice(0, -3) : text;
}

/** Tue, in UTC. */
export function utcWeekday(instant: string): string {
  return new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' }).format(new Date(instant));
}

/** The viewer's own time with the zone's name: 2026-11-24 04:05:03 EST. */
export function local(instant: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short',
  }).formatToParts(new Date(instant));
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`;
}

/** Tue 04:05 EST: the viewer's own weekday and time, to stand beside a date in UTC. */
export function localShort(instant: string): string {
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'short' }).format(new Date(instant));
  return `${weekday} ${local(instant).slice(11).replace(/:\d\d /, ' ')}`;
}

/** 1 h 05 min, 4 min 10 s, 12 s, 0.4 s. Seconds in. */
export function duration(seconds: number): string {
  if (seconds < 10 && seconds > 0) return `${(Math.round(seconds * 10) / 10).toString()} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** An estimate for people: "About 4 min". Seconds in; null is not known yet. */
export function remaining(seconds: number | null): string {
  if (seconds === null) return 'Estimating';
  if (seconds < 5) return 'A few seconds';
  if (seconds < 60) return `About ${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 3600) return `About ${Math.ceil(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.ceil((seconds % 3600) / 300) * 5;
  return minutes === 60 ? `About ${hours + 1} h` : `About ${hours} h${minutes ? ` ${minutes} min` : ''}`;
}

/** Seconds from one instant to another, or to now where there is no end. */
export function secondsBetween(start: string, end: string | null): number {
  const until = end ? Date.parse(end) : clock.now().getTime();
  return Math.max(0, (until - Date.parse(start)) / 1000);
}

/** in 3 h, in 2 d: how far off an instant is. "now" when it has come. */
export function until(instant: string): string {
  const s = (Date.parse(instant) - clock.now().getTime()) / 1000;
  if (s < 60) return s <= 0 ? 'now' : 'in less than a minute';
  if (s < 3600) return `in ${Math.round(s / 60)} min`;
  if (s < 2 * 86400) return `in ${Math.round(s / 3600)} h`;
  return `in ${Math.round(s / 86400)} d`;
}

/** Whole days until an instant; negative when it has passed. */
export function daysUntil(instant: string): number {
  return Math.floor((Date.parse(instant) - clock.now().getTime()) / 86400000);
}

/**
 * The instant of a wall-clock date and time in UTC, "2026-02-01" and "10:00",
 * or null where they are not a real one.
 */
export function fromWall(date: string | null, time: string): string | null {
  if (!date || !/^\d{4}-\d{2}-\d{2}$/.test(date) || !/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(time)) return null;
  const instant = new Date(`${date}T${time.length === 5 ? `${time}:00` : time}Z`);
  return Number.isNaN(instant.getTime()) ? null : instant.toISOString().replace('.000Z', 'Z');
}
