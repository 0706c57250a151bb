import { text } from '../../lib/list';

/** What the new job is filled with: a job, or the job as it was in a run. */
export type EditorSearch = { cloneJob?: string; cloneRun?: string };

export function editorSearch(raw: Record<string, unknown>): EditorSearch {
  return { cloneJob: text(raw, 'cloneJob'), cloneRun: text(raw, 'cloneRun') };
}
