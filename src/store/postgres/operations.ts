// The operations of the port on PostgreSQL, wired to their parts.
import type { Refusal } from '../../domain/errors.ts';
import { summaryOf } from '../numbers.ts';
import type { DatabaseCapabilities } from '../database.ts';
import type { Store } from '../store.ts';
import { EVERYTHING, claimed, moved } from '../waiters.ts';
import type { Touched } from '../waiters.ts';
import { SYSTEM } from './acting.ts';
import { keyOperations } from './api-keys.ts';
import { auditOperations } from './audit.ts';
import { cutOperations } from './cuts.ts';
import { dataKeyOperations } from './data-keys.ts';
import { limitOperations } from './limits.ts';
import { quotaOperations } from './quotas.ts';
import { scheduleOperations } from './schedules.ts';
import * as book from './book.ts';
import type { Claimer } from './claim.ts';
import type { Engine } from './engine.ts';
import { enqueue } from './enqueue.ts';
import { bulkFind, bulkMove, family } from './bulk.ts';
import { readDependencies, readParents } from './dependencies.ts';
import { explainFacts, unroutableFacts } from './explain.ts';
import { amendment, moveTask } from './moves.ts';
import { readCounts, readEvents, readInbox, readLogs, readSecurity, readTask, readTasks } from './reads.ts';
import { forecastFacts } from './sla.ts';
import { addMessage, heartbeat, holderOf, setProgress, settle } from './settle.ts';
import { enqueueInside } from './transaction.ts';
import type { Watch } from './watch.ts';
export function wire(engine: Engine, claimer: Claimer, watch: Watch, database: DatabaseCapabilities, replacedClock: boolean): Store {
  const { pools } = engine;
  return {
    capabilities: { renewal: replacedClock ? 'loop' : 'thread', file: null, engine: 'postgres', database },
    now: engine.now,
    ...taskOperations(engine, claimer, watch),
    ...workerOperations(engine, claimer, watch),
    ...bookOperations(engine, watch),
    ...keyOperations(engine),
    ...auditOperations(engine),
    ...cutOperations(engine),
    ...dataKeyOperations(engine),
    schedules: scheduleOperations(engine),
    limits: limitOperations(engine),
    quotas: quotaOperations(engine),
    async tick({ retentionMs }) {
      const row = (await pools.admin.row('tick', SYSTEM, { retention_ms: retentionMs, backoff: JSON.stringify(engine.options.defaultBackoff) })) as number[];
      const [expired = 0, promoted = 0, buried = 0, lapsed = 0, purged = 0] = row;
      if (expired + promoted + buried + lapsed + purged > 0) watch.committed([EVERYTHING]);
      return { expired, promoted, buried, lapsed, purged };
    },
    auditSummary: async () => summaryOf(await pools.admin.row('audit_steps', SYSTEM)),
    changed: (timeoutMs, signal, interest) => watch.changed(timeoutMs, signal, interest),
    async close() {
      await engine.batches.close();
      await watch.close();
      await Promise.all(Object.values(pools).map((pool) => pool.close()));
    },
  };
}

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

