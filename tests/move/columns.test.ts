// What is moved is one table: every table and column of either schema is in it, or is named as left behind with the reason.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { loadMigrations } from '../../src/store/sqlite/migrate.ts';
import { columnOf } from '../../src/store/sqlite/move-sql.ts';
import { MOVED, NOT_MOVED } from '../../src/store/move/tables.ts';
import type { EngineName, MovedTable } from '../../src/store/move/moved-table.ts';
import { startServer } from '../postgres/server.ts';

type Schema = ReadonlyMap<string, readonly string[]>;

/** The columns of a table of that engine, as the table of what is moved has them. */
function columnsIn(engine: EngineName, table: MovedTable): readonly string[] {
  const shared = Object.keys(table.columns).filter((name) => !(engine === 'sqlite' && table.ofTask === true && name === 'task_id'));
  const named = shared.filter((name) => !(engine === 'postgres' && table.chain !== undefined && name === 'id'));
  return [
    ...named.map((name) => (engine === 'sqlite' ? columnOf(table, name) : name)),
    ...(engine === 'sqlite' && table.ofTask === true ? ['task_no'] : []),
    ...(table.ofLane === true ? [engine === 'sqlite' ? 'lane_id' : 'lane_no'] : []),
    ...Object.entries(table.extras ?? {}).flatMap(([name, extra]) => (extra.for === engine ? [name] : [])),
    ...(engine === 'sqlite' ? (table.made?.sqlite ?? []) : Object.keys(table.made?.postgres ?? {})),
  ].toSorted();
}

function assertWhole(engine: EngineName, schema: Schema): void {
  for (const [name, columns] of schema) {
    const table = MOVED.find((one) => one.name === name);
    if (table === undefined)
      assert.ok(name in NOT_MOVED[engine], `${engine}: the table ${name} is neither moved nor named as left behind: src/store/move/tables.ts`);
    else assert.deepEqual(columns.toSorted(), columnsIn(engine, table), `${engine}: the columns of ${name}: src/store/move/tables.ts`);
  }
  for (const name of [...MOVED.map((table) => table.name), ...Object.keys(NOT_MOVED[engine])])
    assert.ok(schema.has(name), `${engine}: there is no table ${name}`);
}

function sqliteSchema(): Map<string, readonly string[]> {
  const db = new DatabaseSync(':memory:');
  for (const { sql } of loadMigrations(new URL('../../sql/sqlite/migrations/', import.meta.url))) db.exec(sql);
  db.exec('CREATE TABLE schema_migrations (number INTEGER)');
  const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'`).all() as { name: string }[];
  return new Map(tables.map(({ name }) => [name, (db.prepare(`PRAGMA table_info(${name})`).all() as { name: string }[]).map((column) => column.name)]));
}

test('every table and column of the SQLite schema is moved, or named as left behind', () => assertWhole('sqlite', sqliteSchema()));

test('a table, and a column, that nobody named is noticed', () => {
  const schema = sqliteSchema();
  assert.throws(() => assertWhole('sqlite', new Map([...schema, ['webhooks', ['id']]])), /webhooks is neither moved/);
  assert.throws(() => assertWhole('sqlite', new Map([...schema, ['tasks', [...(schema.get('tasks') ?? []), 'colour']]])), /the columns of tasks/);
  assert.throws(() => assertWhole('sqlite', new Map([...schema].filter(([name]) => name !== 'leases'))), /no table leases/);
});

const server = await startServer();
test('every table and column of the PostgreSQL schema is moved, or named as left behind', { skip: server === null }, async (t) => {
  if (server === null) return;
  t.after(() => server.stop());
  const url = await server.database();
  const rows = await server.query(
    url,
    `SELECT c.relname, array_to_json(array_agg(a.attname))::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.relname`,
  );
  assertWhole('postgres', new Map(rows.map(([name, columns]) => [name as string, JSON.parse(columns as string) as string[]])));
});
