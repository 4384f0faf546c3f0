// What each class may not read or write, table by table and column by column: everything that its rights do not name. The secrets are
// written by hand, so that a right too many in the table of rights is found here; the rest says that the table is enforced.
import { DatabaseSync } from 'node:sqlite';
import { loadMigrations, migrate } from '../../../src/store/sqlite/migrate.ts';
import { READS, WRITES } from '../../../src/store/sqlite/rights.ts';
import { CLIENT_TABLES, SHARED_TABLES } from '../../../src/store/sqlite/tables.ts';
import type { StatementClass } from '../../../src/store/sqlite/rights.ts';
import type { AttackGroup } from './group.ts';

type Attacks = AttackGroup['attacks'];

const TABLES: readonly string[] = [...Object.keys(CLIENT_TABLES), ...SHARED_TABLES];
const READERS: readonly StatementClass[] = ['client', 'worker', 'admin', 'platform', 'auditor'];
export const CLASSES: readonly StatementClass[] = [...READERS, 'engine', 'registry', 'sealer'];

/** Views that the wall makes over the tables of the main schema, and how a statement names them. */
const VIEWS: Readonly<Record<string, string>> = {
  task_queue: 'shown',
  task_logs: 'shown',
  worker_inbox: 'shown',
  v_queue_status_summary: 'shown',
  v_queue_type_summary: 'shown',
  v_worker_status: 'shown',
  v_task_performance: 'shown',
  v_recent_failures: 'shown',
  held: 'walled',
  self: 'walled',
  own_grants: 'walled',
  visible_workers: 'walled',
};
export const NAMES: readonly string[] = [...TABLES, ...Object.keys(VIEWS)];
export const namedIn = (name: string): string => `${VIEWS[name] ?? 'walled'}.${name}`;

/** Column of a table or view → the classes that may read it. Nobody else does. */
const SECRETS: Readonly<Record<string, readonly StatementClass[]>> = {
  'tasks.payload': ['client', 'admin'],
  'tasks.request_digest': ['engine'],
  'tasks.idempotency_key': ['client', 'admin', 'engine'],
  'tasks.metadata': ['client', 'admin', 'engine'],
  'finished.result': ['client', 'admin', 'engine'],
  'finished.lease_id': ['engine'],
  'leases.lease_id': ['engine'],
  'task_attempts.lease_id': ['engine'],
  'task_attempts.error_message': ['client', 'admin', 'engine'],
  'task_attempts.error_stack': ['client', 'admin'],
  'task_messages.message': ['client', 'admin'],
  'task_messages.details': ['client', 'admin'],
  'task_progress.value': ['client', 'admin'],
  'task_metadata.value': ['client', 'admin'],
  'task_events.details': ['sealer'],
  'api_keys.digest': ['registry'],
  'secrets.value': ['registry'],
  'data_keys.wrapped': ['registry'],
  'task_queue.payload': ['client', 'admin'],
  'task_queue.result': ['client', 'admin'],
  'task_queue.progress': ['client', 'admin'],
  'task_queue.metadata': ['client', 'admin'],
  'task_queue.idempotency_key': ['client', 'admin'],
  'v_recent_failures.error_message': ['client', 'admin'],
  'held.payload': ['worker'],
};

const secrets: Attacks = Object.entries(SECRETS).flatMap(([path, open]) => {
  const [name = '', column = ''] = path.split('.');
  return CLASSES.filter((cls) => !open.includes(cls)).map((cls) => ({ name: `${path} by ${cls}`, cls, sql: `select ${column} from ${namedIn(name)}` }));
});

function columnsByTable(): ReadonlyMap<string, readonly string[]> {
  const db = new DatabaseSync(':memory:');
  migrate(db, loadMigrations(new URL('../../../sql/sqlite/migrations/', import.meta.url)), 1, false);
  const columns = NAMES.map(
    (name) => [name, (db.prepare(`SELECT name FROM pragma_table_info(?)`).all(name) as { name: string }[]).map((row) => row.name)] as const,
  );
  db.close();
  return new Map(columns);
}
export const COLUMNS = columnsByTable();

/** Columns that the rights of a class leave out of a name that it reads. */
export function closedColumns(cls: StatementClass, name: string): readonly string[] {
  const right = READS[cls]?.[name];
  if (right === undefined || right === true) return [];
  return (COLUMNS.get(name) ?? []).filter((column) => ('only' in right ? !right.only.includes(column) : right.except.includes(column)));
}

