// The schema `prismq`: migrations run once and in order, functions, policies and views are made anew when their text changed. One
// advisory lock holds for all of it, and all of it is one transaction.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { QueueError } from '../../domain/errors.ts';
import { keyPads } from './context.ts';
import type { SigningKey } from './context.ts';
import { newClient } from './driver.ts';
import type { Client, Driver } from './driver.ts';
import { asQueueError } from './errors.ts';

const SQL = new URL('../../../sql/postgres/', import.meta.url);
const LOCK = 7_270_771_902;

export interface PostgresMigration {
  readonly from: number;
  readonly to: number;
  /** What ran, or would run. */
  readonly sql: readonly { readonly number: number; readonly name: string; readonly sql: string }[];
}

interface Script {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly digest: string;
}

const read = (folder: URL): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export function loadScripts(): { readonly roles: string; readonly migrations: readonly Script[]; readonly functions: string } {
  const migrations = new URL('migrations/', SQL);
  const functions = new URL('functions/', SQL);
  return {
    roles: readFileSync(new URL('roles.sql', SQL), 'utf8'),
    migrations: read(migrations).map((name) => {
      const text = readFileSync(new URL(name, migrations), 'utf8');
      return { number: Number.parseInt(name, 10), name, text, digest: digestOf(text) };
    }),
    functions: read(functions)
      .map((name) => readFileSync(new URL(name, functions), 'utf8'))
      .join('\n'),
  };
}

/** Everything that an administrator would run by hand, in order. */
export function printSql(): string {
  const { roles, migrations, functions } = loadScripts();
  return [roles, ...migrations.map((script) => script.text), functions].join('\n');
}

export async function withClient<T>(driver: Driver, url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = newClient(driver, { connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw asQueueError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const DONE = `SELECT to_regclass('prismq.schema_migrations') IS NOT NULL`;

/** Which migrations ran, and the digest of the functions. */
async function stateOf(client: Client): Promise<{ readonly done: ReadonlyMap<number, string>; readonly functions: string | null }> {
  const there = (await client.query({ text: DONE, rowMode: 'array' })).rows[0]?.[0] as boolean;
  if (!there) return { done: new Map(), functions: null };
  const rows = (await client.query({ text: 'SELECT number, digest FROM prismq.schema_migrations', rowMode: 'array' })).rows as [number, string][];
  return { done: new Map(rows.filter(([number]) => number > 0)), functions: rows.find(([number]) => number === 0)?.[1] ?? null };
}

/** Brings the schema up to date, or with `dryRun` only tells what would run. The login is a superuser, or owns what it made before. */
export async function migratePostgres(client: Client, { dryRun = false }: { readonly dryRun?: boolean } = {}): Promise<PostgresMigration> {
  const scripts = loadScripts();
  const newest = scripts.migrations.at(-1)?.number ?? 0;
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
    const { done, functions } = await stateOf(client);
    const from = Math.max(0, ...done.keys());
    if (from > newest) throw new QueueError('store_newer', `the schema is at ${from}, and this program knows ${newest}: use a newer program`);
    for (const script of scripts.migrations) {
      const before = done.get(script.number);
      if (before !== undefined && before !== script.digest)
        throw new QueueError('store_refused', `migration ${script.name} is not the one that ran here: it must never be changed`);
    }
    const missing = scripts.migrations.filter((script) => !done.has(script.number));
    const digest = digestOf(scripts.functions);
    const sql = [
      ...(from === 0 ? [{ number: 0, name: 'roles.sql', sql: scripts.roles }] : []),
      ...missing.map(({ number, name, text }) => ({ number, name, sql: text })),
      ...(digest === functions ? [] : [{ number: newest, name: 'functions', sql: scripts.functions }]),
    ];
    if (!dryRun && sql.length > 0) {
      await client.query(sql.map((script) => script.sql).join('\n'));
      await client.query('CREATE TABLE IF NOT EXISTS prismq.schema_migrations (number integer PRIMARY KEY, digest text NOT NULL)');
      await client.query('ALTER TABLE prismq.schema_migrations ENABLE ROW LEVEL SECURITY');
      await client.query('ALTER TABLE prismq.schema_migrations FORCE ROW LEVEL SECURITY');
      const record = 'INSERT INTO prismq.schema_migrations (number, digest) VALUES ($1, $2) ON CONFLICT (number) DO UPDATE SET digest = excluded.digest';
      for (const script of missing) await client.query(record, [script.number, script.digest]);
      await client.query(record, [0, digest]);
    }
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    return { from, to: newest, sql };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** The signing key `kid`, made when it is not there. The database can not tell a secret that it has: it keeps the pads. */
export async function putSigningKey(client: Client, key: SigningKey): Promise<void> {
  const { inner, outer } = keyPads(key.secret);
  await client.query(
    'INSERT INTO prismq.signing_keys (kid, ikey, okey) VALUES ($1, $2, $3) ON CONFLICT (kid) DO UPDATE SET ikey = excluded.ikey, okey = excluded.okey',
    [key.kid, inner, outer],
  );
}

/** The secret of a key, for a login that may read it: the pads are xor'ed back. */
export async function readSigningKey(client: Client, kid: string): Promise<SigningKey | null> {
  const rows = (await client.query({ text: `SELECT encode(ikey, 'hex') FROM prismq.signing_keys WHERE kid = $1`, values: [kid], rowMode: 'array' })).rows as [
    string,
  ][];
  const inner = rows[0]?.[0];
  if (inner === undefined) return null;
  const block = Buffer.from(inner, 'hex').map((byte) => byte ^ 0x36);
  return { kid, secret: Buffer.from(block.subarray(0, 32)).toString('hex') };
}
