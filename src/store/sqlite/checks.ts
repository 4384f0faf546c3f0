// What `prismq doctor` looks at in a file. Nothing is written, no lock is held for long.
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import { failed, fine, named, runChecks, warning } from '../checks.ts';
import type { Check, CheckResult, Found } from '../checks.ts';
import { heldBy } from '../move/held.ts';
import type { Marker } from '../move/side.ts';
import { openConnection } from './connection.ts';
import { loadMigrations, migrate } from './migrate.ts';

const MIGRATIONS = new URL('../../../sql/sqlite/migrations/', import.meta.url);
const WAL_MOST = 256_000_000;
/** Made while a queue works: indexes of strategies, the triggers of a move. */
const AT_WORK = /^(tasks_of_client$|ready_by_|ready_lane_by_|ready_all_by_|prismq_hold_|sqlite_)/;
const SHOWN = 5;

interface At {
  readonly db: DatabaseSync;
  readonly file: string;
  readonly now: () => number;
}

const rows = (db: DatabaseSync, sql: string): Record<string, unknown>[] => db.prepare(sql).all() as Record<string, unknown>[];

const CHECKS: readonly Check<At>[] = [
  {
    name: 'permissions',
    looksAt: 'who may read the file: row isolation binds the queue, not somebody who opens the file',
    fix: 'chmod 600 the file, its -wal and its -shm',
    look: ({ file }) =>
      named(
        ['', '-wal', '-shm']
          .map((end) => `${file}${end}`)
          .flatMap((one) =>
            existsSync(one) && (statSync(one).mode & 0o077) !== 0 ? [`${one} is open to others: ${(statSync(one).mode & 0o777).toString(8)}`] : [],
          ),
        'its owner alone',
      ),
  },
  {
    name: 'journal',
    looksAt: 'the write-ahead log: its mode and size',
    fix: 'a reader that never ends, or a process that was killed, keeps it from being copied back: end it, then open and close the queue',
    look: ({ db, file }) => {
      const [mode] = rows(db, 'PRAGMA journal_mode');
      if (mode?.['journal_mode'] !== 'wal') return failed(`the mode is ${String(mode?.['journal_mode'])}, not wal: open the queue once`);
      const size = existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0;
      return size > WAL_MOST ? warning(`${Math.round(size / 1e6)} MB are not copied back`) : fine(`${Math.round(size / 1e6)} MB`);
    },
  },
  {
    name: 'integrity',
    looksAt: 'the pages of the file and its foreign keys',
    fix: 'stop the queue, keep the file, and restore the last backup',
    look: ({ db }) => {
      const wrong = rows(db, 'PRAGMA quick_check(5)')
        .map((row) => String(row['quick_check']))
        .filter((text) => text !== 'ok');
      const dangling = rows(db, 'PRAGMA foreign_key_check').slice(0, SHOWN);
      return named([...wrong, ...dangling.map((row) => `a row of ${String(row['table'])} names what is not there`)], 'whole');
    },
  },
  {
    name: 'schema',
    looksAt: 'migrations that ran, and tables, indexes, triggers and views against those of this program',
    fix: '`prismq migrate` runs what is missing; what was changed by hand is put back by hand',
    look: ({ db, now }) => {
      const { sql } = migrate(db, loadMigrations(MIGRATIONS), now(), true);
      return sql.length > 0 ? failed(`not applied: ${sql.map(({ name }) => name).join(', ')}`) : driftOf(db, now());
    },
  },
  {
    name: 'one-place',
    looksAt: 'that every task is in exactly one place: ready, delayed, leases, blocked or finished',
    fix: 'somebody wrote to the file past the queue: restore the last backup, or report it with the ids',
    look: ({ db }) => {
      const places = ['ready', 'delayed', 'leases', 'blocked', 'finished'].map((table) => `SELECT task_no FROM ${table}`).join(' UNION ALL ');
      const wrong = rows(
        db,
        `SELECT t.client_id, t.task_id, count(p.task_no) AS n FROM tasks t LEFT JOIN (${places}) p ON p.task_no = t.task_no GROUP BY t.task_no HAVING n <> 1 LIMIT ${SHOWN}`,
      );
      const homeless = rows(db, `SELECT p.task_no FROM (${places}) p WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.task_no = p.task_no) LIMIT ${SHOWN}`);
      const [counted] = rows(db, 'SELECT count(*) AS n FROM tasks');
      return named(
        [
          ...wrong.map(({ client_id, task_id, n }) => `${String(task_id)} of ${String(client_id)} is in ${String(n)} places`),
          ...(homeless.length === 0 ? [] : [`${homeless.length} places without a task`]),
        ],
        `${String(counted?.['n'])} tasks`,
      );
    },
  },
  {
    name: 'move',
    looksAt: 'whether the queue is held still by a move',
    fix: 'give the command of the move again, or `prismq migrate-store … --undo`',
    look: ({ db }) => {
      const [row] = rows(db, `SELECT value FROM meta WHERE key = 'move'`);
      return row === undefined ? fine('none') : warning(heldBy(JSON.parse(String(row['value'])) as Marker).message);
    },
  },
];

/** What a fresh schema has and this one has not, or other. */
function driftOf(db: DatabaseSync, nowUtc: number): Found {
  const fresh = new DatabaseSync(':memory:');
  migrate(fresh, loadMigrations(MIGRATIONS), nowUtc, false);
  const of = (one: DatabaseSync): Map<string, string> =>
    new Map(
      rows(one, 'SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL')
        .filter(({ name }) => !AT_WORK.test(String(name)))
        .map(({ type, name, sql }) => [`${String(type)} ${String(name)}`, String(sql)]),
    );
  const [wanted, there] = [of(fresh), of(db)];
  fresh.close();
  const wrong = [...wanted].flatMap(([name, sql]) => (there.get(name) === sql ? [] : [`${name} is ${there.has(name) ? 'changed' : 'missing'}`]));
  const added = [...there.keys()].filter((name) => !wanted.has(name)).map((name) => `${name} is somebody else's`);
  return wrong.length > 0 ? failed([...wrong, ...added].join('; ')) : named(added, 'as this program makes it', 'warning');
}

/** @throws QueueError `store_unavailable`, `store_corrupt` when there is nothing to look at */
export async function checkSqlite(file: string, now: () => number): Promise<readonly CheckResult[]> {
  if (!existsSync(file)) throw new QueueError('store_unavailable', `there is no queue at ${file}`);
  const db = openConnection({ file, readOnly: true, synchronous: 'FULL', now });
  try {
    return await runChecks(CHECKS, { db, file, now });
  } finally {
    db.close();
  }
}
