// The table of what is moved as SQL of PostgreSQL: how a table is read in the order of its key, how its rows are put in, and the
// triggers that hold a database still.
import { fieldsOf } from '../move/columns.ts';
import type { Field } from '../move/columns.ts';
import { heldBy } from '../move/held.ts';
import type { Marker } from '../move/side.ts';
import type { EngineName, Kind, MovedTable } from '../move/tables.ts';

const TYPES = { text: 'text', int: 'bigint', real: 'double precision', flag: 'integer', task: 'uuid', lease: 'uuid' } as const satisfies Record<Kind, string>;

function expressionOf(table: MovedTable, { name, kind, extra }: Field): string {
  if (extra !== null) return extra.postgres;
  if (name === 'lane_type') return 'n.type';
  if (name === 'lane_compatibility') return 'n.compatibility';
  if (table.chain !== undefined && name === 'id') return 'a.id';
  if (kind === 'lease') return `replace(x.${name}::text, '-', '')`;
  return kind === 'flag' ? `x.${name}::integer` : `x.${name}`;
}

const JOINED = {
  tasks: 'JOIN prismq.task_events x ON x.client_id = a.client_id AND x.task_id = a.task_id AND x.seq = a.seq',
  security: 'JOIN prismq.security_events x ON x.event_id = a.event_id',
} as const;
/** A file numbers its tasks in the order of the queue; here that is the order of the ids. */
const POSITIONS = `JOIN (SELECT client_id, task_id, row_number() OVER (ORDER BY task_id, client_id) AS task_no FROM prismq.tasks) p ON p.client_id = x.client_id AND p.task_id = x.task_id`;

function fromOf(table: MovedTable, fields: readonly Field[]): string {
  const base = table.chain === undefined ? `prismq.${table.name} x` : `prismq.audit_numbers a ${JOINED[table.chain.name]}`;
  const lane = table.ofLane === true ? ' JOIN prismq.lanes n ON n.client_id = x.client_id AND n.lane_no = x.lane_no' : '';
  return `${base}${lane}${fields.some(({ name }) => name === 'task_no') ? ` ${POSITIONS}` : ''}`;
}

const conditionsOf = (table: MovedTable): string[] => [
  ...(table.chain === undefined ? [] : [`a.chain = '${table.chain.name}'`]),
  ...(table.only === undefined ? [] : [`(${table.only})`]),
];

/** With `after`, its values are $1 and on, in the order of the key. */
export function selectOf(table: MovedTable, target: EngineName, after: boolean): string {
  const fields = fieldsOf(table, target);
  const keys = table.key.map((name) => fields.find((field) => field.name === name) as Field);
  const key = keys.map((field) => expressionOf(table, field));
  const where = [...(after ? [`(${key.join(', ')}) > (${keys.map(({ kind }, i) => `$${i + 1}::${TYPES[kind]}`).join(', ')})`] : []), ...conditionsOf(table)];
  return `SELECT ${fields.map((field) => expressionOf(table, field)).join(', ')} FROM ${fromOf(table, fields)}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`} ORDER BY ${key.join(', ')}`;
}

export const countOf = (table: MovedTable): string => `SELECT count(*) FROM prismq.${table.name} x${table.only === undefined ? '' : ` WHERE ${table.only}`}`;

/** $1 is a JSON array of objects, one a row. */
export function insertOf(table: MovedTable): string {
  const fields = fieldsOf(table, 'postgres');
  const columns: string[] = [];
  const values: string[] = [];
  const add = (column: string, value: string): void => void (columns.push(column), values.push(value));
  for (const { name, kind, extra } of fields) {
    if (name.startsWith('lane_') || (table.chain !== undefined && name === 'id')) continue;
    if (extra === null || extra.for === 'postgres') add(name, kind === 'flag' ? `r.${name} = 1` : `r.${name}`);
  }
  if (table.ofLane === true) add('lane_no', 'n.lane_no');
  for (const [name, expression] of Object.entries(table.made?.postgres ?? {})) add(name, expression);
  const lane =
    table.ofLane === true ? ' LEFT JOIN prismq.lanes n ON n.client_id = r.client_id AND n.type = r.lane_type AND n.compatibility = r.lane_compatibility' : '';
  const [key] = table.key;
  const kept = columns.filter((column) => column !== key);
  const conflict = table.replaces === true ? ` ON CONFLICT (${key}) DO UPDATE SET ${kept.map((column) => `${column} = excluded.${column}`).join(', ')}` : '';
  return `WITH r AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS j(${fields.map(({ name, kind }) => `${name} ${TYPES[kind]}`).join(', ')}))${numbersOf(table)}
INSERT INTO prismq.${table.name} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM r${lane}${conflict}`;
}

function numbersOf({ chain }: MovedTable): string {
  if (chain === undefined) return '';
  const [columns, values] =
    chain.name === 'tasks' ? ['client_id, task_id, seq', 'r.client_id, r.task_id, r.seq'] : ['client_id, event_id', "coalesce(r.client_id, ''), r.event_id"];
  return `, numbered AS (INSERT INTO prismq.audit_numbers (chain, id, ${columns}) SELECT '${chain.name}', r.id, ${values} FROM r)`;
}

export const STATUS_COUNTS = `SELECT client_id, status, count(*) FROM (
  SELECT client_id, 'queued' AS status FROM prismq.ready UNION ALL SELECT client_id, state FROM prismq.delayed UNION ALL SELECT client_id, 'leased' FROM prismq.leases
  UNION ALL SELECT client_id, 'blocked' FROM prismq.blocked UNION ALL SELECT client_id, status FROM prismq.finished) p GROUP BY client_id, status ORDER BY client_id COLLATE "C", status COLLATE "C"`;

/** Numbers what no sealer has numbered yet. Only once nobody writes: then nothing can come between. */
export const NUMBER_ALL = `WITH p AS (SELECT * FROM prismq.audit_passed),
t AS (INSERT INTO prismq.audit_numbers (chain, id, client_id, task_id, seq)
  SELECT 'tasks', (SELECT p.numbered_id FROM p WHERE p.chain = 'tasks') + row_number() OVER (ORDER BY e.xact, e.client_id, e.task_id, e.seq), e.client_id, e.task_id, e.seq
  FROM prismq.task_events e WHERE e.xact >= (SELECT p.next_xact FROM p WHERE p.chain = 'tasks') RETURNING id),
