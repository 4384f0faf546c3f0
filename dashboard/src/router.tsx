// Which address shows what. The state of a page is in its address, checked and typed, behind the `#`: it works under any path,
// and filters reach no server's log.
import { Outlet, createHashHistory, createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Operation } from '../../src/domain/access.ts';
import { CHAINS } from '../../src/domain/audit-chain.ts';
import type { ChainName } from '../../src/domain/audit-chain.ts';
import { STATES } from '../../src/domain/lifecycle.ts';
import type { TaskState } from '../../src/domain/lifecycle.ts';
import { Layout } from './layout.tsx';
import { Overview } from './pages/overview.tsx';
import { Tasks } from './pages/tasks.tsx';
import { Empty, Trouble } from './parts/state.tsx';
import { PAGES } from './pages.ts';
import { useSession } from './session.tsx';
import { words } from './text/words.ts';

export interface TaskSearch {
  readonly status?: TaskState;
  readonly type?: string;
  readonly client?: string;
  /** `key=value`, of the metadata. */
  readonly meta?: string;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;
const some = <T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };

const checkTaskSearch = (search: Record<string, unknown>): TaskSearch =>
  some({
    status: STATES.find((state) => state === search['status']),
    type: text(search['type']),
    client: text(search['client']),
    meta: text(search['meta']),
  });

export interface TrailSearch {
  readonly chain?: ChainName;
  readonly actor?: string;
  readonly action?: string;
  readonly object?: string;
}

const checkTrailSearch = (search: Record<string, unknown>): TrailSearch =>
  some({
    chain: CHAINS.find((chain) => chain === search['chain']),
    actor: text(search['actor']),
    action: text(search['action']),
    object: text(search['object']),
  });

const root = createRootRoute({
  component: () => (
    <Layout>
      <Outlet />
    </Layout>
  ),
  notFoundComponent: () => <Empty title={words.notThere.title}>{words.notThere.hint}</Empty>,
  errorComponent: ({ error }) => <Trouble error={error} />,
});

/** Shown only to whom the access table gives it; the server decides in any case. */
function Guard({ needs, children }: { readonly needs: Operation; readonly children: ReactNode }): ReactNode {
  const { can, actor } = useSession();
  return can(needs) ? children : <Empty title={words.notYours.title}>{words.notYours.hint(actor, needs)}</Empty>;
}

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: () => (
    <Guard needs="task.stats">
      <Overview />
    </Guard>
  ),
});
const tasks = createRoute({
  getParentRoute: () => root,
  path: '/tasks',
  validateSearch: checkTaskSearch,
  component: () => (
    <Guard needs="task.list">
      <Tasks />
    </Guard>
  ),
});
const task = createRoute({
  getParentRoute: () => root,
  path: '/tasks/$taskId',
  component: lazyRouteComponent(() => import('./pages/task.tsx'), 'TaskPage'),
});

const guarded = (path: string, load: () => Promise<{ readonly Content: () => ReactNode }>) => {
  const needs = PAGES.find((page) => page.path === path)?.needs ?? 'task.get';
  const Content = lazyRouteComponent(load, 'Content');
  return () => (
    <Guard needs={needs}>
      <Content />
    </Guard>
  );
};
const page = <const P extends string>(path: P, load: () => Promise<{ readonly Content: () => ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: guarded(path, load) });

const AuditContent = guarded('/audit', () => import('./pages/audit.tsx'));
const audit = createRoute({ getParentRoute: () => root, path: '/audit', validateSearch: checkTrailSearch, component: AuditContent });

const tree = root.addChildren([
  overview,
  tasks,
  task,
  page('/inbox', () => import('./pages/inbox.tsx')),
  page('/dead-letters', () => import('./pages/dead-letters.tsx')),
  page('/workers', () => import('./pages/workers.tsx')),
  page('/categories', () => import('./pages/categories.tsx')),
  page('/clients', () => import('./pages/clients.tsx')),
  page('/keys', () => import('./pages/keys.tsx')),
  page('/grants', () => import('./pages/grants.tsx')),
  page('/events', () => import('./pages/events.tsx')),
  audit,
  page('/security-events', () => import('./pages/security-events.tsx')),
]);

export const createPages = () => createRouter({ routeTree: tree, history: createHashHistory(), defaultPreload: false, scrollRestoration: false });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPages>;
  }
}
