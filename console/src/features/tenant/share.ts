/** How much of a limit is used, in whole percent: 100 only when all of it is, and never more. */
export function share(used: number, limit: number): number {
  if (used >= limit) return 100;
  return Math.min(99, Math.max(0, Math.floor((100 * used) / limit)));
}
