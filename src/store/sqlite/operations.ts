// The operations of the port on SQLite, wired to their parts: writes through the writer's turns, reads on a connection of their own.
import type { Refusal, Result } from '../../domain/errors.ts';
import type { Settlement, SettleResult } from '../../domain/task.ts';
import type { EnqueueOutcome, Store, StoreScope } from '../store.ts';
import { NOTHING, claimed, enqueued, moved, settled } from '../waiters.ts';
import { bulkFind, bulkMove, family } from './bulk.ts';
import { enqueueBatch } from './enqueue.ts';
import type { EnqueueItem } from './enqueue.ts';
import { addMessage, holderOf, setProgress } from './held.ts';
import { amend, cancel, purge, reprioritise, requeue } from './moves.ts';
import { createEvents } from './events.ts';
import { ensureLanes, ensureListing, hasLanes, hasListing } from './orders.ts';
import { readInbox, readLogs, readSecurity, readTask, readTasks } from './reads.ts';
import { explainFacts, unroutableFacts } from './explain.ts';
import { readDependencies, readParents } from './read-edges.ts';
import { backoffIn, read } from './parts.ts';
import type { Parts } from './parts.ts';
import * as book from './registry.ts';
import { heartbeatBatch, heartbeatHeld, settleBatch } from './settle.ts';
import { forecastFacts } from './sla.ts';
import { readCounts } from './stats.ts';
import { perTurn } from './turn.ts';
type TaskOperations = Pick<
  Store,
  | 'enqueue'
  | 'enqueueInside'
  | 'task'
  | 'tasks'
  | 'dependencies'
  | 'logs'
  | 'events'
  | 'counts'
  | 'explain'
  | 'unroutable'
  | 'forecast'
  | 'cancel'
  | 'requeue'
  | 'reprioritise'
  | 'amend'
  | 'purge'
  | 'bulkFind'
  | 'bulkMove'
  | 'family'
>;

export function taskOperations(parts: Parts): TaskOperations {
  const { engine, sets, reader } = parts;
  const { writer } = engine;
  const move = (scope: StoreScope, taskId: string, action: () => Refusal | null, isReady?: boolean): Promise<Refusal | null> =>
    writer.one(scope.actor, action, (refusal) => (refusal === null ? moved(scope, taskId, isReady) : NOTHING));
  const readEvents = createEvents();
  return {
    enqueue(scope, tasks, { atomic, createClients, seen }) {
      const items = tasks.map((task) => ({ task, createClient: createClients, seen }));
      // The rows of clients name their own actor, so that batches of many clients run as one.
      const actor = scope.role === 'client' ? null : scope.actor;
      const kind = atomic ? '' : `enqueue ${actor ?? ''}`;
      return writer.submit<EnqueueItem, Result<EnqueueOutcome>>({
        kind,
        items,
        owner: scope.actor,
        run: (all) => enqueueBatch(engine, sets, all, actor, atomic),
        touched: (answers) => enqueued(tasks, answers),
      });
    },
    enqueueInside: (scope, tx, tasks, { createClients }) =>
      parts.inside(
        tx,
        tasks.map((task) => ({ task, createClient: createClients })),
        scope.role === 'client' ? null : scope.actor,
      ),
    task: (scope, taskId) => read(() => readTask(parts.own, scope, taskId)),
    async tasks(scope, filter) {
      if (scope.clients !== '*' && filter.status === undefined && !hasListing(engine)) await writer.one(scope.actor, () => ensureListing(engine));
      return read(() => readTasks(reader, scope, filter));
    },
    dependencies: (scope, taskId, page) => read(() => readDependencies(parts.own, scope, taskId, page)),
    logs: (scope, taskId, page) => read(() => readLogs(reader, scope, taskId, page)),
    events: (scope, after, limit) => read(() => readEvents(reader, scope, after, limit)),
    counts: (scope) => read(() => readCounts(reader, scope, engine.now())),
    ...looks(parts),
    cancel: (scope, taskId, reason) => move(scope, taskId, () => cancel(engine, scope, taskId, reason)),
    requeue: (scope, taskId) => move(scope, taskId, () => requeue(engine, scope, taskId), true),
    reprioritise: (scope, taskId, priority) => move(scope, taskId, () => reprioritise(engine, scope, taskId, priority)),
    amend: (scope, taskId, change) => move(scope, taskId, () => amend(engine, scope, taskId, change)),
    purge: (scope, taskId) => move(scope, taskId, () => purge(engine, scope, taskId)),
    bulkFind: (scope, find) => read(() => bulkFind(parts.reader, scope, find)),
    bulkMove: (scope, moves) => writer.one(scope.actor, () => bulkMove(engine, scope, moves)),
    family: (scope, ids, most) => read(() => family(parts.reader, scope, ids, most)),
  };
}

/** Why tasks do not run, and when they will. */
function looks({ engine }: Parts): Pick<Store, 'explain' | 'unroutable' | 'forecast'> {
  return {
    explain: (_scope, clientId, taskId) => read(() => explainFacts(engine, clientId, taskId)),
    async unroutable(scope, most) {
      if (!hasLanes(engine))
        await engine.writer.one(
          scope.actor,
          () => ensureLanes(engine),
          () => NOTHING,
        );
      return read(() => unroutableFacts(engine, scope, most));
    },
    forecast: (_scope, clientId, asked) => read(() => forecastFacts(engine, clientId, asked)),
  };
}

