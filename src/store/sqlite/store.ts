// The SQLite engine behind the port: opens the file, builds the wall and wires the parts. Writes go through the writer's
// turns; reads of a file use a connection of their own that can not write.
import type { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import { loadStatements } from '../sql-files.ts';
import type { NamedStatement } from '../sql-files.ts';
import type { Store, StoreOptions } from '../store.ts';
import type { Touched } from '../waiters.ts';
import { keyOperations } from './api-keys.ts';
import { createSets } from './capability-sets.ts';
import { createClaimer, reachIn } from './claim.ts';
import { goOn } from './go-on.ts';
import { openConnection } from './connection.ts';
import { dataKeyOperations } from './data-keys.ts';
import { createCategories } from './engine.ts';
import type { Engine } from './engine.ts';
import { asQueueError } from './errors.ts';
import { limitOperations } from './limits.ts';
import { quotaOperations } from './quotas.ts';
import { loadMigrations, migrate } from './migrate.ts';
import type { MigrationReport } from './migrate.ts';
import type { Reader } from './reads.ts';
import { read } from './parts.ts';
import type { Parts } from './parts.ts';
import { scheduleOperations } from './schedules.ts';
import { systemOperations } from './system.ts';
import { Statements } from './statements.ts';
import { createEnqueueInside } from './transaction.ts';
import { buildWall } from './wall.ts';
import { createWatch } from './watch.ts';
import { Writer } from './writer.ts';
import { bookOperations, taskOperations, workerOperations } from './operations.ts';

const SQL = new URL('../../../sql/sqlite/', import.meta.url);
const MIGRATIONS = new URL('../../../sql/sqlite/migrations/', import.meta.url);

export interface SqliteOptions extends StoreOptions {
  /** A path, or `:memory:`. */
  readonly file: string;
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Apply missing migrations when opening (default); false refuses an old schema. */
  readonly migrate: boolean;
  /** In place of those of the SQL files. For tests, which change one and look whether anybody notices. */
  readonly statements?: ReadonlyMap<string, NamedStatement>;
}

/** Brings a file's schema up to date, or with `dryRun` only tells what would run. */
export function migrateSqlite(file: string, now: () => number, dryRun: boolean): MigrationReport {
  const db = openConnection({ file, readOnly: false, synchronous: 'FULL', now });
  try {
    return migrate(db, loadMigrations(MIGRATIONS), now(), dryRun);
  } catch (error) {
    throw asQueueError(error);
  } finally {
    db.close();
  }
}

export function openSqliteStore(options: SqliteOptions): Store {
  const db = openConnection({ ...options, readOnly: false });
  try {
    const pending = migrate(db, loadMigrations(MIGRATIONS), options.now(), !options.migrate);
    if (!options.migrate && pending.sql.length > 0)
      throw new QueueError('store_refused', `the schema is at ${pending.from} and needs ${pending.to}: run \`prismq migrate\``);
    return storeOn(db, options);
  } catch (error) {
    db.close();
    throw asQueueError(error);
  }
}

/** The store on a connection of `openConnection` whose schema is there. `openSqliteStore` is what opens one. */
export function storeOn(db: DatabaseSync, options: SqliteOptions): Store {
  const named = options.statements ?? loadStatements(SQL);
  const wall = buildWall(db, options.randomHex(8));
  const st = new Statements(db, wall, named);
  const risen: Engine['risen'] = { isHeard: () => watch.isHeard(), ready: [] };
  const committed = (touched: () => Touched[]): void => (watch.committed(() => [...touched(), ...takeRisen(risen)]), goOn(engine));
  const writer = new Writer(db, wall, st, options.busyTimeoutMs, committed);
  const engine: Engine = { db, wall, st, writer, options, now: options.now, activated: (clientId) => claimer.activated(clientId), risen };
  const sets = createSets(engine);
  const watch = createWatch({ st, reachOf: reachIn(engine, sets), nextDueIn: () => read(() => nextDueIn(engine)) });
  const claimer = createClaimer(engine, sets);
  const own: Reader = { st, wall };
  const readers = options.file === ':memory:' ? null : openReader(options, named);
  const parts: Parts = {
    engine,
    sets,
    claimer,
    categories: createCategories(engine),
    reader: readers ?? own,
    own,
    watch,
    inside: createEnqueueInside(engine, options.file, named),
  };
  return {
    capabilities: { renewal: options.file === ':memory:' ? 'loop' : 'thread', file: options.file === ':memory:' ? null : options.file, engine: 'sqlite' },
    now: options.now,
    ...taskOperations(parts),
    ...workerOperations(parts),
    ...bookOperations(parts),
    ...keyOperations(engine, read),
    ...dataKeyOperations(parts),
    ...systemOperations(parts),
    schedules: scheduleOperations(parts),
    limits: limitOperations(parts),
    quotas: quotaOperations(parts),
    async close() {
      watch.close();
      await writer.close();
      readers?.close();
      if (db.isOpen) db.close();
    },
  };
}

/** What rose out of the delayed in this commit. */
function takeRisen(risen: Engine['risen']): Touched[] {
  const { ready } = risen;
  if (ready.length === 0) return [];
  risen.ready = [];
  return [{ clients: [...new Set(ready.map(({ clientId }) => clientId))], ready, delays: true }];
}

/** ms until something delayed is due, or null. */
function nextDueIn({ wall, st, now }: Engine): number | null {
  wall.bind({ clients: '*' });
  const due = st.row('next_due')?.[0];
  return due === null || due === undefined ? null : Math.max(0, (due as number) - now());
}

function openReader(options: SqliteOptions, named: ReadonlyMap<string, NamedStatement>): Reader & { close(): void } {
  const db = openConnection({ ...options, readOnly: true });
  const wall = buildWall(db, options.randomHex(8));
  return { st: new Statements(db, wall, named), wall, close: () => db.close() };
}
