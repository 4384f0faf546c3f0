// `import { openQueue } from 'prismq'`: the library in one process. This is a composition root: it wires the engine, the
// service, ids and the clock, and is the only place that knows them all.
import { hash, randomBytes, randomFillSync } from 'node:crypto';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QueueError, unwrap } from './domain/errors.ts';
import { createIds } from './domain/ids.ts';
import { LIMITS, checkInt } from './domain/limits.ts';
import { DEFAULT_BACKOFF } from './domain/retry.ts';
import type { NextCron } from './domain/schedule.ts';
import type { CompileSchema } from './domain/schema.ts';
import type { BackoffPolicy } from './domain/retry.ts';
import type { Strategy } from './domain/strategy.ts';
import type { CheckResult } from './doctor.ts';
import type { Mover } from './moving.ts';
import type { Queue, VerifyToken } from './service/handles.ts';
import type { AnchorOptions } from './anchoring.ts';
import { startBackground } from './background.ts';
import type { RenewalData } from './renewal.ts';
import { AWAITED_STEP } from './sealer.ts';
import type { SealingData } from './sealing.ts';
import { createQueue } from './service/queue.ts';
import { masterKeyOf } from './service/sealed/master.ts';
import type { MasterKey } from './service/sealed/master.ts';
import { refuseSealed } from './service/sealed/watch.ts';
import type { MigrationReport } from './store/sqlite/migrate.ts';
import { migrateSqlite, openSqliteStore } from './store/sqlite/store.ts';
import type { PostgresLogins } from './store/postgres/store.ts';
import type { Store, StoreOptions } from './store/store.ts';

export { QueueError, ERRORS } from './domain/errors.ts';
export type { ErrorCode } from './domain/errors.ts';
export { anchorAll, anchorFile, anchorSigner, newAnchorKey, readAnchors, verifyAnchor } from './anchoring.ts';
export type { Anchor, AnchorOptions, AnchorReading, AnchorSink, Signer } from './anchoring.ts';
export { defineStrategy } from './domain/strategy.ts';
export { defineTask } from './domain/definition.ts';
export { startWorker } from './worker/worker.ts';
export { deadLetter, release, retryIn } from './worker/outcome.ts';
export type * from './service/handles.ts';
export type { MasterKey } from './service/sealed/master.ts';
export type * from './domain/task.ts';
export type { Dependency, DependencyInput, DependencyPolicy, EdgeState } from './domain/dependencies.ts';
export type { BulkEvent } from './domain/bulk.ts';
export type * from './domain/principal.ts';
export type { Explanation, Reason, ReasonCode, Unroutable } from './domain/explain.ts';
export type { Forecast, Miss, Span } from './domain/forecast.ts';
export type { Quota, QuotaInfo } from './domain/quota.ts';
export type { SlaFilter, SlaState } from './domain/sla.ts';
export type { CompileSchema, SchemaTrouble } from './domain/schema.ts';
export type { LimitInfo, LimitInput } from './domain/work-limit.ts';
export type { Missed, NextCron, Schedule, ScheduleInput, ScheduleOptions } from './domain/schedule.ts';
export type { PostgresLogins } from './store/postgres/store.ts';
export type { CheckResult, CheckState } from './doctor.ts';
export type { MovePlaces, MovePlan, MoveReport, MoveStep, MoveWishes, Mover } from './moving.ts';

