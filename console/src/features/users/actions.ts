import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type User } from '../../api/client';
import { refresh } from '../../api/live';
import { confirmed, failed } from '../../components/notify';
import { counted } from '../../lib/amount';
import { forEach } from '../../lib/many';

export const userPath = (user: User) => ({ path: { id: user.id } });

/** Asks again for the users on show. */
export function useReloadUsers() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['get', '/api/v1/users'] });
}

type Switch = { users: User[]; to: User['state'] };

/** Deactivates users, or lets them in again. */
export function useSwitchUsers() {
  const reload = useReloadUsers();
  return useMutation({
    mutationFn: ({ users, to }: Switch) => forEach(users.filter((u) => u.state !== to), (user) => (
      to === 'active' ? api.POST('/api/v1/users/{id}/activate', { params: userPath(user) }) : api.POST('/api/v1/users/{id}/deactivate', { params: userPath(user) })
    )),
    onSuccess: ({ done, failed: not }, { to }) => {
      for (const { item, error } of not.slice(0, 3)) failed(`${item.username} was not ${to === 'active' ? 'activated' : 'deactivated'}`, error);
      if (done.length) confirmed(`${to === 'active' ? 'Activated' : 'Deactivated'} ${done.length === 1 ? done[0]!.username : counted(done.length, 'user')}.`);
    },
    onSettled: reload,
  });
}

/** Makes the jobs of a deactivated user one's own. */
export function useTakeOver() {
  const client = useQueryClient();
  const reload = useReloadUsers();
  return useMutation({
    mutationFn: async (user: User) => (await api.POST('/api/v1/users/{id}/take-over', { params: userPath(user) })).data!.jobs,
    onSuccess: (jobs, user) => confirmed(`You own ${counted(jobs, 'job')} of ${user.username} now.`),
    onError: (error, user) => failed(`The jobs of ${user.username} were not taken over`, error),
    onSettled: () => {
      refresh(client);
      return reload();
    },
  });
}
