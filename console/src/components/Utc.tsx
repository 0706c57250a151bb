import { local, until, utc } from '../lib/time';

type Props = {
  at: string | null | undefined;
  /** Says on hover how far off it is. */
  relative?: boolean;
  /** An instant that stands beside it: where the day is the same, the time is enough. */
  after?: string | null;
};

/** An instant in UTC; the whole of it and the viewer's own time show on hover. Lists name the zone in their header. */
export function Utc({ at, relative, after }: Props) {
  if (!at) return <span aria-label="none">–</span>;
  const text = utc(at);
  const sameDay = after && utc(after).slice(0, 10) === text.slice(0, 10);
  return (
    <time dateTime={at} title={`${text} UTC, ${local(at)} (your time)${relative ? `, ${until(at)}` : ''}`}>
      {sameDay ? text.slice(11) : text}
    </time>
  );
}