export interface OpenOptions {
  /** `FULL` (default): a commit survives a power cut. `NORMAL` may lose the last commits at one, never at a crash. */
  readonly synchronous?: 'FULL' | 'NORMAL';
  /** False refuses a client that was not created before; default true: `queue.client(id)` makes it on first use. */
  readonly createClients?: boolean;
  /** Strategies beside the five built in. */
  readonly strategies?: readonly Strategy[];
  /** Largest payload in bytes; default 256,000, at most 1,000,000. */
  readonly payloadBytes?: number;
  /** Back-off of categories that set none; default 1 s doubling to 300 s, ± 10 %. */
  readonly backoff?: BackoffPolicy;
  /** How long ended tasks are kept, ms; default 7 days. */
  readonly retentionMs?: number;
  /** How long the audit of clients without a retention of their own is kept, ms, at least a day; default null: for ever. Only what was anchored goes. */
  readonly auditRetentionMs?: number | null;
  /** Signs the heads of the audit and keeps them elsewhere, while the janitor's steps are done. */
  readonly anchors?: AnchorOptions;
  /** How long a write waits for another process, ms; default 5,000. */
  readonly busyTimeoutMs?: number;
  readonly lanesPerClient?: number;
  /** How often this process does the janitor's steps, ms; default 1,000; 0 never. */
  readonly janitorMs?: number;
  /** False refuses a file whose schema is old instead of bringing it up to date. */
  readonly migrate?: boolean;
  /** The database's clock, ms since the epoch. For tests. */
  readonly now?: () => number;
  /** Uniform in [0, 1), for jitter. For tests. */
  readonly random?: () => number;
  /** Ids of tasks, in place of fresh ones. For tests. */
  readonly newId?: () => string;
  /**
   * The master key for payloads that are sealed at rest: 64 hex digits (several: the current one first), or a service for keys. Every process
   * of one queue has the same.
   */
  readonly masterKey?: string | readonly string[] | MasterKey;
  /** Verifies tokens that are no API keys, for `principalOf`; default: none is taken. */
  readonly verifyToken?: VerifyToken;
  /** For schedules by cron: `cron` of `prismq/cron`. Without it this process fires the others, and leaves those to a server. */
  readonly cron?: NextCron;
  /** For the schemas of categories: `schemas` of `prismq/schemas`. Without it this process enqueues what it is given, whatever the schema says. */
  readonly schemas?: CompileSchema;
  /** Told of what goes wrong in the background. */
  readonly onError?: (error: unknown) => void;
  /** PostgreSQL: most connections of each class of login; default 4. */
  readonly connections?: number;
  /** PostgreSQL behind a pooler that shares backends among transactions: nothing is prepared. */
  readonly pooled?: boolean;
  /** PostgreSQL: a direct URL for LISTEN and NOTIFY, or null for polling alone. Default: the URL of the queue. */
  readonly listenUrl?: string | null;
}

export const isPostgres = (url: unknown): url is string | PostgresLogins => typeof url === 'object' || (typeof url === 'string' && /^postgres(ql)?:/.test(url));

/** The file of a store's URL: a path, `sqlite:path`, a file URL or `:memory:`. */
export function fileOf(url: string): string {
  if (url.startsWith('file:')) return fileURLToPath(url);
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : url;
  if (path === ':memory:') return path;
  if (path === '') throw new QueueError('invalid_input', 'the store is the path of a file, or `:memory:`', { fields: [{ field: 'url', message: 'empty' }] });
  return isAbsolute(path) ? path : resolve(path);
}

/** Brings the schema of a store up to date; with `dryRun` only tells what would run. */
export async function migrateStore(
  url: string,
  { dryRun = false, now = Date.now }: { readonly dryRun?: boolean; readonly now?: () => number } = {},
): Promise<MigrationReport> {
  if (isPostgres(url)) return (await import('./postgres.ts')).migratePostgresUrl(url, dryRun);
  return migrateSqlite(fileOf(url), now, dryRun);
}

/** Moves a queue to another store, shows what that would do, or undoes it: `prismq migrate-store`. */
export const mover = async (): Promise<Mover> => (await import('./moving.ts')).createMover({ isDatabase: isPostgres, fileOf });

/** Looks at a store for what would hurt later: `prismq doctor`. Changes nothing. */
export const examineStore = async (url: string | PostgresLogins): Promise<readonly CheckResult[]> =>
  (await import('./doctor.ts')).checkStore(isPostgres(url) ? { database: url } : { file: fileOf(url) });

const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');

/**
 * Opens a queue. `url` is the path of a SQLite file (made when missing) or `:memory:`; default `prismq.db`. On PostgreSQL it is the
 * logins that `prismq setup` wrote, or one URL for everything, which protects against bugs and not against injection.
 * @throws QueueError `store_unavailable`, `store_corrupt`, `store_newer`, `store_refused`, `store_read_only`
 */
export async function openQueue(url: string | PostgresLogins = 'prismq.db', options: OpenOptions = {}): Promise<Queue> {
  const now = options.now ?? Date.now;
  const { strategies = [], backoff = DEFAULT_BACKOFF, busyTimeoutMs = 5000 } = options;
  const [payloadBytes, lanesPerClient, retentionMs] = [limitOf(options, 'payloadBytes'), limitOf(options, 'lanesPerClient'), limitOf(options, 'retentionMs')];
  const given: StoreOptions = { now, random: options.random ?? Math.random, randomHex, strategies, defaultBackoff: backoff, busyTimeoutMs, lanesPerClient };
  const { store, renewal, sealing } = isPostgres(url) ? await openPostgres(url, options, given) : openFile(url, options, given);
  const masterKey = await masterKeyFor(options, store).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const queue = createQueue(
    {
      store,
      newId: options.newId ?? createIds({ nowMs: now, random: (bytes) => void randomFillSync(bytes) }).next,
      digest: (text) => hash('sha256', text, 'hex'),
      randomHex,
      limits: { payloadBytes, payloadDepth: LIMITS.payloadDepth.default },
      retentionMs,
      auditRetentionMs: auditRetentionOf(options),
      strategies,
      createClients: options.createClients ?? true,
      ...(masterKey === undefined ? {} : { masterKey }),
      ...(options.verifyToken === undefined ? {} : { verifyToken: options.verifyToken }),
      ...(options.cron === undefined ? {} : { cron: options.cron }),
      ...(options.schemas === undefined ? {} : { schemas: options.schemas }),
    },
    { url: typeof url === 'string' ? shownUrl(url) : shownUrl(url.clientUrl), renewal, onClose: () => background?.stop() },
  );
  const step = isPostgres(url) ? AWAITED_STEP : undefined;
  const background = startBackground({ ...options, now }, queue.system(), { seal: store.seal.bind(store), step, thread: sealing });
  return queue;
}

