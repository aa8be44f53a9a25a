import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from '@tanstack/react-router';
import { meOptions } from './api/gen/@tanstack/react-query.gen';
import { ErrorPanel, Skeleton } from './ui/states';

/** What addresses may carry behind the question mark: filters, tabs, pages. */
export type Search = {
  to?: string;
  state?: string;
  tab?: string;
  view?: string;
  file?: string;
  line?: number;
  page?: number;
  q?: string;
  type?: string;
  action?: string;
  at?: string;
  left?: string;
  right?: string;
  from?: number;
  until?: number;
  app?: string;
  by?: string;
  since?: string;
  till?: string;
};

const TEXTS = [
  'to',
  'state',
  'tab',
  'view',
  'file',
  'q',
  'type',
  'action',
  'at',
  'left',
  'right',
  'app',
  'by',
  'since',
  'till',
] as const;
const NUMBERS = ['line', 'page', 'from', 'until'] as const;

function readSearch(raw: Record<string, unknown>): Search {
  const search: Search = {};
  for (const key of TEXTS) if (raw[key] !== undefined) search[key] = String(raw[key]);
  for (const key of NUMBERS) {
    const number = Number(raw[key]);
    if (Number.isInteger(number) && number > 0) search[key] = number;
  }
  return search;
}

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  validateSearch: readSearch,
  component: Outlet,
});

const page = <K extends string>(path: string, load: () => Promise<Record<K, React.ComponentType>>, name: K) =>
  ({ path, component: lazyRouteComponent(load, name) }) as const;

const outside = [
  createRoute({ getParentRoute: () => root, ...page('/sign-in', () => import('./pages/SignIn'), 'SignIn') }),
  createRoute({ getParentRoute: () => root, ...page('/setup/$token', () => import('./pages/SetUp'), 'SetUp') }),
  createRoute({ getParentRoute: () => root, ...page('/invite/$token', () => import('./pages/Invited'), 'Invited') }),
  createRoute({
    getParentRoute: () => root,
    ...page('/forgot-password', () => import('./pages/Passwords'), 'ForgotPassword'),
  }),
  createRoute({
    getParentRoute: () => root,
    ...page('/reset-password/$token', () => import('./pages/Passwords'), 'ResetPassword'),
  }),
];

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: lazyRouteComponent(() => import('./features/shell/Shell'), 'Shell'),
  loader: ({ context }) => context.queries.ensureQueryData(meOptions()).catch(() => undefined),
});

const inside = (
  [
    page('/', () => import('./pages/Home'), 'Home'),
    page('/me', () => import('./pages/MePage'), 'MePage'),
    page('/outbox', () => import('./pages/Outbox'), 'Outbox'),
    page('/new-app', () => import('./pages/NewApp'), 'NewApp'),
    page('/apps/$appId', () => import('./pages/Overview'), 'Overview'),
    page('/apps/$appId/changesets', () => import('./pages/Changesets'), 'Changesets'),
    page('/apps/$appId/changesets/$changesetId', () => import('./pages/Review'), 'Review'),
    page('/apps/$appId/queue', () => import('./pages/QueuePage'), 'QueuePage'),
    page('/apps/$appId/releases', () => import('./pages/Releases'), 'Releases'),
    page('/apps/$appId/releases/$releaseId', () => import('./pages/ReleasePage'), 'ReleasePage'),
    page('/apps/$appId/environments', () => import('./pages/Environments'), 'Environments'),
    page('/apps/$appId/environments/$envId', () => import('./pages/EnvironmentPage'), 'EnvironmentPage'),
    page('/apps/$appId/deployments/$deploymentId', () => import('./pages/DeploymentPage'), 'DeploymentPage'),
    page('/apps/$appId/environments/$envId/parameters', () => import('./pages/Parameters'), 'Parameters'),
    page('/apps/$appId/environments/$envId/drafts/$draftId', () => import('./pages/DraftPage'), 'DraftPage'),
    page('/apps/$appId/workspaces', () => import('./pages/Workspaces'), 'Workspaces'),
    page('/apps/$appId/workspaces/$workspaceId', () => import('./pages/WorkspacePage'), 'WorkspacePage'),
    page('/apps/$appId/jobs', () => import('./pages/Jobs'), 'Jobs'),
    page('/apps/$appId/jobs/$jobId', () => import('./pages/JobPage'), 'JobPage'),
    page('/apps/$appId/audit', () => import('./pages/Audit'), 'Audit'),
    page('/apps/$appId/catalog', () => import('./pages/CatalogPage'), 'CatalogPage'),
    page('/apps/$appId/runs', () => import('./pages/Runs'), 'Runs'),
    page('/apps/$appId/sets/$hash', () => import('./pages/Runs'), 'SetPage'),
    page('/apps/$appId/profiles', () => import('./pages/Profiles'), 'Profiles'),
    page('/apps/$appId/profiles/$profileId', () => import('./pages/ProfilePage'), 'ProfilePage'),
    page('/apps/$appId/settings', () => import('./pages/Settings'), 'Settings'),
    page('/apps/$appId/members', () => import('./pages/Members'), 'Members'),
  ] as const
).map((options) => createRoute({ getParentRoute: () => shell, ...options }));

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: root.addChildren([...outside, shell.addChildren(inside)]),
    context: { queries },
    defaultPreload: 'intent',
    defaultPendingComponent: () => <Skeleton rows={6} />,
    defaultErrorComponent: ({ error, reset }) => <ErrorPanel error={error} retry={reset} />,
    defaultNotFoundComponent: () => (
      <main className="p-8">
        <h1 className="text-xl">There is nothing at this address</h1>
        <p className="text-soft">
          It may have been renamed, or you may not be a member of its app.{' '}
          <a href="/" className="text-accent underline">
            Go home
          </a>
        </p>
      </main>
    ),
    scrollRestoration: true,
  });
}
