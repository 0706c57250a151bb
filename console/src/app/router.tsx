import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import type { QueryClient } from '@tanstack/react-query';
import { asProblem, onSessionEnd } from '../api/client';
import { artifactsSearch } from '../features/artifacts/search';
import { auditSearch } from '../features/audit/search';
import { editorSearch } from '../features/editor/search';
import { historySearch } from '../features/history/search';
import { jobsSearch } from '../features/jobs/search';
import { signInSearch } from '../features/signin/search';
import { nodesSearch } from '../features/nodes/search';
import { usersSearch } from '../features/users/search';
import { NotFound, PageError, Pending } from './fallback';
import { meQuery } from './session';
import { Shell } from './Shell';

type Context = { client: QueryClient };

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root, path: '/sign-in', validateSearch: signInSearch,
  component: lazyRouteComponent(() => import('../features/signin/Page'), 'SignInPage'),
});

/** All that needs a session: without one, sign in and come back. */
const inside = createRoute({
  getParentRoute: () => root, id: 'inside', component: Shell,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.ensureQueryData(meQuery);
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
      throw redirect({ to: '/sign-in', search: { from: location.href } });
    }
  },
});

const overview = createRoute({
  getParentRoute: () => inside, path: '/',
  component: lazyRouteComponent(() => import('../features/overview/Page'), 'OverviewPage'),
});
const jobs = createRoute({
  getParentRoute: () => inside, path: '/jobs', validateSearch: jobsSearch,
  component: lazyRouteComponent(() => import('../features/jobs/Page'), 'JobsPage'),
});
const newJob = createRoute({
  getParentRoute: () => inside, path: '/jobs/new', validateSearch: editorSearch,
  component: lazyRouteComponent(() => import('../features/editor/Page'), 'NewJobPage'),
});
const editJob = createRoute({
  getParentRoute: () => inside, path: '/jobs/$id/edit',
  component: lazyRouteComponent(() => import('../features/editor/Page'), 'EditJobPage'),
});
const history = createRoute({
  getParentRoute: () => inside, path: '/history', validateSearch: historySearch,
  component: lazyRouteComponent(() => import('../features/history/Page'), 'HistoryPage'),
});
const artifacts = createRoute({
  getParentRoute: () => inside, path: '/artifacts', validateSearch: artifactsSearch,
  component: lazyRouteComponent(() => import('../features/artifacts/Page'), 'ArtifactsPage'),
});
const audit = createRoute({
  getParentRoute: () => inside, path: '/audit', validateSearch: auditSearch,
  component: lazyRouteComponent(() => import('../features/audit/Page'), 'AuditPage'),
});

const users = createRoute({
  getParentRoute: () => inside, path: '/users', validateSearch: usersSearch,
  component: lazyRouteComponent(() => import('../features/users/Page'), 'UsersPage'),
});
const preferences = createRoute({
  getParentRoute: () => inside, path: '/preferences',
  component: lazyRouteComponent(() => import('../features/preferences/Page'), 'PreferencesPage'),
});
const tenant = createRoute({
  getParentRoute: () => inside, path: '/tenant',
  component: lazyRouteComponent(() => import('../features/tenant/Page'), 'TenantPage'),
});

const nodes = createRoute({
  getParentRoute: () => inside, path: '/nodes', validateSearch: nodesSearch,
  component: lazyRouteComponent(() => import('../features/nodes/Page'), 'NodesPage'),
});

const recipients = createRoute({
  getParentRoute: () => inside, path: '/recipients',
  component: lazyRouteComponent(() => import('../features/recipients/Page'), 'RecipientsPage'),
});

const tree = root.addChildren([signIn, inside.addChildren([overview, jobs, newJob, editJob, history, artifacts, users, recipients, audit, tenant, nodes, preferences])]);

/** The console's pages. A session that ends leads to the sign-in and back. */
export function newRouter(client: QueryClient) {
  const router = createRouter({
    routeTree: tree, context: { client }, defaultPreload: 'intent', defaultPreloadStaleTime: 0,
    defaultErrorComponent: PageError, defaultPendingComponent: Pending, scrollRestoration: true,
  });
  onSessionEnd(() => {
    const { location } = router.state;
    if (location.pathname === '/sign-in') return;
    void router.navigate({ to: '/sign-in', search: { from: location.href, expired: true } });
  });
  return router;
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
