// A file as one side of a move, with the rights of its owner. A target is filled beside its name and renamed when it is whole.
import { existsSync, renameSync, rmSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { capabilityKey, covers } from '../../domain/capability.ts';
import { QueueError } from '../../domain/errors.ts';
import type { Compatibility, WorkerCapabilities } from '../../domain/task.ts';
import { fieldsOf, placesOf } from '../move/columns.ts';
import type { MovedRow, Value } from '../move/columns.ts';
import { heldBy, heldText } from '../move/held.ts';
import type { Marker, MoveSide, MoveSource, MoveTarget, Opening, Reached } from '../move/side.ts';
import { MOVED } from '../move/tables.ts';
import type { EngineName, MovedTable } from '../move/moved-table.ts';
import { grantOf } from '../rows.ts';
import { openConnection } from './connection.ts';
import { asQueueError } from './errors.ts';
import { loadMigrations, migrate } from './migrate.ts';
import { HELD, STATUS_COUNTS, countOf, holdTriggers, insertOf, selectOf } from './move-sql.ts';

const MIGRATIONS = new URL('../../../sql/sqlite/migrations/', import.meta.url);
const ROWS = 1000;
const BYTES = 4_000_000;
/** Of an id that PostgreSQL takes as it is. */
const UUID =
  '[0-9a-f]'.repeat(8) + ['[0-9a-f]'.repeat(4), '[0-9a-f]'.repeat(4), '[0-9a-f]'.repeat(4), '[0-9a-f]'.repeat(12)].map((part) => `-${part}`).join('');

export interface FileOptions {
  readonly file: string;
  readonly now: () => number;
}

function open({ file, now }: FileOptions): DatabaseSync {
  const db = openConnection({ file, readOnly: false, synchronous: 'FULL', now });
  // What is sorted goes to disk: a move has a bounded memory.
  db.exec('PRAGMA temp_store = FILE');
  return db;
}

function all(db: DatabaseSync, sql: string, ...values: SQLInputValue[]): Value[][] {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return statement.all(...values) as unknown as Value[][];
}

const settingOf = (db: DatabaseSync, key: string): string | null =>
  (all(db, 'SELECT value FROM meta WHERE key = ?', key)[0]?.[0] as string | undefined) ?? null;
const putSetting = (db: DatabaseSync, key: string, value: string): void =>
  void db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value);
const dropSetting = (db: DatabaseSync, key: string): void => void db.prepare('DELETE FROM meta WHERE key = ?').run(key);

/** What every side does. `db` is asked for at each call: a target has none before it is prepared. */
function common(name: string, now: () => number, db: () => DatabaseSync | null): MoveSide {
  const there = (): DatabaseSync => {
    const found = db();
    if (found === null) throw new QueueError('internal', 'the file is not open');
    return found;
  };
  return {
    engine: 'sqlite',
    name,
    now: async () => now(),
    close: async () => db()?.close(),
    setting: async (key) => (isMade(db()) ? settingOf(there(), key) : null),
    async marker() {
      const text = isMade(db()) ? settingOf(there(), 'move') : null;
      return text === null ? null : (JSON.parse(text) as Marker);
    },
    rows: (table, target, after) => read(there(), table, target, after),
    // The one that a client's list has, once somebody lists.
    prepareReads: async () => there().exec('CREATE INDEX IF NOT EXISTS tasks_of_client ON tasks (client_id, task_id)'),
    rowCount: async (table) => all(there(), countOf(table))[0]?.[0] as number,
    statusCounts: async () => all(there(), STATUS_COUNTS).map(([clientId, status, count]) => ({ clientId, status, count }) as never),
  };
}

