import { join, listSearch, text, words, type ListSearch } from '../../lib/list';

export const artifactSorts = ['name', 'type', 'title', 'size', 'createdAt', 'expiresAt'] as const;

export type ArtifactsSearch = ListSearch & { type?: string; job?: string; run?: string };

export function artifactsSearch(raw: Record<string, unknown>): ArtifactsSearch {
  return { ...listSearch(raw, artifactSorts), type: join(words(raw, 'type', ['interaction', 'contact']) ?? []), job: text(raw, 'job'), run: text(raw, 'run') };
}