const unread: Attacks = CLASSES.flatMap((cls) =>
  NAMES.flatMap((name) => {
    if (READS[cls]?.[name] === undefined) return [{ name: `${name} by ${cls}`, cls, sql: `select * from ${namedIn(name)}` }];
    return closedColumns(cls, name).map((column) => ({ name: `${name}.${column} by ${cls}`, cls, sql: `select ${column} from ${namedIn(name)}` }));
  }),
);

/** The bound client's own rows: what refuses is the right and not whose row it is. */
const ofOwn = (table: string): string => (table in CLIENT_TABLES ? ` where client_id = 'a'` : '');

const unwritten: Attacks = CLASSES.flatMap((cls) =>
  TABLES.flatMap((table) => {
    const right = WRITES[cls]?.[table];
    const column = (COLUMNS.get(table) ?? []).find((one) => right?.update?.includes(one) !== true) ?? 'client_id';
    return [
      ...(right?.insert === true ? [] : [{ name: `insert into ${table} by ${cls}`, cls, sql: `insert into main.${table} select * from ${namedIn(table)}` }]),
      ...(right?.insert === true ? [] : [{ name: `empty insert into ${table} by ${cls}`, cls, sql: `insert into main.${table} default values` }]),
      ...(right?.delete === true ? [] : [{ name: `delete from ${table} by ${cls}`, cls, sql: `delete from main.${table}${ofOwn(table)}` }]),
      { name: `update ${table}.${column} by ${cls}`, cls, sql: `update main.${table} set ${column} = ${column}${ofOwn(table)}` },
      { name: `blind update of ${table}.${column} by ${cls}`, cls, sql: `update main.${table} set ${column} = 'a'` },
    ];
  }),
);

/** What a column takes in every row. */
const VALUES: Readonly<Record<string, string>> = {
  'task_sla.state': "'breached'",
  status: `'suspended'`,
  idempotency_key: 'null',
  state: `'met'`,
  kind: `'once'`,
  missed: `'all'`,
};

/** A row of `b` is nobody's who has not bound it, whatever the right. */
const foreign: Attacks = (['engine', 'registry', 'sealer'] as const).flatMap((cls) =>
  Object.keys(CLIENT_TABLES).flatMap((table) => {
    const right = WRITES[cls]?.[table];
    return [
      ...(right?.delete === true ? [{ name: `every row of ${table} by ${cls}`, cls, sql: `delete from main.${table}` }] : []),
      ...(right?.update ?? []).map((column) => ({
        name: `every ${table}.${column} by ${cls}`,
        cls,
        sql: `update main.${table} set ${column} = ${VALUES[`${table}.${column}`] ?? VALUES[column] ?? '9'}`,
      })),
    ];
  }),
);

/** What a class may read, without any filter: rows of the other client are not among it. */
const unfiltered: Attacks = CLASSES.flatMap((cls) =>
  Object.keys(READS[cls] ?? {})
    // Workers are of no client: the platform sees all of them.
    .filter((name) => (name in CLIENT_TABLES || name in VIEWS) && name !== 'v_worker_status')
    .map((name) => {
      const closed = closedColumns(cls, name);
      const open = (COLUMNS.get(name) ?? []).filter((column) => !closed.includes(column));
      return {
        name: `all of ${name} by ${cls}`,
        cls,
        expected: 'blind' as const,
        sql: `select ${open.length === 0 ? '*' : open.join(', ')} from ${namedIn(name)}`,
      };
    }),
);

export const CLOSED: readonly AttackGroup[] = [
  {
    title: 'what a class reads without any filter is the bound client alone',
    controls: [{ cls: 'client', sql: 'select * from walled.ready' }],
    attacks: unfiltered,
  },
  {
    title: 'what a worker reads without any filter is its own',
    scope: { clients: ['a'], workerId: 'worker-of-a', setId: 1 },
    controls: [{ cls: 'worker', sql: 'select * from walled.own_grants' }],
    attacks: unfiltered.filter(({ cls }) => cls === 'worker'),
  },
  { title: 'a secret column is open to those alone who need it', controls: [{ cls: 'client', sql: 'select payload from shown.task_queue' }], attacks: secrets },
  {
    title: 'what the rights of a class do not name it does not read',
    controls: [{ cls: 'engine', sql: 'select metadata from walled.tasks' }],
    attacks: unread,
  },
  {
    title: 'what the rights of a class do not name it does not write',
    controls: [{ cls: 'engine', sql: 'delete from main.ready where task_no = 5001' }],
    attacks: unwritten,
  },
  {
    title: 'a statement without any filter stops at the first row of another client',
    controls: [{ cls: 'engine', sql: 'delete from main.ready where task_no = 5001' }],
    attacks: foreign,
  },
];