async function* read(db: DatabaseSync, table: MovedTable, target: EngineName, after: readonly Value[] | null): AsyncGenerator<readonly MovedRow[]> {
  const statement = db.prepare(selectOf(table, target, after !== null));
  statement.setReturnArrays(true);
  let rows: MovedRow[] = [];
  let bytes = 0;
  for (const row of statement.iterate(...((after ?? []) as SQLInputValue[])) as unknown as Iterable<MovedRow>) {
    rows.push(row);
    for (const value of row) if (typeof value === 'string') bytes += value.length;
    if (rows.length < ROWS && bytes < BYTES) continue;
    yield rows;
    rows = [];
    bytes = 0;
  }
  if (rows.length > 0) yield rows;
}

function transact(db: DatabaseSync, action: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    action();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw asQueueError(error);
  }
}

/** Whether the schema is there. */
const isMade = (db: DatabaseSync | null): boolean => db !== null && tablesOf(db).includes('meta');

const tablesOf = (db: DatabaseSync): string[] =>
  all(db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`).map(([name]) => name as string);

export function sqliteSource(options: FileOptions): MoveSource {
  if (!existsSync(options.file)) throw new QueueError('store_unavailable', `there is no queue at ${options.file}`);
  const db = open(options);
  return {
    ...common(options.file, options.now, () => db),
    async unfit() {
      const { sql } = migrate(db, loadMigrations(MIGRATIONS), options.now(), true);
      if (sql.length > 0) return `the schema of ${options.file} is old: run \`prismq migrate\` first`;
      const odd = all(db, `SELECT client_id, task_id FROM tasks WHERE task_id NOT GLOB '${UUID}' LIMIT 1`)[0];
      return odd === undefined ? null : `the task ${odd[1]} of ${odd[0]} has an id that is no UUID`;
    },
    hold: async (marker) =>
      transact(db, () => {
        for (const [name] of all(db, HELD)) db.exec(`DROP TRIGGER ${name}`);
        if (marker === null) return dropSetting(db, 'move');
        const kind = marker.state === 'draining' ? 'claims' : 'writes';
        for (const sql of holdTriggers(tablesOf(db), kind, heldText(heldBy(marker)))) db.exec(sql);
        putSetting(db, 'move', JSON.stringify(marker));
      }),
    running: async (nowUtc) => all(db, 'SELECT count(*) FROM leases WHERE lease_until_utc > ?', nowUtc)[0]?.[0] as number,
    settle: async () => undefined,
  };
}

export function sqliteTarget(options: FileOptions): MoveTarget {
  const beside = `${options.file}.moving`;
  let db: DatabaseSync | null = existsSync(beside) ? open({ ...options, file: beside }) : null;
  // Stopped between the last commit and the name.
  if (db !== null && isMade(db) && settingOf(db, 'moved_from') !== null && settingOf(db, 'move') === null) {
    rename(db, beside, options.file);
    db = null;
  }
  // A move that ended already: what it left is read.
  const ended = db === null && existsSync(options.file) ? open(options) : null;
  const there = (): DatabaseSync => db as DatabaseSync;
  const side = common(options.file, options.now, () => db ?? ended);
  return {
    ...side,
    taken: async () => (existsSync(options.file) ? `there is a file ${options.file}: give a name that is free` : null),
    async prepare(marker) {
      db ??= open({ ...options, file: beside });
      migrate(db, loadMigrations(MIGRATIONS), options.now(), false);
      // The move can be begun anew: nothing is lost with what is not on the disk yet. Opening waits for it.
      db.exec('PRAGMA synchronous = NORMAL');
      transact(db, () => putSetting(there(), 'move', JSON.stringify(marker)));
    },
    async reached() {
      const text = isMade(db) ? settingOf(there(), 'move_progress') : null;
      return text === null ? null : (JSON.parse(text) as Reached);
    },
    load: async (table, rows, reached) =>
      transact(there(), () => {
        if (table.name === 'workers') loadWorkers(there(), rows);
        else insert(there(), table, rows);
        putSetting(there(), 'move_progress', JSON.stringify(reached));
      }),
    loaded: async (marker) => transact(there(), () => putSetting(there(), 'move', JSON.stringify(marker))),
    open: async (opening) => openTarget(there(), beside, options.file, opening),
    async clear() {
      db?.close();
      db = null;
      for (const end of ['', '-wal', '-shm']) rmSync(`${beside}${end}`, { force: true });
    },
    async close() {
      if (db?.isOpen === true) db.close();
      ended?.close();
    },
  };
}

