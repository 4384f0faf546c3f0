// The PostgreSQL engine behind the port: opens the pools of the three classes of login and wires the parts.
import { QueueError } from '../../domain/errors.ts';
import type { DatabaseCapabilities } from '../database.ts';
import type { Store, StoreOptions } from '../store.ts';
import { SYSTEM } from './acting.ts';
import { createNumbering } from './audit.ts';
import { Batches } from './batches.ts';
import { probeCapabilities } from './capabilities.ts';
import { createClaimer } from './claim.ts';
import type { Claimer } from './claim.ts';
import { createSigner } from './context.ts';
import type { SigningKey } from './context.ts';
import { loadDriver } from './driver.ts';
import type { Driver } from './driver.ts';
import { requireSafe } from './doctor.ts';
import type { Engine } from './engine.ts';
import { migratePostgres, putSigningKey, readSigningKey, withClient } from './migrate.ts';
import { Pool } from './pool.ts';
import { Watch } from './watch.ts';
import { wire } from './operations.ts';

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
  const { offsetMs, database } = await getAcquainted(driver, urls.adminUrl, options);
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
  const listenUrl = database.notifications === 'poll' ? null : options.listenUrl === undefined ? urls.clientUrl : options.listenUrl;
  const watch = new Watch({
    driver,
    url: listenUrl,
    onError: options.onError,
    reachOf: (workerId, request) => claimer.reachOf(workerId, request),
    nextDueIn: async () => (await pools.admin.row('next_due', SYSTEM))?.[0] as number | null,
  });
  const engine: Engine = {
    pools,
    signer,
    batches: new Batches((touched) => watch.committed(touched)),
    options,
    number: createNumbering(pools.admin),
    now: options.replacedClock ? options.now : () => Math.floor(options.wallMs() + offsetMs),
  };
  const claimer: Claimer = createClaimer(engine);
  return wire(engine, claimer, watch, database, options.replacedClock);
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

/** The database's clock minus this process's, ms, and what the server can do. */
async function getAcquainted(
  driver: Driver,
  url: string,
  options: PostgresOptions,
): Promise<{ readonly offsetMs: number; readonly database: DatabaseCapabilities }> {
  return withClient(driver, url, async (client) => {
    const database = await probeCapabilities(client);
    const rows = (await client.query({ text: 'SELECT extract(epoch FROM clock_timestamp()) * 1000', rowMode: 'array' })).rows as [number][];
    return { offsetMs: (rows[0]?.[0] ?? options.wallMs()) - options.wallMs(), database };
  });
}
