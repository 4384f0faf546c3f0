// Attacks on SQLite itself: schema, settings, files, plans and functions. No class has any of it.
import type { StatementClass } from '../../../src/store/sqlite/rights.ts';
import type { AttackGroup } from './group.ts';

const WRITERS: readonly StatementClass[] = ['engine', 'registry'];
const everywhere = (name: string, sql: string, classes: readonly StatementClass[] = ['client', ...WRITERS]): AttackGroup['attacks'] =>
  classes.map((cls) => ({ name: `${name}, of ${cls}`, cls, sql }));

export const ENGINE_ROOM: readonly AttackGroup[] = [
  {
    title: 'schema, files and transactions are the owner of the file alone',
    controls: [{ cls: 'owner', sql: 'select name from sqlite_schema' }],
    attacks: [
      ...everywhere('attach', `attach ':memory:' as x`),
      ...everywhere('detach', 'detach main', ['client']),
      ...everywhere('temp view', 'create temp view mine as select * from main.tasks'),
      ...everywhere('temp trigger', 'create temp trigger mine after insert on main.ready begin delete from task_events; end'),
      ...everywhere('temp table', 'create temp table mine (x)'),
      ...everywhere('temp table of a select', 'create temp table mine as select * from main.tasks', ['engine']),
      ...everywhere('index', 'create index mine on tasks (payload)'),
      ...everywhere('drop of a table', 'drop table main.task_events'),
      ...everywhere('drop of a trigger', 'drop trigger main.task_events_no_update'),
      ...everywhere('drop of a walled view', 'drop view walled.tasks'),
      ...everywhere('alter', 'alter table main.tasks add column x'),
      ...everywhere('rename', 'alter table main.tasks rename to x', ['engine']),
      ...everywhere('savepoint', 'savepoint mine'),
      ...everywhere('release', 'release attack', ['engine']),
      ...everywhere('rollback', 'rollback', ['client']),
      ...everywhere('commit', 'commit', ['client']),
      ...everywhere('analyze', 'analyze', ['engine']),
      ...everywhere('reindex', 'reindex', ['engine']),
      ...everywhere('schema', 'select sql from sqlite_schema'),
      ...everywhere('schema of main', 'select sql from main.sqlite_master', ['client', 'admin']),
      ...everywhere('names of the wall', 'select name from sqlite_temp_schema', ['client', 'admin', 'engine']),
      ...everywhere('write to the schema', `delete from sqlite_schema`, ['engine']),
      ...everywhere('virtual table', 'create virtual table temp.mine using dbstat', ['engine']),
    ],
  },
  {
    title: 'settings, plans and functions outside the list are closed',
    controls: [
      { cls: 'client', sql: `select json_object('now', now_ms())` },
      { cls: 'client', sql: `select value from json_each('[1]')` },
    ],
    attacks: [
      ...everywhere('writable schema', 'pragma writable_schema = on'),
      ...everywhere('foreign keys', 'pragma foreign_keys = off'),
      ...everywhere('recursive triggers', 'pragma recursive_triggers = off', WRITERS),
      ...everywhere('columns', 'pragma table_info(tasks)'),
      ...everywhere('columns by a function', `select * from pragma_table_info('tasks')`),
      ...everywhere('files by a function', 'select * from pragma_database_list', ['client']),
      ...everywhere('plan', 'explain select * from shown.task_queue', ['client', 'platform']),
      ...everywhere('query plan', 'explain query plan select * from shown.task_queue', ['client']),
      ...everywhere('plan behind a comment', '/* a */ -- b\n /* c\n */ EXPLAIN select * from shown.task_queue', ['client']),
      ...everywhere('extension', `select load_extension('x')`),
      ...everywhere('random bytes', 'select randomblob(8)', ['client']),
      ...everywhere('zero bytes', 'select zeroblob(8)', ['client']),
      ...everywhere('format', `select printf('%8d', 1)`, ['client']),
      ...everywhere('function outside the list', `select hex(1)`, ['client']),
      ...everywhere('version', 'select sqlite_version()', ['client']),
      ...everywhere('rows changed', 'select total_changes()', ['client']),
    ],
  },
];
