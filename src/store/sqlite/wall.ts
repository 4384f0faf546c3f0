// The second wall on SQLite: one permanent default-deny authorizer that asks which class runs now, TEMP views that show
// only rows of the bound clients, and TEMP triggers that refuse a write to any other row. A forgotten filter returns nothing.
// The views bear a random suffix that works as a capability: a CTE or view of a known name can not pose as one of them.
import type { DatabaseSync } from 'node:sqlite';
import { constants as sqlite } from 'node:sqlite';
import { FUNCTIONS } from './functions.ts';
import { READS, WRITES } from './rights.ts';
import { CLIENT_TABLES, SHARED_TABLES } from './tables.ts';
import type { ReadRight, StatementClass } from './rights.ts';

export const WALL_MESSAGE = 'prismq: row of a client that is not bound';
const SHOWN = [
  'task_queue',
  'task_logs',
  'worker_inbox',
  'v_queue_status_summary',
  'v_queue_type_summary',
  'v_worker_status',
  'v_task_performance',
  'v_recent_failures',
] as const;

/** Temporary tables that one transaction fills and empties again; only the engine sees them. */
export const STAGED = {
  picked:
    'rank INTEGER PRIMARY KEY, task_no INTEGER, client_id TEXT, priority INTEGER, lane_id INTEGER, attempt INTEGER, claims INTEGER, releases INTEGER, losses INTEGER, due_at_utc INTEGER, expires_at_utc INTEGER, draw REAL, state TEXT',
  ends: 'i INTEGER PRIMARY KEY, client_id TEXT, task_id TEXT, lease_id TEXT, op TEXT, result TEXT, error_kind TEXT, error_message TEXT, error_stack TEXT, final INTEGER, delay_ms INTEGER, started_after_ms INTEGER, run_ms INTEGER',
  hits: 'i INTEGER PRIMARY KEY, task_no INTEGER UNIQUE, client_id TEXT, lane_id INTEGER, attempt INTEGER, claims INTEGER, releases INTEGER, losses INTEGER, reserved_at_utc INTEGER, due_at_utc INTEGER, expires_at_utc INTEGER, op TEXT, result TEXT, error_kind TEXT, error_message TEXT, error_stack TEXT, dead TEXT, run_after_utc INTEGER, started_after_ms INTEGER, run_ms INTEGER, lease_id TEXT, worker_id TEXT',
  edges: 'rank INTEGER PRIMARY KEY, client_id TEXT, parent_no INTEGER, task_no INTEGER, policy TEXT, state TEXT, outcome TEXT',
  freed: 'task_no INTEGER PRIMARY KEY, n INTEGER',
  doomed: 'task_no INTEGER PRIMARY KEY, client_id TEXT, parent_no INTEGER, outcome TEXT',
  lent: 'task_no INTEGER PRIMARY KEY, client_id TEXT, before INTEGER, priority INTEGER',
} as const;

export interface Scope {
  /** `*` is every client. */
  readonly clients: '*' | readonly string[];
  /** Set while acting for a worker. */
  readonly workerId?: string;
  readonly setId?: number;
}

export interface Wall {
  /** The class whose rights the next prepare or run has. */
  current: StatementClass;
  /** Puts the names of this connection into a statement: `walled.x`, `shown.x`, `staged.x`, `bound`, `who`. */
  name(sql: string): string;
  bind(scope: Scope): void;
  /** After any rollback: the bound set in the database is no longer what was bound last. */
  forget(): void;
}

interface Names {
  readonly suffix: string;
  readonly policies: Set<string>;
}

/** Builds the wall on a connection whose schema is migrated. `suffix` is at least 64 random bits in hex. */
export function buildWall(db: DatabaseSync, suffix: string): Wall {
  const names: Names = { suffix, policies: new Set() };
  const name = (sql: string): string =>
    sql
      .replace(/\bwalled\.(\w+)/g, `w_${suffix}_$1`)
      .replace(/\bshown\.(\w+)/g, `q_${suffix}_$1`)
      .replace(/\bstaged\.(\w+)/g, `temp.s_${suffix}_$1`)
      .replace(/\b(bound|who)_set\b/g, `temp.s_${suffix}_$1`);
  for (const sql of definitions(db, names)) db.exec(name(sql));
  const wall = { current: 'none' as StatementClass };
  db.setAuthorizer((action, a, b, schema, accessor) => decide(names, wall.current, action, a, b, schema, accessor));
  return Object.assign(wall, { name, ...binder(db, name, wall) });
}

