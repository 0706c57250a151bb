/** What a list's address holds: the same for all lists. */
export type ListSearch = {
  q?: string;
  /** A sort key of the API, with a minus for descending. */
  sort?: string;
  size?: number;
  /** The page's number, for people, and its cursor, for the API. */
  page?: number;
  cursor?: string;
};

export const pageSizes = [25, 50, 100];
export const pageSize = (search: ListSearch) => search.size ?? pageSizes[0]!;

type Raw = Record<string, unknown>;

/** A text of the address, or nothing. */
export function text(raw: Raw, key: string): string | undefined {
  const value = raw[key];
  if (typeof value === 'string' && value !== '') return value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** A list of words of the address that are allowed, or nothing. */
export function words(raw: Raw, key: string, allowed: readonly string[]): string[] | undefined {
  const value = text(raw, key);
  const known = value?.split(',').filter((w) => allowed.includes(w)) ?? [];
  return known.length ? known : undefined;
}

/** Reads the part of an address that all lists share. Whatever is not understood is left out. */
export function listSearch(raw: Raw, sortKeys: readonly string[]): ListSearch {
  const sort = text(raw, 'sort');
  const size = Number(raw.size);
  const page = Number(raw.page);
  const cursor = text(raw, 'cursor');
  const paged = cursor && Number.isInteger(page) && page > 1;
  return {
    q: text(raw, 'q'),
    sort: sort && sortKeys.includes(sort.replace(/^-/, '')) ? sort : undefined,
    size: pageSizes.slice(1).includes(size) ? size : undefined,
    page: paged ? page : undefined,
    cursor: paged ? cursor : undefined,
  };
}

/** Words of the address back to a list, for validated searches. */
export const split = (value: string | undefined) => (value ? value.split(',') : []);

/** A list as a word of the address; nothing where it is empty. */
export const join = (values: string[]) => (values.length ? values.join(',') : undefined);

/** A changed filter or sort begins at the first page again. */
export const firstPage = { page: undefined, cursor: undefined } as const;