/** A queue with sealed payloads is not opened without what opens them: what it then stored would lie open. */
async function masterKeyFor({ masterKey }: OpenOptions, store: Store): Promise<MasterKey | undefined> {
  if (masterKey !== undefined) return typeof masterKey === 'object' && 'wrap' in masterKey ? masterKey : masterKeyOf(masterKey, randomHex);
  await refuseSealed(store);
  return undefined;
}

/** Without what opens it. */
const shownUrl = (url: string): string => url.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@]*@/, '$1@');

interface Opened {
  readonly store: Store;
  readonly renewal: Queue['renewal'];
  /** What a thread that seals the audit opens; null where it is sealed in the loop. */
  readonly sealing: SealingData | null;
}

/** What a worker's renewal thread loads. */
const renewalOf = (data: RenewalData): { readonly module: string; readonly data: RenewalData } => ({
  module: new URL(import.meta.url.endsWith('.ts') ? './renewal.ts' : './renewal.js', import.meta.url).href,
  data,
});

function openFile(url: string, options: OpenOptions, given: StoreOptions): Opened {
  const file = fileOf(url);
  const { synchronous = 'FULL' } = options;
  const store = openSqliteStore({ ...given, file, synchronous, migrate: options.migrate ?? true });
  const isFile = file !== ':memory:';
  return { store, renewal: (workerId) => (isFile ? renewalOf({ file, workerId, synchronous }) : null), sealing: isFile ? { file } : null };
}

const warned = new Set<string>();
function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  process.emitWarning(message, { type: 'PrismqWarning' });
}

/** What \`prismq setup\` does; see \`prismq/postgres\`. */
export async function setupPostgres(url: string, options: { readonly dedicated: boolean; readonly kept?: string }): Promise<{ readonly lines: string }> {
  const { envLines, parseEnvLines, setupPostgresUrl } = await import('./postgres.ts');
  const kept = options.kept === undefined ? null : parseEnvLines(options.kept);
  const made = await setupPostgresUrl(url, { randomHex, dedicated: options.dedicated, ...(kept === null ? {} : { kept }) });
  return { lines: envLines(made) };
}

/** The SQL of the PostgreSQL schema, for administrators who run it themselves. */
export const printPostgres = async (dedicated: boolean): Promise<string> => (await import('./postgres.ts')).postgresSql(dedicated);

/** Lets a role of the database enqueue for one client from plain SQL, or no longer; by a superuser's URL. */
export const bindSqlRole = async (url: string, role: string, clientId: string, bound: boolean): Promise<void> =>
  (await import('./postgres.ts')).bindSqlRoleUrl(url, role, clientId, bound);

async function openPostgres(url: string | PostgresLogins, options: OpenOptions, given: StoreOptions): Promise<Opened> {
  const { openPostgresStore } = await import('./postgres.ts');
  const pooled = options.pooled ?? false;
  const store = await openPostgresStore({
    ...given,
    connect: url,
    migrate: options.migrate ?? true,
    wallMs: Date.now,
    replacedClock: options.now !== undefined,
    connections: options.connections ?? 4,
    pooled,
    ...(options.listenUrl === undefined ? {} : { listenUrl: options.listenUrl }),
    onError: (error) => options.onError?.(error),
    warn: warnOnce,
  });
  // A thread knows no clock of a test.
  return { store, renewal: (workerId) => (options.now === undefined ? renewalOf({ connect: url, pooled, workerId }) : null), sealing: null };
}

const auditRetentionOf = ({ auditRetentionMs = null }: OpenOptions): number | null =>
  auditRetentionMs === null ? null : unwrap(checkInt('auditRetentionMs', auditRetentionMs, 'auditRetentionMs'));

/** As given, inside of its bounds, or the default. */
function limitOf(options: OpenOptions, name: 'payloadBytes' | 'lanesPerClient' | 'retentionMs'): number {
  const given = options[name];
  return given === undefined ? LIMITS[name].default : unwrap(checkInt(name, given, name));
}