s AS (INSERT INTO prismq.audit_numbers (chain, id, client_id, event_id)
  SELECT 'security', (SELECT p.numbered_id FROM p WHERE p.chain = 'security') + row_number() OVER (ORDER BY e.xact, e.event_id), coalesce(e.client_id, ''), e.event_id
  FROM prismq.security_events e WHERE e.xact >= (SELECT p.next_xact FROM p WHERE p.chain = 'security') RETURNING id)
UPDATE prismq.audit_passed a SET numbered_id = a.numbered_id + (SELECT count(*) FROM t WHERE a.chain = 'tasks') + (SELECT count(*) FROM s WHERE a.chain = 'security'), next_xact = pg_current_xact_id()::text::bigint`;

const TRIGGER = 'prismq_hold';
/** `meta` stays open: the marker is in it, and what else is written to it comes with a row of another table. */
const HELD_TABLES = `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'prismq'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('meta', 'schema_migrations', 'signing_keys', 'sql_roles') ORDER BY 1`;

/** A statement is let through when the session says the word whose digest the trigger was given: nobody else knows it. */
const GUARD = `CREATE OR REPLACE FUNCTION prismq.hold_still() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF encode(sha256(convert_to(coalesce(current_setting('prismq.move_word', true), ''), 'UTF8')), 'hex') = TG_ARGV[2] THEN RETURN NULL; END IF;
  RAISE EXCEPTION USING ERRCODE = 'PQ001', MESSAGE = jsonb_build_object('code', TG_ARGV[0], 'message', TG_ARGV[1], 'details', NULL)::text;
END $f$`;

export const RELEASE = `DO $$ DECLARE t record; BEGIN
  FOR t IN SELECT c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE g.tgname = '${TRIGGER}' AND c.relnamespace = 'prismq'::regnamespace ORDER BY 1 LOOP
    EXECUTE format('DROP TRIGGER ${TRIGGER} ON prismq.%I', t.relname);
  END LOOP;
  DROP FUNCTION IF EXISTS prismq.hold_still();
END $$`;

/** Inside of dollar quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''").replaceAll('$', '_')}'`;

/** What a source still takes: who reads its audit has the sealer's numbering looked for first, and nothing is left to number. */
const NUMBERING = ['audit_numbers', 'audit_passed'];

/** Every lock is taken before the first trigger is made: who is writing ends first, who comes later is refused. */
export function holdSql(marker: Marker, digest: string): string {
  const { code, message } = heldBy(marker);
  const held = marker.role === 'to' ? HELD_TABLES : `SELECT x.relname FROM (${HELD_TABLES}) x WHERE x.relname NOT IN (${NUMBERING.map(quoted).join(', ')})`;
  const [tables, verbs] = marker.state === 'draining' ? [`SELECT 'leases'`, 'INSERT'] : [held, 'INSERT OR UPDATE OR DELETE'];
  const call = `prismq.hold_still(${[code, message, digest].map(quoted).join(', ')})`;
  return `DO $$ DECLARE t name; BEGIN
    FOR t IN ${tables} LOOP EXECUTE format('LOCK TABLE prismq.%I IN SHARE ROW EXCLUSIVE MODE', t); END LOOP;
  END $$;
  ${RELEASE};
  ${GUARD};
  DO $hold$ DECLARE t name; BEGIN
    FOR t IN ${tables} LOOP
      EXECUTE format($t$CREATE TRIGGER ${TRIGGER} BEFORE ${verbs} ON prismq.%I FOR EACH STATEMENT EXECUTE FUNCTION ${call.replaceAll('%', '%%')}$t$, t);
    END LOOP;
  END $hold$`;
}

/** Everything of the queue goes; logins, keys and settings of the database stay. */
export const CLEAR = `DO $$ DECLARE t name; BEGIN
  FOR t IN ${HELD_TABLES} LOOP EXECUTE format('ALTER TABLE prismq.%I DISABLE TRIGGER USER', t); END LOOP;
  EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('prismq.%I', x.relname), ', ') FROM (${HELD_TABLES}) x WHERE x.relname <> 'audit_passed');
  UPDATE prismq.audit_passed SET sealed_id = 0, numbered_id = 0, next_xact = 0;
  FOR t IN ${HELD_TABLES} LOOP EXECUTE format('ALTER TABLE prismq.%I ENABLE TRIGGER USER', t); END LOOP;
  DELETE FROM prismq.meta WHERE key NOT IN ('lanes_version', 'categories_version', 'draws', 'category_mode', 'restore_epoch');
  UPDATE prismq.meta SET value = CASE key WHEN 'category_mode' THEN 'open' ELSE '0' END WHERE key IN ('draws', 'category_mode');
END $$`;
