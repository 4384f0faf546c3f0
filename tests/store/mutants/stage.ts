// A queue in memory on a copy of a prepared database, with statements of the test's own and nothing random: clock, ids and lease ids count up.
// Two runs of the same acts answer the same and leave the same tables, unless their statements differ.
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../../src/domain/errors.ts';
import { DEFAULT_BACKOFF } from '../../../src/domain/retry.ts';
import type { Queue } from '../../../src/service/handles.ts';
import { createQueue } from '../../../src/service/queue.ts';
import type { NamedStatement } from '../../../src/store/sql-files.ts';
import type { Store } from '../../../src/store/store.ts';
import { openConnection } from '../../../src/store/sqlite/connection.ts';
import { loadMigrations, migrate } from '../../../src/store/sqlite/migrate.ts';
import { Statements } from '../../../src/store/sqlite/statements.ts';
import { buildWall } from '../../../src/store/sqlite/wall.ts';
import { storeOn } from '../../../src/store/sqlite/store.ts';

export type StatementSet = ReadonlyMap<string, NamedStatement>;

/** So late that the real clock, which the view of the inbox asks, does not come near. */
export const START = 4_000_000_000_000;
export const SECOND = 1000;
export const DAY = 86_400_000;

export interface Stage {
  readonly queue: Queue;
  readonly store: Store;
  readonly clock: { now: number };
  /** The number of the next task id. */
  readonly ids: { next: number };
  /** The tables as a prepared database, or as text, after the queue is done. */
  readonly db: DatabaseSync;
}

export const taskIdOf = (number: number): string => `01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;

const MIGRATIONS = loadMigrations(new URL('../../../sql/sqlite/migrations/', import.meta.url));

/** Begins with `prepared`, or with an empty schema. */
export function openStage(prepared: Uint8Array | null, now: number, statements: StatementSet): Stage {
  const clock = { now };
  const ids = { next: 0x1000 };
  // What is made later never bears a number of what was made before.
  let made = now - START + 30 * DAY;
  const randomHex = (bytes: number): string => (++made).toString(16).padStart(bytes * 2, '0');
  const connection = { file: ':memory:', readOnly: false, synchronous: 'NORMAL', now: () => clock.now } as const;
  const db = openConnection(connection);
  if (prepared === null) migrate(db, MIGRATIONS, now, false);
  else db.deserialize(prepared);
  const store = storeOn(db, {
    ...connection,
    migrate: true,
    random: () => 0.5,
    randomHex,
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 1000,
    lanesPerClient: 400,
    statements,
  });
  const queue = createQueue(
    {
      store,
      newId: () => taskIdOf(ids.next++),
      digest: (text) => createHash('sha256').update(text).digest('hex'),
      randomHex,
      limits: { payloadBytes: 10_000, payloadDepth: 32 },
      auditRetentionMs: null,
      retentionMs: 7 * DAY,
      strategies: [],
      createClients: true,
    },
    { url: ':memory:', renewal: () => null, onClose: () => undefined },
  );
  return { queue, store, clock, ids, db };
}

/** What an act came to, as text: its answer, or the code and the sentence of its refusal. How long a claim waited is of the real clock. */
export async function outcomeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await act(), (key, value: unknown) => (key === 'waitedMs' ? undefined : value)) ?? 'nothing';
  } catch (error) {
    if (error instanceof QueueError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** A draw is random; which floor it started from is not, since the floors of the clients are this far apart. */
export const FLOOR_STEP = 1_000_000;
const DRAWN: Readonly<Record<string, string>> = { ready: 'draw', clients: 'draw_floor' };

/** Every row of every table. Takes the wall away: nothing is done with the queue afterwards. */
export function rowsOf(db: DatabaseSync): string {
  db.setAuthorizer(null);
  const tables = db.prepare(`SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`).all() as { name: string }[];
  return tables
    .map(({ name }) => {
      const rows = db.prepare(`SELECT * FROM main.${name}`).all();
      const drawn = DRAWN[name];
      if (drawn !== undefined) for (const row of rows) row[drawn] = row[drawn] === 0 ? 'none' : Math.floor(Number(row[drawn]) / FLOOR_STEP);
      return `${name}\n${rows.map((row) => JSON.stringify(Object.values(row))).join('\n')}`;
    })
    .join('\n');
}

const trial = openConnection({ file: ':memory:', readOnly: false, synchronous: 'NORMAL', now: () => START });
migrate(trial, MIGRATIONS, START, false);
const wall = buildWall(trial, 'f00dfeedf00dfeed');

/** Whether SQLite takes the text, with the rights of its class. */
export function prepares(statement: NamedStatement): boolean {
  try {
    new Statements(trial, wall, new Map([[statement.name, statement]])).ordered(statement.name, 'priority asc, task_no asc');
    return true;
  } catch {
    return false;
  }
}
