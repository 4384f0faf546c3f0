// The table of what is moved as SQL of SQLite: how a table is read in the order of its key, how its rows are put in, and the triggers
// that hold a file still.
import { fieldsOf } from '../move/columns.ts';
import type { Field } from '../move/columns.ts';
import type { EngineName, MovedTable } from '../move/moved-table.ts';

/** Where a field is in the file. */
export const columnOf = (table: MovedTable, name: string): string => table.onSqlite?.[name] ?? table.refs?.[name] ?? name;

function expressionOf(table: MovedTable, { name, extra }: Field): string {
  if (extra !== null) return extra.sqlite;
  if (name === 'lane_type') return 'n.type';
  if (name === 'lane_compatibility') return 'n.compatibility';
  if (name === 'lane_limit_key') return 'n.limit_key';
  const ref = table.refs?.[name];
  if (ref !== undefined) return `(SELECT p.task_id FROM tasks p WHERE p.task_no = x.${ref})`;
  return table.ofTask === true && name === 'task_id' ? 't.task_id' : `x.${columnOf(table, name)}`;
}

const fromOf = (table: MovedTable): string =>
  `${table.name} x${table.ofTask === true ? ' JOIN tasks t ON t.task_no = x.task_no' : ''}${table.ofLane === true ? ' JOIN lanes n ON n.lane_id = x.lane_id' : ''}`;

/** With `after`, its values are bound in the order of the key. */
export function selectOf(table: MovedTable, target: EngineName, after: boolean): string {
  const fields = fieldsOf(table, target);
  // The index of tasks gives the order of everything that is of a task.
  const key = table.key.map((name) =>
    table.ofTask === true && name === 'client_id' ? 't.client_id' : expressionOf(table, fields.find((field) => field.name === name) as Field),
  );
  const where = [...(after ? [`(${key.join(', ')}) > (${key.map(() => '?').join(', ')})`] : []), ...(table.only === undefined ? [] : [`(${table.only})`])];
  return `SELECT ${fields.map((field) => expressionOf(table, field)).join(', ')} FROM ${fromOf(table)}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`} ORDER BY ${key.join(', ')}`;
}

export const countOf = (table: MovedTable): string => `SELECT count(*) FROM ${table.name} x${table.only === undefined ? '' : ` WHERE ${table.only}`}`;

/** The fields are bound in their order. */
export function insertOf(table: MovedTable): string {
  const fields = fieldsOf(table, 'sqlite');
  const at = (name: string): string => `?${fields.findIndex((field) => field.name === name) + 1}`;
  const taskOf = (name: string): string => `(SELECT t.task_no FROM tasks t WHERE t.client_id = ${at('client_id')} AND t.task_id = ${at(name)})`;
  const columns: string[] = [];
  const values: string[] = [];
  const add = (column: string, value: string): void => void (columns.push(column), values.push(value));
  for (const { name, extra } of fields) {
    if (name.startsWith('lane_') || (table.ofTask === true && name === 'task_id')) continue;
    if (table.refs?.[name] !== undefined) add(columnOf(table, name), taskOf(name));
    else if (extra === null || extra.for === 'sqlite') add(columnOf(table, name), at(name));
  }
  if (table.ofTask === true) add('task_no', taskOf('task_id'));
  if (table.ofLane === true)
    add(
      'lane_id',
      `(SELECT n.lane_id FROM lanes n WHERE n.client_id = ${at('client_id')} AND n.type = ${at('lane_type')} AND n.compatibility = ${at('lane_compatibility')} AND n.limit_key = ${at('lane_limit_key')})`,
    );
  return `INSERT ${table.replaces === true ? 'OR REPLACE ' : ''}INTO ${table.name} (${columns.join(', ')}) VALUES (${values.join(', ')})`;
}

export const STATUS_COUNTS = `SELECT client_id, status, count(*) FROM (
  SELECT client_id, 'queued' AS status FROM ready UNION ALL SELECT client_id, state FROM delayed UNION ALL SELECT client_id, 'leased' FROM leases
  UNION ALL SELECT client_id, 'blocked' FROM blocked UNION ALL SELECT client_id, status FROM finished) GROUP BY client_id, status ORDER BY client_id, status`;

const PREFIX = 'prismq_hold_';
export const HELD = `SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '${PREFIX.replaceAll('_', '\\_')}%' ESCAPE '\\'`;
/** `meta` stays open: the marker is in it, and what else is written to it comes with a row of another table. */
const OPEN = ['meta', 'schema_migrations'];

/** `message` begins with the code of the refusal: see `heldOf`. */
export function holdTriggers(tables: readonly string[], kind: 'claims' | 'writes', message: string): readonly string[] {
  const quoted = `'${message.replaceAll("'", "''")}'`;
  const trigger = (table: string, verb: string): string =>
    `CREATE TRIGGER ${PREFIX}${table}_${verb.toLowerCase()} BEFORE ${verb} ON ${table} BEGIN SELECT RAISE(ABORT, ${quoted}); END`;
  if (kind === 'claims') return [trigger('leases', 'INSERT')];
  return tables.filter((table) => !OPEN.includes(table)).flatMap((table) => ['INSERT', 'UPDATE', 'DELETE'].map((verb) => trigger(table, verb)));
}
