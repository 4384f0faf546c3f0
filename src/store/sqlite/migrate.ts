// Numbered migrations, applied once under the write lock, each with the checksum of its text. A newer schema or a changed
// text refuses to start with a sentence; `dryRun` only tells what would run.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}
export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  /** What was applied, or with `dryRun` what would be. */
  readonly sql: readonly { readonly number: number; readonly name: string; readonly sql: string }[];
}

export function loadMigrations(folder: URL): readonly Migration[] {
  return readdirSync(folder)
    .filter((file) => /^\d{4}_\w+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(file, folder), 'utf8');
      return { number: Number(file.slice(0, 4)), name: file, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** Brings the schema to the newest number. Runs before the wall is built, with the rights of the owner. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[], nowUtc: number, dryRun: boolean): MigrationReport {
  const before = applied(db);
  check(before, migrations);
  const pending = migrations.slice(before.length);
  const report = {
    from: before.at(-1)?.number ?? 0,
    to: (pending.at(-1) ?? before.at(-1))?.number ?? 0,
    sql: pending.map(({ number, name, sql }) => ({ number, name, sql })),
  };
  if (dryRun || pending.length === 0) return report;
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have migrated between the look and the lock.
    const now = applied(db);
    check(now, migrations);
    if (now.length === 0)
      db.exec(
        'CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at_utc INTEGER NOT NULL) STRICT',
      );
    for (const migration of migrations.slice(now.length)) {
      db.exec(migration.sql);
      db.prepare('INSERT INTO schema_migrations VALUES (?, ?, ?, ?)').run(migration.number, migration.name, migration.checksum, nowUtc);
    }
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
  return report;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

function applied(db: DatabaseSync): readonly Applied[] {
  const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')`).all() as unknown as { name: string }[];
  if (tables.some((table) => table.name === 'schema_migrations')) {
    const columns = db.prepare('PRAGMA table_info(schema_migrations)').all() as unknown as { name: string }[];
    if (columns.some((column) => column.name === 'checksum'))
      return db.prepare('SELECT number, name, checksum FROM schema_migrations ORDER BY number').all() as unknown as Applied[];
    throw new QueueError('store_refused', 'the file has a table `schema_migrations` of somebody else: give the queue a file of its own');
  }
  const ours = new Set([
    'meta',
    'clients',
    'lanes',
    'tasks',
    'ready',
    'delayed',
    'leases',
    'blocked',
    'finished',
    'workers',
    'categories',
    'task_queue',
    'task_logs',
  ]);
  const clash = tables.find((table) => ours.has(table.name));
  if (clash !== undefined)
    throw new QueueError('store_refused', `the file has a table \`${clash.name}\` that is not the queue's: give the queue a file of its own`);
  return [];
}

function check(before: readonly Applied[], migrations: readonly Migration[]): void {
  // Numbers may have gaps.
  const newest = migrations.at(-1)?.number ?? 0;
  const last = before.at(-1)?.number ?? 0;
  if (last > newest) throw new QueueError('store_newer', `the database has schema ${last}, this program knows ${newest}: install a newer version`);
  for (const [i, row] of before.entries()) {
    const migration = migrations[i] as Migration;
    if (migration.number !== row.number || migration.checksum !== row.checksum)
      throw new QueueError('store_refused', `migration ${row.name} was applied with another text: this database was not made by this program`);
  }
}