type WorkerOperations = Pick<
  Store,
  | 'register'
  | 'beat'
  | 'deregister'
  | 'workers'
  | 'removeWorker'
  | 'pruneWorkers'
  | 'inbox'
  | 'claim'
  | 'heartbeat'
  | 'settle'
  | 'progress'
  | 'message'
  | 'parents'
  | 'holder'
>;

export function workerOperations(parts: Parts): WorkerOperations {
  const { engine } = parts;
  const { writer } = engine;
  const backoffOf = backoffIn(parts);
  /** What nobody waits for. */
  const quietly = <Answer>({ actor }: StoreScope, action: () => Answer): Promise<Answer> => writer.one(actor, action, () => NOTHING);
  return {
    register: (scope, registration) => quietly(scope, () => book.register(engine, scope, registration)),
    beat: (scope, status) => quietly(scope, () => book.beat(engine, scope, status)),
    deregister: (scope) => writer.one(scope.actor, () => void book.dropWorker(engine, scope.actor, scope.workerId as string, 'worker.deregister')),
    workers: (scope) => read(() => book.listWorkers(engine, scope)),
    removeWorker: (scope, workerId) => writer.one(scope.actor, () => book.dropWorker(engine, scope.actor, workerId, 'worker.remove')),
    pruneWorkers: (scope, staleMs) => writer.one(scope.actor, () => book.pruneWorkers(engine, scope, staleMs)),
    inbox: async (scope, limit) => {
      if (!hasLanes(engine)) await quietly(scope, () => ensureLanes(engine));
      return read(() => {
        const worker = engine.st.row('worker_of', { worker_id: scope.workerId as string });
        return worker === undefined ? [] : readInbox(parts.own, scope, worker[0] as number, limit);
      });
    },
    claim: (scope, request) => writer.one(scope.actor, () => parts.claimer.claim(scope, request), claimed),
    heartbeat: (scope, leases, leaseMs) =>
      quietly(scope, () => (leases === 'all' ? heartbeatHeld(engine, scope, leaseMs) : heartbeatBatch(engine, scope, leases, leaseMs))),
    settle: (scope, items) =>
      writer.submit<Settlement, SettleResult>({
        kind: `settle ${scope.actor}`,
        items,
        owner: scope.actor,
        run: (all) => settleBatch(engine, scope, all, backoffOf),
        touched: (answers) => settled(items, answers),
      }),
    progress: (scope, lease, value) => quietly(scope, () => setProgress(engine, scope, lease, value)),
    message: (scope, lease, message, details) => quietly(scope, () => addMessage(engine, scope, lease, message, details)),
    parents: (scope, lease, page) => read(() => readParents(engine, scope, lease, page)),
    holder: (scope, lease) => read(() => holderOf(engine, scope, lease)),
  };
}

type BookOperations = Pick<
  Store,
  | 'createClient'
  | 'clients'
  | 'updateClient'
  | 'createGrant'
  | 'grants'
  | 'deleteGrant'
  | 'setCategory'
  | 'categories'
  | 'deleteCategory'
  | 'setCategoryMode'
  | 'securityEvents'
  | 'recordSecurity'
>;

function registryOf({ categories }: Parts): Store['categories'] {
  const now = perTurn(() => read(() => categories.read()));
  return async (remembered = false) => (remembered ? categories.empty() : null) ?? now();
}

export function bookOperations(parts: Parts): BookOperations {
  const { engine } = parts;
  const { writer } = engine;
  return {
    createClient: (scope, clientId, weight) => writer.one(scope.actor, () => book.createClient(engine, scope, clientId, weight)),
    clients: (scope) => read(() => book.listClients(engine, scope)),
    updateClient: (scope, clientId, change) => writer.one(scope.actor, () => book.updateClient(engine, scope, clientId, change)),
    createGrant: (scope, grantId, workerId, grant) => writer.one(scope.actor, () => book.createGrant(engine, scope, grantId, workerId, grant)),
    grants: (scope, workerId) => read(() => book.listGrants(engine, scope, workerId)),
    deleteGrant: (scope, grantId) => writer.one(scope.actor, () => book.deleteGrant(engine, scope, grantId)),
    setCategory: (scope, category) => writer.one(scope.actor, () => book.setCategory(engine, scope, category)),
    categories: registryOf(parts),
    deleteCategory: (scope, pattern) => writer.one(scope.actor, () => book.deleteCategory(engine, scope, pattern)),
    setCategoryMode: (scope, mode) => writer.one(scope.actor, () => book.setCategoryMode(engine, scope, mode)),
    securityEvents: (scope, page) => read(() => readSecurity(parts.reader, scope, page)),
    recordSecurity: (event) =>
      writer.one(
        'security',
        () => {
          engine.wall.bind({ clients: '*' });
          book.security(engine, event);
        },
        () => NOTHING,
      ),
  };
}
