// One thing of the second wall on SQLite taken away or opened, at a time: a right, a view's filter, a trigger, a rule of the authorizer.
import type { DatabaseSync } from 'node:sqlite';
import { constants as sqlite } from 'node:sqlite';
import { FUNCTIONS } from '../../../src/store/sqlite/functions.ts';
import { READS, WRITES } from '../../../src/store/sqlite/rights.ts';
import { CLIENT_TABLES, SHARED_TABLES } from '../../../src/store/sqlite/tables.ts';
import type { ReadRight, StatementClass, WriteRight } from '../../../src/store/sqlite/rights.ts';
import { CLASSES, closedColumns, COLUMNS, NAMES } from '../../store/attacks/closed.ts';

export interface Harm {
  readonly kind: 'right' | 'filter' | 'trigger' | 'authorizer';
  readonly name: string;
  /** Attacks with this in their text are tried first. */
  readonly hint: string;
  readonly cls?: StatementClass;
  /** Done before the wall is built; answers how it is undone. */
  readonly apply: (db: DatabaseSync) => () => void;
}

const nothing = (): void => undefined;
type Rights<R> = Partial<Record<StatementClass, Record<string, R>>>;

function replaced<R>(rights: Readonly<Partial<Record<StatementClass, Readonly<Record<string, R>>>>>, cls: StatementClass, name: string, right: R): () => void {
  const all = rights as Rights<R>;
  const hadClass = all[cls];
  const of = (all[cls] ??= {});
  const before = of[name];
  of[name] = right;
  return () => {
    if (before === undefined) delete of[name];
    else of[name] = before;
    if (hadClass === undefined) delete all[cls];
  };
}

function columnOpened(right: ReadRight, column: string): ReadRight {
  if (right === true) return true;
  return 'only' in right ? { only: [...right.only, column] } : { except: right.except.filter((one) => one !== column) };
}

const reading: readonly Harm[] = CLASSES.flatMap((cls) =>
  NAMES.flatMap((name): Harm[] => {
    const right = READS[cls]?.[name];
    if (right === undefined)
      return [{ kind: 'right', name: `${cls} may read ${name}`, hint: name, cls, apply: () => replaced<ReadRight>(READS, cls, name, true) }];
    return closedColumns(cls, name).map((column) => ({
      kind: 'right',
      name: `${cls} may read ${name}.${column}`,
      hint: column,
      cls,
      apply: () => replaced<ReadRight>(READS, cls, name, columnOpened(right, column)),
    }));
  }),
);

const TABLES: readonly string[] = [...Object.keys(CLIENT_TABLES), ...SHARED_TABLES];

/** With the key columns that the writing reads, so that nothing but the right decides. */
function opened(right: WriteRight, table: string, verb: 'insert' | 'delete' | 'update'): WriteRight {
  const columns = COLUMNS.get(table) ?? [];
  return { ...right, keys: ['', ...columns], ...(verb === 'update' ? { update: columns } : { [verb]: true }) };
}
const writing: readonly Harm[] = CLASSES.flatMap((cls) =>
  TABLES.flatMap((table) =>
    (['insert', 'delete', 'update'] as const)
      .filter((verb) => (verb === 'update' ? true : WRITES[cls]?.[table]?.[verb] !== true))
      .map(
        (verb): Harm => ({
          kind: 'right',
          name: `${cls} may ${verb} ${table}`,
          hint: table,
          cls,
          apply: () => replaced<WriteRight>(WRITES, cls, table, opened(WRITES[cls]?.[table] ?? {}, table, verb)),
        }),
      ),
  ),
);

/** Rewrites what the wall defines. A rewriting that changes nothing is a mistake of ours. */
export function redefined(db: DatabaseSync, rewrite: (sql: string) => string): () => void {
  const exec = db.exec.bind(db);
  db.exec = (sql) => exec(rewrite(sql));
  return nothing;
}
const definition = (kind: Harm['kind'], name: string, hint: string, rewrite: (sql: string) => string): Harm => ({
  kind,
  name,
  hint,
  apply: (db) => redefined(db, rewrite),
});

