import { text } from '../../lib/list';

export type SignInSearch = {
  /** Where one was: an address of this console. */
  from?: string;
  expired?: boolean;
};

export function signInSearch(raw: Record<string, unknown>): SignInSearch {
  const from = text(raw, 'from');
  // Only a path of our own: a link must not lead to another site after signing in.
  const own = from?.startsWith('/') && !from.startsWith('//') && !from.includes('\\') && !from.startsWith('/sign-in') ? from : undefined;
  return { from: own, expired: raw.expired === true || raw.expired === 'true' ? true : undefined };
}
