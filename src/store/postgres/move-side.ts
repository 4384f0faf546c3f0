// A database as one side of a move, with the rights of a superuser: row security would hide what is moved.
import { hash } from 'node:crypto';
import { QueueError } from '../../domain/errors.ts';
import { fieldsOf } from '../move/columns.ts';
import type { MovedRow, Value } from '../move/columns.ts';
import type { Marker, MoveSide, MoveSource, MoveTarget, Opening, Reached } from '../move/side.ts';
import { MOVED } from '../move/tables.ts';
import type { EngineName, MovedTable } from '../move/moved-table.ts';
import { SYSTEM } from './acting.ts';
import { createSigner } from './context.ts';
import { loadDriver, newClient } from './driver.ts';
import type { Client } from './driver.ts';
import { asQueueError, isConflict } from './errors.ts';
import { migratePostgres, putSigningKey } from './migrate.ts';
import { CLEAR, RELEASE, STATUS_COUNTS, countOf, holdSql, insertOf, selectOf } from './move-sql.ts';

export interface DatabaseOptions {
  readonly url: string;
  readonly randomHex: (bytes: number) => string;
}

const FIRST = 200;
const MOST = 4000;
const BYTES = 4_000_000;
const TRIES = 5;
const LOCK_TIMEOUT = '10s';
/** A new database has rows of its own there. */
const NOT_EMPTY = ['meta', 'audit_passed', 'audit_anchored'];

/** Without what opens it. */
const shown = (url: string): string => url.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@]*@/, '$1@');