function taskOperations(engine: Engine, claimer: Claimer, watch: Watch): TaskOperations {
  const told = async (moving: Promise<Refusal | null>, touched: Touched): Promise<Refusal | null> => {
    const refusal = await moving;
    if (refusal === null) watch.committed([touched]);
    return refusal;
  };
  return {
    async enqueue(scope, tasks, options) {
      const outcomes = await enqueue(engine, scope, tasks, options);
      claimer.activated([...new Set(tasks.map((task) => task.clientId))]);
      return outcomes;
    },
    enqueueInside: (scope, tx, tasks, { createClients }) => enqueueInside(engine.signer, engine.options.lanesPerClient, scope, tx, tasks, createClients),
    task: (scope, taskId) => readTask(engine, scope, taskId),
    tasks: (scope, filter) => readTasks(engine, scope, filter),
    dependencies: (scope, taskId, page) => readDependencies(engine, scope, taskId, page),
    logs: (scope, taskId, page) => readLogs(engine, scope, taskId, page),
    events: (scope, after, limit) => readEvents(engine, scope, after, limit),
    counts: (scope) => readCounts(engine, scope, engine.now()),
    explain: (scope, clientId, taskId) => explainFacts(engine, scope, clientId, taskId),
    unroutable: (scope, most) => unroutableFacts(engine, scope, most),
    forecast: (scope, clientId, asked) => forecastFacts(engine, scope, clientId, asked),
    cancel: (scope, taskId, reason) => told(moveTask(engine, scope, taskId, 'cancel', { reason }), moved(scope, taskId)),
    requeue: (scope, taskId) => told(moveTask(engine, scope, taskId, 'requeue', {}), moved(scope, taskId, true)),
    reprioritise: (scope, taskId, priority) => told(moveTask(engine, scope, taskId, 'reprioritise', { priority }), moved(scope, taskId)),
    amend: (scope, taskId, change) => told(moveTask(engine, scope, taskId, 'amend', amendment(change)), moved(scope, taskId)),
    purge: (scope, taskId) => told(moveTask(engine, scope, taskId, 'purge', {}), moved(scope, taskId)),
    bulkFind: (scope, find) => bulkFind(engine, scope, find),
    async bulkMove(scope, move) {
      const moves = await bulkMove(engine, scope, move);
      watch.committed([EVERYTHING]);
      return moves;
    },
    family: (scope, ids, most) => family(engine, scope, ids, most),
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

function workerOperations(engine: Engine, claimer: Claimer, watch: Watch): WorkerOperations {
  return {
    async register(scope, registration) {
      claimer.forget(scope.workerId as string);
      return book.register(engine, scope, registration);
    },
    beat: (scope, status) => book.beat(engine, scope, status),
    async deregister(scope) {
      claimer.forget(scope.workerId as string);
      await book.deregister(engine, scope);
    },
    workers: (scope) => book.listWorkers(engine, scope),
    removeWorker: (scope, workerId) => book.removeWorker(engine, scope, workerId),
    pruneWorkers: (scope, staleMs) => book.pruneWorkers(engine, scope, staleMs),
    inbox: (scope, limit) => readInbox(engine, scope, limit),
    async claim(scope, request) {
      const tasks = await claimer.claim(scope, request);
      if (tasks.length > 0) watch.told([claimed(tasks)]);
      return tasks;
    },
    heartbeat: (scope, leases, leaseMs) => heartbeat(engine, scope, leases, leaseMs),
    settle: (scope, items) => settle(engine, scope, items),
    progress: (scope, lease, value) => setProgress(engine, scope, lease, value),
    message: (scope, lease, message, details) => addMessage(engine, scope, lease, message, details),
    parents: (scope, lease, page) => readParents(engine, scope, lease, page),
    holder: (scope, lease) => holderOf(engine, scope, lease),
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

function bookOperations(engine: Engine, watch: Watch): BookOperations {
  /** What workers may take is other than it was. */
  const told = async <T>(changing: Promise<T>): Promise<T> => {
    const answer = await changing;
    watch.committed([EVERYTHING]);
    return answer;
  };
  return {
    createClient: (scope, clientId, weight) => book.createClient(engine, scope, clientId, weight),
    clients: (scope) => book.listClients(engine, scope),
    updateClient: (scope, clientId, change) => told(book.updateClient(engine, scope, clientId, change)),
    createGrant: (scope, grantId, workerId, grant) => told(book.createGrant(engine, scope, grantId, workerId, grant)),
    grants: (scope, workerId) => book.listGrants(engine, scope, workerId),
    deleteGrant: (scope, grantId) => book.deleteGrant(engine, scope, grantId),
    setCategory: (scope, category) => book.setCategory(engine, scope, category),
    categories: book.createCategories(engine),
    deleteCategory: (scope, pattern) => book.deleteCategory(engine, scope, pattern),
    setCategoryMode: (scope, mode) => book.setCategoryMode(engine, scope, mode),
    securityEvents: (scope, page) => readSecurity(engine, scope, page),
    recordSecurity: (event) => book.recordSecurity(engine, event),
  };
}
