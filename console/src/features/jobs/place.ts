import { jobsSearch, type JobsSearch } from './search';

const key = 'cdds.jobs';

/** Keeps which jobs were on show in this tab, so that leaving the editor leads back to them. */
export function keepPlace(search: JobsSearch) {
  try {
    sessionStorage.setItem(key, JSON.stringify(search));
  } catch {
    // Without storage the way back leads to the whole list.
  }
}

/** What keepPlace kept last, or the whole list. */
export function lastPlace(): JobsSearch {
  try {
    return jobsSearch(JSON.parse(sessionStorage.getItem(key) ?? '{}') as Record<string, unknown>);
  } catch {
    return {};
  }
}
