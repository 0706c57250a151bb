import { text } from '../../lib/list';

export type SignInSearch = {
  /** Where one was: an address of this console. */
  from?: string;
  expired?: boolean;
  /** Why single sign-on did not let one in. */
  refused?: string;
  /** One has signed out of a session that came by single sign-on. */
  left?: boolean;
};

export function signInSearch(raw: Record<string, unknown>): SignInSearch {
  const from = text(raw, 'from');
  // Only a path of our own: a link must not lead to another site after signing in.
  const own = from?.startsWith('/') && !from.startsWith('//') && !from.includes('\\') && !from.startsWith('/sign-in') ? from : undefined;
  const set = (name: string) => (raw[name] === true || raw[name] === 'true' ? true : undefined);
  return { from: own, expired: set('expired'), refused: text(raw, 'refused')?.slice(0, 40), left: set('left') };
}
