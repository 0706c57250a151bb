import type { Artifact } from '../../api/client';

/** A run is exported again as a whole, so the selected files must be of one. */
export function whyNotAgain(selected: Artifact[]): string | undefined {
  if (!selected.some((a) => a.damaged)) return 'select a damaged artifact first';
  return selected.some((a) => a.runId !== selected[0]!.runId) ? 'select artifacts of one run only' : undefined;
}