function* definitions(db: DatabaseSync, names: Names): Generator<string> {
  yield 'CREATE TABLE bound_set (client_id TEXT PRIMARY KEY) WITHOUT ROWID';
  yield 'CREATE TABLE who_set (worker_id TEXT, set_id INTEGER)';
  for (const [table, columns] of Object.entries(STAGED)) yield `CREATE TABLE staged.${table} (${columns})`;
  const policy = (view: string): string => (names.policies.add(`w_${names.suffix}_${view}`), `CREATE TEMP VIEW walled.${view}`);
  const seesAll = `(SELECT EXISTS (SELECT 1 FROM bound_set WHERE client_id = '*'))`;
  for (const table of Object.keys(CLIENT_TABLES))
    yield `${policy(table)} AS SELECT * FROM main.${table} WHERE ${seesAll} OR client_id IN (SELECT client_id FROM bound_set)`;
  for (const table of SHARED_TABLES) yield `${policy(table)} AS SELECT * FROM main.${table}`;
  yield* workerPolicies(policy);
  yield* shownViews(db, names);
  yield* rowTriggers(names);
}

/** What a worker sees: what it holds, itself. What it may take is checked where the lease is written. */
function* workerPolicies(policy: (view: string) => string): Generator<string> {
  yield `${policy('held')} AS SELECT t.task_no, t.task_id, t.client_id, t.priority, t.max_attempts, t.max_run_ms, t.payload, t.created_at_utc, t.created_by, t.metadata, t.traceparent,
    n.type, n.compatibility, l.lease_id, l.lease_until_utc, l.attempt, l.claims FROM main.leases l JOIN main.tasks t ON t.task_no = l.task_no AND t.client_id = l.client_id JOIN main.lanes n ON n.lane_id = l.lane_id AND n.client_id = l.client_id
    WHERE l.worker_id = (SELECT worker_id FROM who_set)`;
  yield `${policy('self')} AS SELECT * FROM main.workers WHERE worker_id = (SELECT worker_id FROM who_set)`;
  yield `${policy('own_grants')} AS SELECT * FROM main.worker_grants WHERE worker_id = (SELECT worker_id FROM who_set)`;
  yield `${policy('visible_workers')} AS SELECT w.*, (SELECT count(*) FROM walled.leases l WHERE l.worker_id = w.worker_id) AS active_tasks FROM main.workers w
    WHERE EXISTS (SELECT 1 FROM bound_set WHERE client_id = '*') OR EXISTS (SELECT 1 FROM main.worker_grants g WHERE g.worker_id = w.worker_id AND g.client_id IN (SELECT client_id FROM bound_set))`;
}

/** The views of the main schema, made again over the walled tables. */
function* shownViews(db: DatabaseSync, names: Names): Generator<string> {
  const sources = db.prepare(`SELECT name, sql FROM main.sqlite_schema WHERE type = 'view'`).all() as unknown as { name: string; sql: string }[];
  const text = new Map(sources.map((view) => [view.name, view.sql]));
  for (const view of SHOWN) {
    const body = text.get(view);
    if (body === undefined) throw new Error(`the schema has no view ${view}`);
    const walled = body
      .replace(/^CREATE VIEW \w+ AS/, '')
      .replace(
        /\b(FROM|JOIN) (\w+)/g,
        (_, verb: string, table: string) => `${verb} ${(SHOWN as readonly string[]).includes(table) ? 'shown' : 'walled'}.${table}`,
      );
    names.policies.add(`q_${names.suffix}_${view}`);
    const own = view === 'worker_inbox' ? `SELECT * FROM (${walled}) WHERE worker_id = (SELECT worker_id FROM who_set)` : walled;
    yield `CREATE TEMP VIEW shown.${view} AS ${own}`;
    yield `CREATE TEMP VIEW ${view} AS SELECT * FROM shown.${view}`;
  }
}

