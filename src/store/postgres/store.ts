// The PostgreSQL engine behind the port: opens the pools of the three classes of login and wires the parts.
import { QueueError } from '../../domain/errors.ts';
import { summaryOf } from '../numbers.ts';
import type { Store, StoreOptions } from '../store.ts';
import { SYSTEM } from './acting.ts';
import { keyOperations } from './api-keys.ts';
import { auditOperations, createNumbering } from './audit.ts';
import { cutOperations } from './cuts.ts';
import { Batches } from './batches.ts';
import * as book from './book.ts';
import { createClaimer } from './claim.ts';
import type { Claimer } from './claim.ts';
import { createSigner } from './context.ts';
import type { SigningKey } from './context.ts';
import { loadDriver } from './driver.ts';
import type { Driver } from './driver.ts';
import { requireSafe } from './doctor.ts';
import type { Engine } from './engine.ts';
import { enqueue } from './enqueue.ts';
import { migratePostgres, putSigningKey, readSigningKey, withClient } from './migrate.ts';
import { amendment, moveTask } from './moves.ts';
import { Pool } from './pool.ts';
import { readCounts, readEvents, readInbox, readLogs, readSecurity, readTask, readTasks } from './reads.ts';
import { addMessage, heartbeat, holderOf, setProgress, settle } from './settle.ts';
import { enqueueInside } from './transaction.ts';
import { Watch } from './watch.ts';

/** One login a class and the key that the gateway signs with, as `prismq setup` writes them. */
export interface PostgresLogins {
  readonly clientUrl: string;
  readonly workerUrl: string;
  readonly adminUrl: string;
  /** `KID:HEX`. */
  readonly signingKey: string;
}

export interface PostgresOptions extends StoreOptions {
  /** One URL is one login for everything: it protects against bugs, not against injection. */
  readonly connect: string | PostgresLogins;
  readonly migrate: boolean;
  /** The process's clock, which the token's expiry is reckoned from; corrected by the database's. */
  readonly wallMs: () => number;
  /** The clock of `now` is a test's: the database is told of it before every statement, where its `now_ms` was replaced. */
  readonly replacedClock: boolean;
  /** Most connections of each class. */
  readonly connections: number;
  /** Behind a pooler that shares backends among transactions: nothing prepared, tokens for any backend. */
  readonly pooled: boolean;
  /** Where to LISTEN: a direct connection. Null: polling alone. Default: the client's URL. */
  readonly listenUrl?: string | null;
  readonly onError: (error: unknown) => void;
  /** Told what an administrator should know. */
  readonly warn: (message: string) => void;
}

const SINGLE_KID = 'single';
const SINGLE = 'one database URL for everything protects tenants against bugs, not against SQL injection: `prismq setup` makes a login for each class';

async function requireSafeLogins(driver: Driver, { clientUrl, workerUrl, adminUrl }: PostgresLogins, warn: (message: string) => void): Promise<void> {
  for (const [name, url] of [
    ['client', clientUrl],
    ['worker', workerUrl],
    ['admin', adminUrl],
  ] as const)
    await withClient(driver, url, (client) => requireSafe(client, name, warn));
}

/** Opens the store. @throws QueueError `store_unavailable`, `store_refused`, `store_newer` */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  const driver = await loadDriver();
  const single = typeof options.connect === 'string';
  if (single && options.pooled)
    throw new QueueError(
      'invalid_input',
      'pooled: one URL for everything takes its roles by the session, which a pooler shares: give the logins that `prismq setup` makes',
      {
        fields: [{ field: 'pooled', message: 'not with one URL' }],
      },
    );
  const key = typeof options.connect === 'string' ? await openSingle(driver, options.connect, options) : parseKey(options.connect.signingKey);
  if (typeof options.connect !== 'string') await requireSafeLogins(driver, options.connect, options.warn);
  else options.warn(SINGLE);
  const urls = typeof options.connect === 'string' ? { clientUrl: options.connect, workerUrl: options.connect, adminUrl: options.connect } : options.connect;
  const offsetMs = await clockOffset(driver, urls.adminUrl, options);
  const signer = createSigner(key, () => (options.wallMs() + offsetMs) / 1000);
  const pool = (url: string, name: string): Pool =>
    new Pool({
      driver,
      url,
      size: options.connections,
      role: single ? `prismq_${name}` : null,
      signer,
      pooled: options.pooled,
      before: options.replacedClock ? () => `SET prismq.now = '${Math.floor(options.now())}'` : null,
      onError: options.onError,
    });
  const pools = { client: pool(urls.clientUrl, 'client'), worker: pool(urls.workerUrl, 'worker'), admin: pool(urls.adminUrl, 'admin') };
  const listenUrl = options.listenUrl === undefined ? urls.clientUrl : options.listenUrl;
  const watch = new Watch({ driver, url: listenUrl, onError: options.onError });
  const engine: Engine = {
    pools,
    signer,
    batches: new Batches(() => watch.committed()),
    options,
    number: createNumbering(pools.admin),
    now: options.replacedClock ? options.now : () => Math.floor(options.wallMs() + offsetMs),
  };
  const claimer = createClaimer(engine);
  return wire(engine, claimer, watch, options.replacedClock);
}