const isView = (sql: string, view: string): boolean => new RegExp(`^CREATE TEMP VIEW [wq]_[0-9a-f]+_${view} AS`).test(sql);
const isTrigger = (sql: string, table: string, verb: string): boolean => new RegExp(`^CREATE TEMP TRIGGER t_[0-9a-f]+_${table}_${verb} `).test(sql);

const filters: readonly Harm[] = [
  ...Object.keys(CLIENT_TABLES).map((table) =>
    definition('filter', `the view of ${table} shows every row`, table, (sql) => (isView(sql, table) ? sql.replace(/ WHERE .*$/s, '') : sql)),
  ),
  ...(['held', 'self', 'own_grants', 'visible_workers'] as const).map((view) =>
    definition('filter', `the view ${view} shows every row`, view, (sql) =>
      isView(sql, view) ? sql.replace(/\s+WHERE (?:(?:l\.)?worker_id = \(SELECT worker_id FROM \S+\)|EXISTS \(SELECT 1 FROM \S+_bound WHERE .*)$/s, '') : sql,
    ),
  ),
  definition('filter', 'the inbox shows what others may take', 'worker_inbox', (sql) =>
    isView(sql, 'worker_inbox') ? sql.replace(/ WHERE worker_id = \(SELECT worker_id FROM \S+\)$/, '') : sql,
  ),
  ...(['task_queue', 'task_logs', 'v_queue_status_summary', 'v_queue_type_summary', 'v_recent_failures'] as const).map((view) =>
    definition('filter', `the view ${view} is over the tables themselves`, view, (sql) =>
      isView(sql, view) ? sql.replace(/\bw_[0-9a-f]+_(\w+)/g, 'main.$1').replace(/^CREATE TEMP VIEW main\./, 'CREATE TEMP VIEW ') : sql,
    ),
  ),
];

export const LEASE_UNCOVERED = 'a lease outside declared and granted is taken';
export const LEASE_OF_ANOTHER = 'a lease for a task of another client is taken';

const triggers: readonly Harm[] = [
  ...Object.keys(CLIENT_TABLES).flatMap((table) =>
    (['insert', 'update', 'delete'] as const).map((verb) =>
      definition('trigger', `${verb} of ${table} looks at no row`, table, (sql) =>
        isTrigger(sql, table, verb) ? sql.replace(/ WHEN .* BEGIN /s, ' WHEN 0 BEGIN ') : sql,
      ),
    ),
  ),
  ...(['update', 'delete'] as const).map((verb) =>
    definition('trigger', `${verb} of leases asks for no worker`, 'leases', (sql) =>
      isTrigger(sql, 'leases', verb) ? sql.replace(/ OR EXISTS \(SELECT 1 FROM \S+ WHERE worker_id IS NOT OLD\.worker_id\)/, '') : sql,
    ),
  ),
  definition('trigger', 'insert of leases asks for no worker', 'leases', (sql) =>
    isTrigger(sql, 'leases', 'insert') ? sql.replace(/ OR EXISTS \(SELECT 1 FROM \S+ WHERE worker_id IS NOT NEW\.worker_id\)/, '') : sql,
  ),
  definition('trigger', LEASE_UNCOVERED, 'leases', (sql) =>
    isTrigger(sql, 'leases', 'insert') ? sql.replace(/ OR EXISTS \(SELECT 1 FROM \S+ w WHERE NOT EXISTS \(.*?\)\)(?= OR)/s, '') : sql,
  ),
  definition('trigger', LEASE_OF_ANOTHER, 'leases', (sql) =>
    isTrigger(sql, 'leases', 'insert') ? sql.replace(/ OR NOT EXISTS \(SELECT 1 FROM main\.tasks .*?\)(?= BEGIN)/s, '') : sql,
  ),
];

type Decide = Parameters<DatabaseSync['setAuthorizer']>[0];
type Asked = Parameters<NonNullable<Decide>>;

/** The authorizer answers yes where the test says so. */
function lenient(says: (...asked: Asked) => boolean): (db: DatabaseSync) => () => void {
  return (db) => {
    const set = db.setAuthorizer.bind(db);
    db.setAuthorizer = (decide) => set(decide === null ? null : (...asked) => (says(...asked) ? sqlite.SQLITE_OK : decide(...asked)));
    return nothing;
  };
}
const rule = (name: string, hint: string, says: (...asked: Asked) => boolean): Harm => ({ kind: 'authorizer', name, hint, apply: lenient(says) });

const ACTIONS: Readonly<Record<string, readonly [number, string]>> = {
  attach: [sqlite.SQLITE_ATTACH, 'attach'],
  detach: [sqlite.SQLITE_DETACH, 'detach'],
  pragma: [sqlite.SQLITE_PRAGMA, 'pragma'],
  transaction: [sqlite.SQLITE_TRANSACTION, 'rollback'],
  savepoint: [sqlite.SQLITE_SAVEPOINT, 'savepoint'],
  analyze: [sqlite.SQLITE_ANALYZE, 'analyze'],
  reindex: [sqlite.SQLITE_REINDEX, 'reindex'],
};
const FORBIDDEN_FUNCTIONS = ['load_extension', 'randomblob', 'zeroblob', 'printf', 'hex', 'sqlite_version', 'total_changes'] as const;

/** What hides a right to write: the class may not read the keys that the writing looks up. */
export const READS_OF_KEYS = rule(
  'no reading of the keys of other tables',
  'main.',
  (action, _a, _b, schema) => action === sqlite.SQLITE_READ && schema === 'main',
);

/** What hides a right to write the audit. */
export const APPEND_ONLY: Harm = {
  kind: 'trigger',
  name: 'the audit is append-only in the file itself',
  hint: 'main.task_events',
  apply: (db) => {
    const named = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND (name LIKE '%_no_delete' OR name LIKE '%_no_update')`).all() as {
      name: string;
    }[];
    for (const { name } of named) db.exec(`DROP TRIGGER ${name}`);
    return nothing;
  },
};

const rules: readonly Harm[] = [
  ...Object.entries(ACTIONS).map(([name, [action, hint]]) => rule(`${name} is allowed`, hint, (asked) => asked === action)),
  rule(
    'everything of the schema is allowed',
    'create',
    (action) => action <= sqlite.SQLITE_DROP_VIEW && ![sqlite.SQLITE_DELETE, sqlite.SQLITE_INSERT].includes(action),
  ),
  rule('any accessor reads', 'with', (action, _a, _b, _schema, accessor) => action === sqlite.SQLITE_READ && accessor !== null),
  rule(
    'an accessor with the name of a view reads',
    'with',
    (action, _a, _b, _schema, accessor) => action === sqlite.SQLITE_READ && NAMES.includes(accessor ?? ''),
  ),
  rule('tables of the main schema are read', 'main.', (action, _a, _b, schema) => action === sqlite.SQLITE_READ && schema === 'main'),
  rule('whatever is temporary is read', 'sqlite_temp_schema', (action, _a, _b, schema) => action === sqlite.SQLITE_READ && schema === 'temp'),
  rule('the bound set is written', 'bound_set', (action, table) => action === sqlite.SQLITE_INSERT && /^s_\w+_bound$/.test(table ?? '')),
  rule('who acts is written', 'who_set', (action, table) => action === sqlite.SQLITE_DELETE && /^s_\w+_who$/.test(table ?? '')),
  rule('a class of nobody selects', 'select 1', (action) => action === sqlite.SQLITE_SELECT),
  rule('the schema is read', 'sqlite_schema', (action, table) => action === sqlite.SQLITE_READ && (table ?? '').startsWith('sqlite_')),
  rule('virtual tables are read', 'pragma_', (action, table) => action === sqlite.SQLITE_READ && (table ?? '').startsWith('pragma_')),
  ...FORBIDDEN_FUNCTIONS.map(
    (name): Harm => ({
      kind: 'authorizer',
      name: `the function ${name} is allowed`,
      hint: name,
      apply: () => {
        FUNCTIONS.add(name);
        return () => void FUNCTIONS.delete(name);
      },
    }),
  ),
];

export const HARMS: readonly Harm[] = [...reading, ...writing, ...filters, ...triggers, ...rules];
