// What may be read of tasks and done to one, the same for clients and admins: the scope decides whose.
import { QueueError, unwrap } from '../domain/errors.ts';
import type { Refusal } from '../domain/errors.ts';
import type { Operation } from '../domain/access.ts';
import { checkCategory, checkPattern } from '../domain/category.ts';
import { explain, unroutable } from '../domain/explain.ts';
import { SLA_FILTERS } from '../domain/sla.ts';
import { STATES } from '../domain/lifecycle.ts';
import { checkInt, checkMetadata } from '../domain/limits.ts';
import type { Principal } from '../domain/principal.ts';
import type { Task } from '../domain/task.ts';
import type { Counts, StoreScope, TaskFilter } from '../store/store.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import { forecastTaskOf } from './forecasts.ts';
import { notFound, raise } from './refusal.ts';
import type { EventOptions, ListFilter, QueueStats, TaskMoves, TaskReads } from './handles.ts';

const EVENTS_A_READ = 500;
const EVENT_LOOK_MS = 5000;

export function taskReads(deps: Deps, principal: Principal, scope: StoreScope): TaskReads {
  const may = (operation: Operation): Promise<void> => authorize(deps, principal, operation);
  return {
    async get(taskId) {
      await may('task.get');
      return (await deps.store.task(scope, taskId)) ?? raise(notFound());
    },
    async list(filter = {}) {
      await may('task.list');
      const checked = checkFilter(filter);
      if (checked.metadata !== undefined && !readsMetadata(scope)) await refuseMetadata(deps, principal, scope);
      return deps.store.tasks(scope, checked);
    },
    async dependencies(taskId, { direction = 'parents', ...page } = {}) {
      await may('task.dependencies');
      if (direction !== 'parents' && direction !== 'children') throw new QueueError('invalid_input', 'direction is `parents` or `children`');
      return (await deps.store.dependencies(scope, taskId, { direction, ...checkPage(page) })) ?? raise(notFound());
    },
    async logs(taskId, page = {}) {
      await may('task.logs');
      return (await deps.store.logs(scope, taskId, checkPage(page))) ?? raise(notFound());
    },
    async *events({ after, signal, reached }: EventOptions = {}) {
      await may('task.events');
      let last = after ?? (await deps.store.events(scope, null, 1)).last;
      while (signal?.aborted !== true) {
        reached?.(last);
        const page = await deps.store.events(scope, last, EVENTS_A_READ);
        yield* page.items;
        last = page.last;
        if (!page.more) await deps.store.changed(EVENT_LOOK_MS, signal, { for: 'events', clients: scope.clients });
      }
    },
    async explain(taskId) {
      await may('task.explain');
      const task = (await deps.store.task(scope, taskId)) ?? raise(notFound());
      return explain(task, (await deps.store.explain(scope, task.clientId, taskId)) ?? raise(notFound()));
    },
    async unroutable({ limit = 100 } = {}) {
      await may('task.unroutable');
      const { lanes, sets } = await deps.store.unroutable(scope, unwrap(checkInt('limit', limit, 'listLimit')));
      return unroutable(lanes, sets);
    },
    forecast: (taskId) => forecastTaskOf(deps, principal, scope, taskId),
    async stats() {
      await may('task.stats');
      return statsOf(await deps.store.counts(scope));
    },
  };
}

export function taskMoves(deps: Deps, principal: Principal, scope: StoreScope): TaskMoves {
  return {
    async cancel(taskId, reason = 'cancelled') {
      await authorize(deps, principal, 'task.cancel');
      return moved(deps, scope, taskId, await deps.store.cancel(scope, taskId, reason));
    },
    async requeue(taskId) {
      await authorize(deps, principal, 'task.requeue');
      return moved(deps, scope, taskId, await deps.store.requeue(scope, taskId));
    },
  };
}

/** The task as it is after a move, or the refusal thrown. */
export async function moved(deps: Deps, scope: StoreScope, taskId: string, refusal: Refusal | null): Promise<Task> {
  if (refusal !== null) throw QueueError.from(refusal);
  return (await deps.store.task(scope, taskId)) ?? raise(notFound());
}

export function checkPage(page: { readonly limit?: number; readonly cursor?: string }): { readonly limit: number; readonly cursor?: string } {
  const limit = unwrap(checkInt('limit', page.limit ?? 100, 'listLimit'));
  return page.cursor === undefined ? { limit } : { limit, cursor: page.cursor };
}

/** A filter on what may not be read would tell it, pair by pair. */
const readsMetadata = (scope: StoreScope): boolean => scope.clients !== '*' && scope.blind !== true;

async function refuseMetadata({ refusals }: Deps, { keyId }: Principal, { actor, clients }: StoreScope): Promise<never> {
  const clientId = clients === '*' ? null : (clients[0] ?? null);
  refusals.note({ actor, action: 'task.list', clientId, details: { because: 'metadata', ...(keyId === undefined ? {} : { key_id: keyId }) } });
  throw new QueueError('forbidden', 'metadata belongs to the client: list by it as the client or as its admin');
}

function checkFilter(filter: ListFilter): TaskFilter {
  const page = checkPage(filter);
  if (filter.status !== undefined && !STATES.includes(filter.status))
    throw new QueueError('invalid_input', `status is one of ${STATES.join(', ')}`, { fields: [{ field: 'status', message: 'unknown' }] });
  if (filter.type !== undefined) unwrap(/[*]$/.test(filter.type) ? checkPattern(filter.type) : checkCategory(filter.type));
  if (filter.sla !== undefined) checkSla(filter.sla, filter.metadata !== undefined);
  const pairs = filter.metadata === undefined ? null : unwrap(checkMetadata(filter.metadata));
  return {
    ...page,
    ...(filter.status === undefined ? {} : { status: filter.status }),
    ...(filter.type === undefined ? {} : { type: filter.type }),
    ...(filter.sla === undefined ? {} : { sla: filter.sla }),
    ...(pairs === null ? {} : { metadata: JSON.parse(pairs) as Readonly<Record<string, string>> }),
  };
}

function checkSla(sla: unknown, hasMetadata: boolean): void {
  const message = !SLA_FILTERS.some((name) => name === sla) ? `is one of ${SLA_FILTERS.join(', ')}` : hasMetadata ? 'not together with metadata' : null;
  if (message !== null) throw new QueueError('invalid_input', `sla: ${message}`, { fields: [{ field: 'sla', message }] });
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The original's metrics from the store's counts. */
export function statsOf(counts: Counts): QueueStats {
  const { ended } = counts;
  const total = Object.values(counts.byStatus).reduce((sum, n) => sum + n, 0);
  const done = ended.completed + ended.deadLetter;
  return {
    total,
    byStatus: counts.byStatus,
    byType: counts.byType,
    oldestQueuedAgeSeconds: counts.oldestQueuedAtUtc === null ? null : Math.max(0, counts.nowUtc - counts.oldestQueuedAtUtc) / 1000,
    successRate: share(ended.completed, done),
    failureRate: share(ended.deadLetter, done),
    throughput: { lastHour: ended.completedLastHour, perMinute: Math.round((ended.completedLastHour / 60) * 100) / 100 },
    retries: { rate: share(ended.retried, done), averageAttempts: share(ended.attempts, done), deadLetters: ended.deadLetter },
    runMs: counts.runMs,
    workers: counts.workers,
    sla: counts.sla,
  };
}