/** The single login migrates, and reads or makes the key that it signs with. */
async function openSingle(driver: Driver, url: string, options: PostgresOptions): Promise<SigningKey> {
  return withClient(driver, url, async (client) => {
    const pending = await migratePostgres(client, { dryRun: !options.migrate });
    if (!options.migrate && pending.sql.length > 0)
      throw new QueueError('store_refused', `the schema is at ${pending.from} and needs ${pending.to}: run \`prismq migrate\``);
    const known = await readSigningKey(client, SINGLE_KID);
    if (known !== null) return known;
    const made = { kid: SINGLE_KID, secret: options.randomHex(32) };
    await client.query('BEGIN');
    // Of two processes that start at once, the second takes the key of the first.
    await client.query('LOCK TABLE prismq.signing_keys IN EXCLUSIVE MODE');
    const other = await readSigningKey(client, SINGLE_KID);
    if (other === null) await putSigningKey(client, made);
    await client.query('COMMIT');
    return other ?? made;
  });
}

function parseKey(text: string): SigningKey {
  const match = /^([a-z0-9]{1,32}):([0-9a-f]{64})$/.exec(text);
  if (match === null)
    throw new QueueError('invalid_input', 'signingKey: give KID:HEX as `prismq setup` wrote it', { fields: [{ field: 'signingKey', message: 'not a key' }] });
  return { kid: match[1] as string, secret: match[2] as string };
}

/** The database's clock minus this process's, ms. */
async function clockOffset(driver: Driver, url: string, options: PostgresOptions): Promise<number> {
  return withClient(driver, url, async (client) => {
    const rows = (await client.query({ text: 'SELECT extract(epoch FROM clock_timestamp()) * 1000', rowMode: 'array' })).rows as [number][];
    return (rows[0]?.[0] ?? options.wallMs()) - options.wallMs();
  });
}

function wire(engine: Engine, claimer: Claimer, watch: Watch, replacedClock: boolean): Store {
  const { pools } = engine;
  return {
    capabilities: { renewal: replacedClock ? 'loop' : 'thread', file: null, engine: 'postgres' },
    now: engine.now,
    ...taskOperations(engine, claimer, watch),
    ...workerOperations(engine, claimer),
    ...bookOperations(engine),
    ...keyOperations(engine),
    ...auditOperations(engine),
    ...cutOperations(engine),
    async tick({ retentionMs }) {
      const row = (await pools.admin.row('tick', SYSTEM, { retention_ms: retentionMs, backoff: JSON.stringify(engine.options.defaultBackoff) })) as number[];
      const [expired = 0, promoted = 0, buried = 0, lapsed = 0, purged = 0] = row;
      if (expired + promoted > 0) watch.committed();
      return { expired, promoted, buried, lapsed, purged };
    },
    auditSummary: async () => summaryOf(await pools.admin.row('audit_steps', SYSTEM)),
    changed: (timeoutMs, signal) => watch.changed(timeoutMs, async () => (await pools.admin.row('next_due', SYSTEM))?.[0] as number | null, signal),
    async close() {
      await engine.batches.close();
      await watch.close();
      await Promise.all(Object.values(pools).map((pool) => pool.close()));
    },
  };
}

type TaskOperations = Pick<
  Store,
  'enqueue' | 'enqueueInside' | 'task' | 'tasks' | 'logs' | 'events' | 'counts' | 'cancel' | 'requeue' | 'reprioritise' | 'amend' | 'purge'
>;

function taskOperations(engine: Engine, claimer: Claimer, watch: Watch): TaskOperations {
  const told = async <T>(moving: Promise<T>): Promise<T> => {
    const answer = await moving;
    watch.committed();
    return answer;
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
    logs: (scope, taskId, page) => readLogs(engine, scope, taskId, page),
    events: (scope, after, limit) => readEvents(engine, scope, after, limit),
    counts: (scope) => readCounts(engine, scope, engine.now()),
    cancel: (scope, taskId, reason) => told(moveTask(engine, scope, taskId, 'cancel', { reason })),
    requeue: (scope, taskId) => told(moveTask(engine, scope, taskId, 'requeue', {})),
    reprioritise: (scope, taskId, priority) => moveTask(engine, scope, taskId, 'reprioritise', { priority }),
    amend: (scope, taskId, change) => moveTask(engine, scope, taskId, 'amend', amendment(change)),
    purge: (scope, taskId) => moveTask(engine, scope, taskId, 'purge', {}),
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

function workerOperations(engine: Engine, claimer: Claimer): WorkerOperations {
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
    claim: (scope, request) => claimer.claim(scope, request),
    heartbeat: (scope, leases, leaseMs) => heartbeat(engine, scope, leases, leaseMs),
    settle: (scope, items) => settle(engine, scope, items),
    progress: (scope, lease, value) => setProgress(engine, scope, lease, value),
    message: (scope, lease, message, details) => addMessage(engine, scope, lease, message, details),
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

function bookOperations(engine: Engine): BookOperations {
  return {
    createClient: (scope, clientId, weight) => book.createClient(engine, scope, clientId, weight),
    clients: (scope) => book.listClients(engine, scope),
    updateClient: (scope, clientId, change) => book.updateClient(engine, scope, clientId, change),
    createGrant: (scope, grantId, workerId, grant) => book.createGrant(engine, scope, grantId, workerId, grant),
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
