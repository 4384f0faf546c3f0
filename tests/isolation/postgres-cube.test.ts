// The access cube through HTTP on PostgreSQL: the same rows, the same answers. The world is made once and put back for each test
// that may change it; it is asked as the two clients by turns.
import { after, before, describe } from 'node:test';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { cube } from '../http/cube/suite.ts';
import { MASTER_KEY, NOW, fill } from '../http/cube/world.ts';
import type { Ground, Rows, World } from '../http/cube/world.ts';
import { CLIENTS, serve } from '../http/stand.ts';
import type { Rig } from '../http/stand.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';

/** What was made is told as an event when nothing can come before it any more. */
const LATER_MS = 10_000;
/** What is about the schema, and not what anybody did; and numbers, which whoever reads first gives to all. */
const ASIDE = ['schema_migrations', 'signing_keys'];
const NUMBERS = ['audit_numbers', 'audit_last', 'audit_passed'];

type Closing = Pick<TestContext, 'after'>;
const tablesOf = async (owner: pg.Client): Promise<string[]> => {
  const found = await owner.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = 'prismq'::regnamespace AND relkind = 'r' AND NOT relname = ANY($1) ORDER BY relname`,
    [ASIDE],
  );
  return found.rows.map(({ relname }) => relname);
};

/** By table and client, as on a file. When a key was last used is no answer's business. */
async function rowsIn(owner: pg.Client, tables: readonly string[]): Promise<Rows> {
  const each = tables.map((table) => `SELECT '${table}' AS name, to_jsonb(t) - 'last_used_at_utc' AS line FROM prismq.${table} t`);
  const found = await owner.query<{ name: string; line: Readonly<Record<string, unknown>> }>(`${each.join(' UNION ALL ')} ORDER BY 1, 2`);
  const rows: Record<string, Record<string, string[]>> = Object.fromEntries(tables.map((table) => [table, {}]));
  for (const { name, line } of found.rows) ((rows[name] ??= {})[(line['client_id'] as string | null | undefined) ?? ''] ??= []).push(JSON.stringify(line));
  return rows;
}

/** Ids are made here, so no caller can choose one; rows that bear another's are made so by the superuser. */
async function sameIds(owner: pg.Client, tables: readonly string[], twins: World['twins']): Promise<World['twins']> {
  const { taskId, endedId } = twins.acme;
  await owner.query(`SET session_replication_role = replica`);
  for (const table of tables) {
    const has = await owner.query(`SELECT FROM information_schema.columns WHERE table_schema = 'prismq' AND table_name = $1 AND column_name = 'task_id'`, [
      table,
    ]);
    if (has.rowCount === 0) continue;
    for (const [from, to] of [
      [twins.globex.taskId, taskId],
      [twins.globex.endedId, endedId],
    ])
      await owner.query(`UPDATE prismq.${table} SET task_id = $2 WHERE client_id = 'globex' AND task_id = $1`, [from, to]);
  }
  return { acme: twins.acme, globex: { ...twins.globex, taskId, endedId } };
}

async function onDatabase(t: Closing, server: Server): Promise<Ground> {
  const url = await server.database();
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  t.after(() => owner.end());
  const open = (one: Closing, isMade = true): Promise<Rig> =>
    serve(one, { store: { url, isMade }, open: { now: () => (isMade ? NOW + LATER_MS : NOW), connections: 2, listenUrl: null, masterKey: MASTER_KEY } });
  const closing: (() => unknown)[] = [];
  const made = await fill(await open({ after: (close: () => unknown) => void closing.push(close) } as unknown as Closing, false));
  for (const close of closing) await close();
  const tables = await tablesOf(owner);
  const world = { ...made, twins: await sameIds(owner, tables, made.twins) };
  await owner.query(`CREATE SCHEMA saved; ${tables.map((table) => `CREATE TABLE saved.${table} AS TABLE prismq.${table}`).join('; ')}`);
  const back = `BEGIN; ${tables.map((table) => `DELETE FROM prismq.${table}`).join('; ')}; ${tables
    .map((table) => `INSERT INTO prismq.${table} OVERRIDING SYSTEM VALUE SELECT * FROM saved.${table}`)
    .join('; ')}; COMMIT`;
  let turn = 0;
  let isChanged = false;
  const shown = tables.filter((table) => !NUMBERS.includes(table));
  return {
    world,
    server: (one) => open(one),
    async fresh(one) {
      await owner.query(back);
      isChanged = true;
      return open(one);
    },
    async refusing(one) {
      if (isChanged) await owner.query(back);
      isChanged = false;
      return open(one);
    },
    rowsOf: () => rowsIn(owner, shown),
    sides: () => [CLIENTS[turn++ % CLIENTS.length] as (typeof CLIENTS)[number]],
  };
}

describe('the access cube on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  before(async () => {
    server = await startServer();
  });
  cube((t) => onDatabase(t, server as Server));
  after(() => server?.stop());
});
