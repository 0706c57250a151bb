import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { $api, type Me } from '../api/client';

/** Who is signed in. */
export const meQuery = queryOptions({ ...$api.queryOptions('get', '/api/v1/me'), staleTime: 60_000, retry: false });

export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** The rights that pages ask for; the API decides again on each request. */
export function rights(me: Me) {
  const administrator = me.role === 'administrator';
  const exporter = me.role === 'exporter';
  return {
    seeJobs: administrator || exporter,
    manageJobs: administrator,
    startRuns: administrator || exporter,
    cancelRuns: administrator || exporter,
    deleteRuns: administrator,
    seeArtifacts: administrator || exporter,
    deleteArtifacts: administrator,
    manageUsers: administrator,
    preferences: administrator || exporter,
    seeAudit: administrator,
    manageRecipients: administrator,
    seeTenant: administrator,
    seeNodes: administrator,
  };
}

export function useRights() {
  return rights(useMe());
}

/** How the sign-in page opens after a sign-out: it offers the way out of the identity provider too. */
export function afterSignOut(me: Me) {
  return me.singleSignOn ? { left: true } : {};
}

/** Why somebody may not do what only an administrator may. */
export const administratorOnly = 'only administrators may do this';