const prepared = new WeakMap<DatabaseSync, Map<string, StatementSync>>();
function insert(db: DatabaseSync, table: MovedTable, rows: readonly MovedRow[]): void {
  const known = prepared.get(db) ?? new Map<string, StatementSync>();
  prepared.set(db, known);
  let statement = known.get(table.name);
  if (statement === undefined) known.set(table.name, (statement = db.prepare(insertOf(table))));
  const fields = fieldsOf(table, 'sqlite');
  // What only orders the rows of the other engine is not bound.
  const bound = fields.findIndex(({ extra }) => extra !== null && extra.for !== 'sqlite');
  for (const row of rows) statement.run(...((bound < 0 ? row : row.slice(0, bound)) as SQLInputValue[]));
}

/** A worker comes with the set of what it may take, matched against every lane when it is new. */
function loadWorkers(db: DatabaseSync, rows: readonly MovedRow[]): void {
  const table = MOVED.find(({ name }) => name === 'workers') as MovedTable;
  const fields = fieldsOf(table, 'sqlite').map(({ name }) => name);
  const [workerAt] = placesOf(table, fieldsOf(table, 'sqlite')) as [number];
  const statement = db.prepare(`INSERT INTO workers (${fields.join(', ')}, set_id) VALUES (${fields.map(() => '?').join(', ')}, ?)`);
  for (const row of rows) {
    const declared = JSON.parse(row[fields.indexOf('capabilities')] as string) as WorkerCapabilities;
    statement.run(...(row as SQLInputValue[]), setOf(db, row[workerAt] as string, declared));
  }
}

function setOf(db: DatabaseSync, workerId: string, declared: WorkerCapabilities): number {
  const grants = all(
    db,
    'SELECT grant_id, worker_id, client_id, pattern, attributes, created_at_utc FROM worker_grants WHERE worker_id = ? ORDER BY grant_id',
    workerId,
  ).map((row) => grantOf(row));
  const key = capabilityKey(declared, grants);
  const known = all(db, 'SELECT set_id FROM capability_sets WHERE key = ?', key)[0]?.[0];
  if (known !== undefined) return known as number;
  const setId = Number(db.prepare('INSERT INTO capability_sets (key) VALUES (?)').run(key).lastInsertRowid);
  const cover = db.prepare('INSERT INTO capability_lanes (set_id, client_id, lane_id) VALUES (?, ?, ?)');
  for (const [laneId, clientId, type, compatibility] of all(db, 'SELECT lane_id, client_id, type, compatibility FROM lanes') as [
    number,
    string,
    string,
    string,
  ][])
    if (covers(declared, grants, { clientId, type, compatibility: JSON.parse(compatibility) as Compatibility })) cover.run(setId, clientId, laneId);
  return setId;
}

function openTarget(db: DatabaseSync, beside: string, file: string, { epoch, leasesByMs, movedFrom }: Opening): void {
  db.exec('PRAGMA synchronous = FULL');
  transact(db, () => {
    db.prepare('UPDATE leases SET lease_until_utc = lease_until_utc + ?').run(leasesByMs);
    putSetting(db, 'restore_epoch', String(epoch));
    putSetting(db, 'moved_from', movedFrom);
    dropSetting(db, 'move');
    dropSetting(db, 'move_progress');
  });
  rename(db, beside, file);
}

function rename(db: DatabaseSync, beside: string, file: string): void {
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  if (existsSync(file)) throw new QueueError('store_refused', `there is a file ${file} now: move it away; ${beside} is the moved queue`);
  renameSync(beside, file);
}
