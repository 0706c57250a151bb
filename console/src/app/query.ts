import { keepPreviousData, QueryClient } from '@tanstack/react-query';
import { asProblem } from '../api/client';

/** The cache of what the API said. Refusals are not asked again; faults that may pass are, twice. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        placeholderData: keepPreviousData,
        // The browser's own idea of being online is wrong for a service on the same machine.
        networkMode: 'always',
        retry: (tries, error) => {
          const { status } = asProblem(error);
          return tries < 2 && (status === 0 || status >= 500);
        },
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