/** A worker never leases outside declared ∩ granted, whatever the claim's statement says. */
const UNCOVERED = `EXISTS (SELECT 1 FROM who_set w WHERE NOT EXISTS (SELECT 1 FROM main.capability_lanes c WHERE c.set_id = w.set_id AND c.client_id = NEW.client_id AND c.lane_id = NEW.lane_id))`;

/** A lease in the name of one client for the task of another. */
const BORROWED = `NOT EXISTS (SELECT 1 FROM main.tasks t WHERE t.task_no = NEW.task_no AND t.client_id = NEW.client_id)`;

function* rowTriggers(names: Names): Generator<string> {
  for (const [table, kind] of Object.entries(CLIENT_TABLES)) {
    for (const [verb, row] of [
      ['INSERT', 'NEW'],
      ['UPDATE', 'OLD'],
      ['DELETE', 'OLD'],
    ] as const) {
      const trigger = `t_${names.suffix}_${table}_${verb.toLowerCase()}`;
      names.policies.add(trigger);
      // Two look-ups in this order: `IN (a, b)` inside EXISTS would build a table of its own for every row.
      const foreign = `coalesce(${row}.client_id, '*') NOT IN (SELECT client_id FROM bound_set) AND NOT EXISTS (SELECT 1 FROM bound_set WHERE client_id = '*')`;
      const stranger = kind === 'lease' ? ` OR EXISTS (SELECT 1 FROM who_set WHERE worker_id IS NOT ${row}.worker_id)` : '';
      const uncovered = kind === 'lease' && verb === 'INSERT' ? ` OR ${UNCOVERED} OR ${BORROWED}` : '';
      yield `CREATE TEMP TRIGGER ${trigger} BEFORE ${verb} ON main.${table} WHEN ${foreign}${stranger}${uncovered} BEGIN SELECT RAISE(ABORT, '${WALL_MESSAGE}'); END`;
    }
  }
}

/** So many clients are bound faster one by one. */
const FEW = 4;

function binder(db: DatabaseSync, name: (sql: string) => string, wall: { current: StatementClass }): Pick<Wall, 'bind' | 'forget'> {
  wall.current = 'owner';
  const clear = db.prepare(name('DELETE FROM bound_set'));
  const addAll = db.prepare(name('INSERT INTO bound_set SELECT value FROM json_each(?)'));
  const add = db.prepare(name('INSERT INTO bound_set VALUES (?)'));
  const nobody = db.prepare(name('DELETE FROM who_set'));
  const me = db.prepare(name('INSERT INTO who_set VALUES (?, ?)'));
  const swap = db.prepare(name('UPDATE bound_set SET client_id = ?'));
  wall.current = 'none';
  let bound: string | null = null;
  /** One client and no worker is bound: the commonest change is from one to another. */
  let isSingle = false;
  return {
    bind(scope) {
      const clients = scope.clients === '*' ? ['*'] : scope.clients;
      const key = `${scope.workerId ?? ''}\n${scope.setId ?? ''}\n${clients.join(' ')}`;
      if (key === bound) return;
      const before = wall.current;
      wall.current = 'owner';
      bound = null;
      const isSwap = isSingle && clients.length === 1 && scope.workerId === undefined;
      isSingle = false;
      try {
        if (isSwap) swap.run(clients[0] as string);
        else {
          clear.run();
          nobody.run();
          if (clients.length > FEW) addAll.run(JSON.stringify(clients));
          else for (const client of clients) add.run(client);
          if (scope.workerId !== undefined) me.run(scope.workerId, scope.setId ?? null);
        }
        isSingle = clients.length === 1 && scope.workerId === undefined;
        bound = key;
      } finally {
        wall.current = before;
      }
    },
    forget() {
      bound = null;
      isSingle = false;
    },
  };
}

