import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type Run } from '../../api/client';
import { refresh } from '../../api/live';
import { confirmed, failed } from '../../components/notify';
import { counted } from '../../lib/amount';
import { newKey } from '../../lib/key';
import { forEach, type Outcome } from '../../lib/many';
import { active } from './rules';

const path = (run: Run) => ({ path: { id: run.id } });

function report(what: string, outcome: Outcome<Run>) {
  for (const { item, error } of outcome.failed.slice(0, 3)) failed(`${what} the run of "${item.job.title}" failed`, error);
}

/** What can be done to runs. Lists and details are asked for anew after each. */
export function useRunActions() {
  const client = useQueryClient();
  const onSettled = () => {
    refresh(client);
    void client.invalidateQueries({ queryKey: ['get', '/api/v1/runs/{id}'] });
  };
  const cancel = useMutation({
    mutationFn: (runs: Run[]) => forEach(runs.filter(active), (run) => api.POST('/api/v1/runs/{id}/cancel', { params: path(run) })),
    onSuccess: (outcome) => {
      report('Canceling', outcome);
      if (outcome.done.length) confirmed(`Canceling ${counted(outcome.done.length, 'run')}.`);
    },
    onSettled,
  });
  const retry = useMutation({
    mutationFn: (run: Run) => api.POST('/api/v1/runs/{id}/retry', { params: { ...path(run), header: { 'Idempotency-Key': newKey() } } }),
    onSuccess: (_, run) => confirmed(`Retrying "${run.job.title}" with the same window.`),
    onError: (error, run) => failed(`The run of "${run.job.title}" was not retried`, error),
    onSettled,
  });
  const remove = useMutation({
    mutationFn: (runs: Run[]) => forEach(runs, (run) => api.DELETE('/api/v1/runs/{id}', { params: path(run) })),
    onSuccess: (outcome) => {
      report('Deleting', outcome);
      if (outcome.done.length) confirmed(`Deleted ${counted(outcome.done.length, 'run')}.`);
    },
    onSettled,
  });
  return { cancel, retry, remove };
}
