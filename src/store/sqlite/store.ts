// The SQLite engine behind the port: opens the file, builds the wall and wires the parts. Writes go through the writer's
// turns; reads of a file use a connection of their own that can not write.
import type { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import type { Result } from '../../domain/errors.ts';
import type { Settlement, SettleResult } from '../../domain/task.ts';
import { loadStatements } from '../sql-files.ts';
import type { NamedStatement } from '../sql-files.ts';
import type { EnqueueOutcome, Store, StoreOptions } from '../store.ts';
import { keyOperations } from './api-keys.ts';
import { createSets } from './capability-sets.ts';
import { createClaimer } from './claim.ts';
import { openConnection } from './connection.ts';
import { createCategories } from './engine.ts';
import type { Engine } from './engine.ts';
import { enqueueBatch } from './enqueue.ts';
import type { EnqueueItem } from './enqueue.ts';
import { asQueueError } from './errors.ts';
import { explainFacts } from './explain.ts';
import { limitOperations } from './limits.ts';
import { addMessage, holderOf, setProgress } from './held.ts';
import { amend, cancel, purge, reprioritise, requeue } from './moves.ts';
import { loadMigrations, migrate } from './migrate.ts';
import type { MigrationReport } from './migrate.ts';
import { ensureLanes, hasLanes } from './orders.ts';
import { readEvents, readInbox, readLogs, readSecurity, readTask, readTasks } from './reads.ts';
import type { Reader } from './reads.ts';
import { backoffIn, read } from './parts.ts';
import type { Parts } from './parts.ts';
import { scheduleOperations } from './schedules.ts';
import { systemOperations } from './system.ts';
import * as book from './registry.ts';
import { heartbeatBatch, heartbeatHeld, settleBatch } from './settle.ts';
import { readCounts } from './stats.ts';
import { Statements } from './statements.ts';
import { perTurn } from './turn.ts';
import { createEnqueueInside } from './transaction.ts';
import { buildWall } from './wall.ts';
import { createWatch } from './watch.ts';
import { Writer } from './writer.ts';

const SQL = new URL('../../../sql/sqlite/', import.meta.url);
const MIGRATIONS = new URL('../../../sql/sqlite/migrations/', import.meta.url);

export interface SqliteOptions extends StoreOptions {
  /** A path, or `:memory:`. */
  readonly file: string;
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Apply missing migrations when opening (default); false refuses an old schema. */
  readonly migrate: boolean;
  /** In place of those of the SQL files. For tests, which change one and look whether anybody notices. */
  readonly statements?: ReadonlyMap<string, NamedStatement>;
}

/** Brings a file's schema up to date, or with `dryRun` only tells what would run. */
export function migrateSqlite(file: string, now: () => number, dryRun: boolean): MigrationReport {
  const db = openConnection({ file, readOnly: false, synchronous: 'FULL', now });
  try {
    return migrate(db, loadMigrations(MIGRATIONS), now(), dryRun);
  } catch (error) {
    throw asQueueError(error);
  } finally {
    db.close();
  }
}

export function openSqliteStore(options: SqliteOptions): Store {
  const db = openConnection({ ...options, readOnly: false });
  try {
    const pending = migrate(db, loadMigrations(MIGRATIONS), options.now(), !options.migrate);
    if (!options.migrate && pending.sql.length > 0)
      throw new QueueError('store_refused', `the schema is at ${pending.from} and needs ${pending.to}: run \`prismq migrate\``);
    return storeOn(db, options);
  } catch (error) {
    db.close();
    throw asQueueError(error);
  }
}

/** The store on a connection of `openConnection` whose schema is there. `openSqliteStore` is what opens one. */
export function storeOn(db: DatabaseSync, options: SqliteOptions): Store {
  const named = options.statements ?? loadStatements(SQL);
  const wall = buildWall(db, options.randomHex(8));
  const st = new Statements(db, wall, named);
  const watch = createWatch(st);
  const writer = new Writer(db, wall, options.busyTimeoutMs, watch.committed);
  const engine: Engine = { db, wall, st, writer, options, now: options.now, activated: (clientId) => claimer.activated(clientId) };
  const sets = createSets(engine);
  const claimer = createClaimer(engine, sets);
  const own: Reader = { st, wall };
  const readers = options.file === ':memory:' ? null : openReader(options, named);
  const parts: Parts = {
    engine,
    sets,
    claimer,
    categories: createCategories(engine),
    reader: readers ?? own,
    own,
    watch,
    inside: createEnqueueInside(engine, options.file, named),
  };
  return {
    capabilities: { renewal: options.file === ':memory:' ? 'loop' : 'thread', file: options.file === ':memory:' ? null : options.file, engine: 'sqlite' },
    now: options.now,
    ...taskOperations(parts),
    ...workerOperations(parts),
    ...bookOperations(parts),
    ...keyOperations(engine, read),
    ...systemOperations(parts),
    schedules: scheduleOperations(parts),
    limits: limitOperations(parts),
    async close() {
      watch.close();
      await writer.close();
      readers?.close();
      if (db.isOpen) db.close();
    },
  };
}

function openReader(options: SqliteOptions, named: ReadonlyMap<string, NamedStatement>): Reader & { close(): void } {
  const db = openConnection({ ...options, readOnly: true });
  const wall = buildWall(db, options.randomHex(8));
  return { st: new Statements(db, wall, named), wall, close: () => db.close() };
}

type TaskOperations = Pick<
  Store,
  'enqueue' | 'enqueueInside' | 'task' | 'tasks' | 'logs' | 'events' | 'counts' | 'explain' | 'cancel' | 'requeue' | 'reprioritise' | 'amend' | 'purge'
>;

function taskOperations(parts: Parts): TaskOperations {
  const { engine, sets, reader } = parts;
  const { writer } = engine;
  return {
    enqueue(scope, tasks, { atomic, createClients }) {
      const items = tasks.map((task) => ({ task, createClient: createClients }));
      // The rows of clients name their own actor, so that batches of many clients run as one.
      const actor = scope.role === 'client' ? null : scope.actor;
      const kind = atomic ? '' : `enqueue ${actor ?? ''}`;
      return writer.submit<EnqueueItem, Result<EnqueueOutcome>>({
        kind,
        items,
        owner: scope.actor,
        run: (all) => enqueueBatch(engine, sets, all, actor, atomic),
      });
    },
    enqueueInside: (scope, tx, tasks, { createClients }) =>
      parts.inside(
        tx,
        tasks.map((task) => ({ task, createClient: createClients })),
        scope.role === 'client' ? null : scope.actor,
      ),
    task: (scope, taskId) => read(() => readTask(parts.own, scope, taskId)),
    tasks: (scope, filter) => read(() => readTasks(reader, scope, filter)),
    logs: (scope, taskId, page) => read(() => readLogs(reader, scope, taskId, page)),
    events: (scope, after, limit) => read(() => readEvents(reader, scope, after, limit)),
    counts: (scope) => read(() => readCounts(reader, scope, engine.now())),
    explain: (_, clientId, taskId) => read(() => explainFacts(engine, clientId, taskId)),
    cancel: (scope, taskId, reason) => writer.one(scope.actor, () => cancel(engine, scope, taskId, reason)),
    requeue: (scope, taskId) => writer.one(scope.actor, () => requeue(engine, scope, taskId)),
    reprioritise: (scope, taskId, priority) => writer.one(scope.actor, () => reprioritise(engine, scope, taskId, priority)),
    amend: (scope, taskId, change) => writer.one(scope.actor, () => amend(engine, scope, taskId, change)),
    purge: (scope, taskId) => writer.one(scope.actor, () => purge(engine, scope, taskId)),
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
  | 'holder'
>;

function workerOperations(parts: Parts): WorkerOperations {
  const { engine } = parts;
  const { writer } = engine;
  const backoffOf = backoffIn(parts);
  return {
    register: (scope, registration) => writer.one(scope.actor, () => book.register(engine, scope, registration)),
    beat: (scope, status) => writer.one(scope.actor, () => book.beat(engine, scope, status)),
    deregister: (scope) => writer.one(scope.actor, () => void book.dropWorker(engine, scope.actor, scope.workerId as string, 'worker.deregister')),
    workers: (scope) => read(() => book.listWorkers(engine, scope)),
    removeWorker: (scope, workerId) => writer.one(scope.actor, () => book.dropWorker(engine, scope.actor, workerId, 'worker.remove')),
    pruneWorkers: (scope, staleMs) => writer.one(scope.actor, () => book.pruneWorkers(engine, scope, staleMs)),
    inbox: async (scope, limit) => {
      if (!hasLanes(engine)) await writer.one(scope.actor, () => ensureLanes(engine));
      return read(() => {
        const worker = engine.st.row('worker_of', { worker_id: scope.workerId as string });
        return worker === undefined ? [] : readInbox(parts.own, scope, worker[0] as number, limit);
      });
    },
    claim: (scope, request) => writer.one(scope.actor, () => parts.claimer.claim(scope, request)),
    heartbeat: (scope, leases, leaseMs) =>
      writer.one(scope.actor, () => (leases === 'all' ? heartbeatHeld(engine, scope, leaseMs) : heartbeatBatch(engine, scope, leases, leaseMs))),
    settle: (scope, items) =>
      writer.submit<Settlement, SettleResult>({
        kind: `settle ${scope.actor}`,
        items,
        owner: scope.actor,
        run: (all) => settleBatch(engine, scope, all, backoffOf),
      }),
    progress: (scope, lease, value) => writer.one(scope.actor, () => setProgress(engine, scope, lease, value)),
    message: (scope, lease, message, details) => writer.one(scope.actor, () => addMessage(engine, scope, lease, message, details)),
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

function bookOperations(parts: Parts): BookOperations {
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
    categories: perTurn(() => read(() => parts.categories())),
    deleteCategory: (scope, pattern) => writer.one(scope.actor, () => book.deleteCategory(engine, scope, pattern)),
    setCategoryMode: (scope, mode) => writer.one(scope.actor, () => book.setCategoryMode(engine, scope, mode)),
    securityEvents: (scope, page) => read(() => readSecurity(parts.reader, scope, page)),
    recordSecurity: (event) =>
      writer.one('security', () => {
        engine.wall.bind({ clients: '*' });
        book.security(engine, event);
      }),
  };
}