/** The authorizer's answer for one access of one statement. Whatever is not named here is refused. */
function decide(names: Names, cls: StatementClass, action: number, a: string | null, b: string | null, schema: string | null, accessor: string | null): number {
  if (cls === 'owner') return sqlite.SQLITE_OK;
  if (cls === 'none') return sqlite.SQLITE_DENY;
  switch (action) {
    case sqlite.SQLITE_SELECT:
    case sqlite.SQLITE_RECURSIVE:
      return sqlite.SQLITE_OK;
    case sqlite.SQLITE_FUNCTION:
      return FUNCTIONS.has((b ?? '').toLowerCase()) ? sqlite.SQLITE_OK : sqlite.SQLITE_DENY;
    case sqlite.SQLITE_READ:
      return mayRead(names, cls, a ?? '', b ?? '', schema, accessor) ? sqlite.SQLITE_OK : sqlite.SQLITE_DENY;
    case sqlite.SQLITE_INSERT:
    case sqlite.SQLITE_DELETE:
    case sqlite.SQLITE_UPDATE:
      return mayWrite(names, cls, action, a ?? '', b ?? '', schema, accessor) ? sqlite.SQLITE_OK : sqlite.SQLITE_DENY;
    default:
      return sqlite.SQLITE_DENY;
  }
}

function mayRead(names: Names, cls: StatementClass, table: string, column: string, schema: string | null, accessor: string | null): boolean {
  if (accessor !== null && names.policies.has(accessor)) return true;
  if (table === 'json_each') return true;
  if (schema === 'main' && accessor !== null)
    return (cls === 'engine' || cls === 'registry' || cls === 'sealer') && (APPEND_ONLY[accessor]?.includes(`${table}.${column}`) ?? false);
  if (schema === 'temp') {
    const prefix = `_${names.suffix}_`;
    if (table.startsWith(`s${prefix}`)) return cls === 'engine' || (cls === 'worker' && table === `s${prefix}picked`);
    const plain = table.startsWith(`w${prefix}`) || table.startsWith(`q${prefix}`) ? table.slice(prefix.length + 1) : table;
    // Inside our own alias of a shown view every column is named; what may leave is decided where the alias is read.
    if (accessor !== null && table === `q${prefix}${accessor}`) return true;
    return mayReadColumn(READS[cls]?.[plain], column);
  }
  return schema === 'main' && (WRITES[cls]?.[table]?.keys ?? []).includes(column) && accessor === null;
}

const CUT = ['audit_cuts.', 'audit_cuts.client_id', 'audit_cuts.chain', 'audit_cuts.seq', 'audit_cuts.last_id'] as const;

/** What the append-only triggers of the main schema read. Their names are known, so only the classes that write get this. */
const APPEND_ONLY: Readonly<Record<string, readonly string[]>> = {
  task_events_no_replace: ['task_events.', 'task_events.log_id'],
  task_events_no_update: [],
  task_events_no_delete: ['task_events.log_id', 'task_events.client_id', ...CUT],
  security_events_no_replace: ['security_events.', 'security_events.event_id'],
  security_events_no_update: [],
  audit_seals_no_update: [],
  audit_seals_no_delete: ['audit_seals.client_id', 'audit_seals.chain', 'audit_seals.seq', ...CUT],
  audit_seals_no_replace: ['audit_seals.', 'audit_seals.client_id', 'audit_seals.chain', 'audit_seals.seq'],
  audit_anchors_no_update: [],
  audit_anchors_no_delete: ['audit_anchors.client_id', 'audit_anchors.chain', 'audit_anchors.seq', ...CUT],
  audit_cuts_no_update: [],
  audit_cuts_no_delete: [],
  audit_cuts_no_replace: CUT,
  security_events_no_delete: ['security_events.event_id', 'security_events.client_id', ...CUT],
};

function mayReadColumn(right: ReadRight | undefined, column: string): boolean {
  if (right === undefined) return false;
  if (right === true || column === '') return true;
  return 'only' in right ? right.only.includes(column) : !right.except.includes(column);
}

function mayWrite(names: Names, cls: StatementClass, action: number, table: string, column: string, schema: string | null, accessor: string | null): boolean {
  if (accessor !== null) return false;
  if (schema === 'temp') return cls === 'engine' && table.startsWith(`s_${names.suffix}_`) && !/_(bound|who)$/.test(table);
  const right = WRITES[cls]?.[table];
  if (schema !== 'main' || right === undefined) return false;
  if (action === sqlite.SQLITE_INSERT) return right.insert === true;
  if (action === sqlite.SQLITE_DELETE) return right.delete === true;
  return right.update?.includes(column) ?? false;
}
