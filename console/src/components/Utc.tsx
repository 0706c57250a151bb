import { local, until, utc } from '../lib/time';

/** An instant in UTC; the viewer's own time shows on hover. Lists name the zone in their header. */
export function Utc({ at, relative }: { at: string | null | undefined; relative?: boolean }) {
  if (!at) return <span aria-label="none">–</span>;
  return (
    <time dateTime={at} title={`${local(at)} (your time)${relative ? `, ${until(at)}` : ''}`}>
      {utc(at)}
    </time>
  );
}