async function connect({ url }: DatabaseOptions): Promise<Client> {
  const client = newClient(await loadDriver(), { connectionString: url, application_name: 'prismq move-store' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const rows = await ask(client, `SELECT rolsuper FROM pg_roles WHERE rolname = session_user`);
    if (!(rows[0]?.[0] as unknown as boolean))
      throw new QueueError('store_refused', 'moving a queue needs the URL of a superuser on PostgreSQL: row security hides its rows from everybody else');
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0`);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw asQueueError(error);
  }
}

async function ask(client: Client, sql: string, values: readonly unknown[] = []): Promise<Value[][]> {
  return (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows as Value[][];
}

const isMade = async (client: Client): Promise<boolean> => (await ask(client, `SELECT to_regclass('prismq.meta') IS NOT NULL`))[0]?.[0] as unknown as boolean;
const settingOf = async (client: Client, key: string): Promise<string | null> =>
  (await isMade(client)) ? (((await ask(client, 'SELECT value FROM prismq.meta WHERE key = $1', [key]))[0]?.[0] as string | undefined) ?? null) : null;
const putSetting = (client: Client, key: string, value: string): Promise<unknown> =>
  client.query('INSERT INTO prismq.meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value', [key, value]);
const dropSettings = (client: Client, ...keys: string[]): Promise<unknown> => client.query('DELETE FROM prismq.meta WHERE key = ANY ($1)', [keys]);

async function transact<T>(client: Client, action: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    await client.query('BEGIN');
    try {
      const answer = await action();
      await client.query('COMMIT');
      return answer;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      const isWaiting = isConflict(error) || (error as { readonly code?: string }).code === '55P03';
      if (!isWaiting || left === 0) throw asQueueError(error);
    }
  }
}

/** `reader` is a connection of its own: a cursor lives in a transaction, and the other one commits beside it. */
function common(client: Client, options: DatabaseOptions): MoveSide {
  return {
    engine: 'postgres',
    name: shown(options.url),
    now: async () => (await ask(client, 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)'))[0]?.[0] as number,
    close: () => client.end(),
    setting: (key) => settingOf(client, key),
    async marker() {
      const text = await settingOf(client, 'move');
      return text === null ? null : (JSON.parse(text) as Marker);
    },
    rows: (table, target, after) => read(options, table, target, after),
    prepareReads: async () => void (await client.query('ANALYZE')),
    rowCount: async (table) => ((await isMade(client)) ? ((await ask(client, countOf(table)))[0]?.[0] as number) : 0),
    statusCounts: async () => (await ask(client, STATUS_COUNTS)).map(([clientId, status, count]) => ({ clientId, status, count }) as never),
  };
}

async function* read(options: DatabaseOptions, table: MovedTable, target: EngineName, after: readonly Value[] | null): AsyncGenerator<readonly MovedRow[]> {
  const client = await connect(options);
  try {
    await client.query('BEGIN READ ONLY');
    await client.query(`DECLARE moved NO SCROLL CURSOR FOR ${selectOf(table, target, after !== null)}`, [...(after ?? [])]);
    for (let most = FIRST; ; ) {
      const rows = await ask(client, `FETCH ${most} FROM moved`);
      if (rows.length === 0) return;
      yield rows;
      const bytes = rows.reduce((sum, row) => sum + row.reduce<number>((of, value) => of + (typeof value === 'string' ? value.length : 8), 0), 0);
      most = Math.max(1, Math.min(MOST, Math.floor((rows.length * BYTES) / Math.max(1, bytes)), most * 4));
    }
  } catch (error) {
    throw asQueueError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Holds the database still for all but this session. */
async function hold(client: Client, marker: Marker, word: string): Promise<void> {
  await client.query(holdSql(marker, hash('sha256', word, 'hex')));
  await putSetting(client, 'move', JSON.stringify(marker));
}

export async function postgresSource(options: DatabaseOptions): Promise<MoveSource> {
  const client = await connect(options);
  const word = options.randomHex(32);
  await client.query(`SET prismq.move_word = '${word}'`);
  return {
    ...common(client, options),
    async unfit() {
      if (!(await isMade(client))) return `there is no queue at ${shown(options.url)}`;
      const { sql } = await migratePostgres(client, { dryRun: true });
      return sql.length === 0 ? null : 'the schema of the database is old: run `prismq migrate` first';
    },
    hold: (marker) =>
      transact(client, async () => {
        if (marker !== null) return hold(client, marker, word);
        await client.query(RELEASE);
        await dropSettings(client, 'move');
      }),
    running: async (nowUtc) => (await ask(client, 'SELECT count(*) FROM prismq.leases WHERE lease_until_utc > $1', [nowUtc]))[0]?.[0] as number,
    settle: () => transact(client, () => numberAll(client, options)),
  };
}

const KID = 'move';
const NUMBERED = 100_000;

/** Numbers what no sealer has numbered yet. Nobody writes any more, so that nothing can come between. */
async function numberAll(client: Client, { randomHex }: DatabaseOptions): Promise<void> {
  const key = { kid: KID, secret: randomHex(32) };
  await putSigningKey(client, key);
  const [seconds] = (await ask(client, 'SELECT floor(extract(epoch FROM clock_timestamp()))'))[0] as [number];
  const token = createSigner(key, () => seconds).sign(SYSTEM, 0);
  for (let numbered = NUMBERED; numbered > 0; ) numbered = (await ask(client, 'SELECT prismq.audit_number($1, $2)', [token, NUMBERED]))[0]?.[0] as number;
  await client.query('DELETE FROM prismq.signing_keys WHERE kid = $1', [KID]);
}

export async function postgresTarget(options: DatabaseOptions): Promise<MoveTarget> {
  const client = await connect(options);
  const word = options.randomHex(32);
  await client.query(`SET prismq.move_word = '${word}'`);
  const side = common(client, options);
  return {
    ...side,
    async taken() {
      if (!(await isMade(client)) || (await side.marker()) !== null) return null;
      for (const table of MOVED) {
        if (NOT_EMPTY.includes(table.name)) continue;
        if ((await side.rowCount(table)) > 0) return `the database has a queue already: prismq.${table.name} is not empty`;
      }
      return null;
    },
    async prepare(marker) {
      await migratePostgres(client);
      // What a crash of the server takes goes with how far it is, and is loaded again: no batch waits for the disk.
      await client.query('SET synchronous_commit = off');
      await transact(client, () => hold(client, marker, word));
    },
    async reached() {
      const text = await settingOf(client, 'move_progress');
      return text === null ? null : (JSON.parse(text) as Reached);
    },
    load: (table, rows, reached) =>
      transact(client, async () => {
        const names = fieldsOf(table, 'postgres').map(({ name }) => name);
        const objects = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
        await client.query({ name: `load_${table.name}`, text: insertOf(table), values: [JSON.stringify(objects)] });
        await putSetting(client, 'move_progress', JSON.stringify(reached));
      }),
    async loaded(marker) {
      await client.query('SET synchronous_commit = on');
      await transact(client, async () => void (await putSetting(client, 'move', JSON.stringify(marker))));
    },
    open: (opening) => transact(client, () => openTarget(client, opening)),
    clear: () => transact(client, async () => void (await client.query(`${CLEAR}; ${RELEASE}`))),
  };
}

async function openTarget(client: Client, { epoch, leasesByMs, movedFrom }: Opening): Promise<void> {
  await client.query('UPDATE prismq.leases SET lease_until_utc = lease_until_utc + $1', [leasesByMs]);
  await putSetting(client, 'restore_epoch', String(epoch));
  await putSetting(client, 'moved_from', movedFrom);
  await dropSettings(client, 'move', 'move_progress');
  await client.query(RELEASE);
}
