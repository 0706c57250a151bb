import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Job } from '../../api/client';
import { refresh } from '../../api/live';
import { confirmed, failed } from '../../components/notify';
import { counted } from '../../lib/amount';
import { newKey } from '../../lib/key';
import { forEach, type Outcome } from '../../lib/many';
import { partWords } from '../../lib/words';

const path = (job: Job) => ({ params: { path: { id: job.id } } });
const named = (jobs: Job[]) => (jobs.length === 1 ? `"${jobs[0]!.title}"` : counted(jobs.length, 'job'));

function report(what: string, outcome: Outcome<Job>) {
  const all = outcome.done.length + outcome.failed.length;
  for (const { item, error } of outcome.failed.slice(0, 3)) failed(`${what} "${item.title}": ${partWords(outcome.failed.length, all)}`, error);
}

type Switch = { jobs: Job[]; to: 'active' | 'suspended'; again?: boolean };

/** Suspends or resumes jobs; the toast can undo it. */
export function useSwitchJobs() {
  const client = useQueryClient();
  const mutation = useMutation({
    mutationFn: ({ jobs, to }: Switch) =>
      forEach(jobs.filter((j) => j.state !== to), (job) => (to === 'active' ? api.POST('/api/v1/jobs/{id}/resume', path(job)) : api.POST('/api/v1/jobs/{id}/suspend', path(job)))),
    onSuccess: (outcome, { to, again }) => {
      report(to === 'active' ? 'Resume' : 'Suspend', outcome);
      if (outcome.done.length === 0) return;
      const back = to === 'active' ? ('suspended' as const) : ('active' as const);
      const changed = outcome.done.map((job) => ({ ...job, state: to }));
      confirmed(`${to === 'active' ? 'Resumed' : 'Suspended'} ${named(outcome.done)}.`, again ? undefined : () => mutation.mutate({ jobs: changed, to: back, again: true }));
    },
    onSettled: () => refresh(client),
  });
  return mutation;
}

/** Deletes jobs. Their runs and artifacts stay. */
export function useDeleteJobs() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (jobs: Job[]) => forEach(jobs, (job) => api.DELETE('/api/v1/jobs/{id}', path(job))),
    onSuccess: (outcome) => {
      report('Delete', outcome);
      if (outcome.done.length) confirmed(`Deleted ${named(outcome.done)}.`);
    },
    onSettled: () => refresh(client),
  });
}

/** Starts a run beside the schedule. The key keeps a repeated request from starting two. */
export function useRunNow() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (job: Job) => api.POST('/api/v1/jobs/{id}/runs', { params: { path: { id: job.id }, header: { 'Idempotency-Key': newKey() } } }),
    onSuccess: (_, job) => confirmed(`Started a run of "${job.title}".`),
    onError: (error, job) => failed(`"${job.title}" was not started`, error),
    onSettled: () => refresh(client),
  });
}
