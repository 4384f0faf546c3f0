// The table of what is moved as SQL of PostgreSQL: how a table is read in the order of its key, how its rows are put in, and the
// triggers that hold a database still.
import { fieldsOf } from '../move/columns.ts';
import type { Field } from '../move/columns.ts';
import { heldBy } from '../move/held.ts';
import type { Marker } from '../move/side.ts';
import type { EngineName, Kind, MovedTable } from '../move/moved-table.ts';

const TYPES = { text: 'text', int: 'bigint', real: 'double precision', flag: 'integer', task: 'uuid', lease: 'uuid' } as const satisfies Record<Kind, string>;

function expressionOf(table: MovedTable, { name, kind, extra }: Field): string {
  if (extra !== null) return extra.postgres;
  if (name === 'lane_type') return 'n.type';
  if (name === 'lane_compatibility') return 'n.compatibility';
  if (name === 'lane_limit_key') return 'n.limit_key';
  if (table.chain !== undefined && name === 'id') return 'a.id';
  if (kind === 'lease') return `replace(x.${name}::text, '-', '')`;
  return kind === 'flag' ? `x.${name}::integer` : `x.${name}`;
}

const JOINED = {
  tasks: 'JOIN prismq.task_events x ON x.client_id = a.client_id AND x.task_id = a.task_id AND x.seq = a.seq',
  security: `JOIN prismq.security_events x ON coalesce(x.client_id, '') = a.client_id AND x.event_id = a.event_id`,
} as const;
/** A file numbers its tasks in the order of the queue; here that is the order of the ids. */
const POSITIONS = `JOIN (SELECT client_id, task_id, row_number() OVER (ORDER BY task_id, client_id) AS task_no FROM prismq.tasks) p ON p.client_id = x.client_id AND p.task_id = x.task_id`;

function fromOf(table: MovedTable, fields: readonly Field[]): string {
  const base = table.chain === undefined ? `prismq.${table.name} x` : `prismq.audit_places a ${JOINED[table.chain]}`;
  const lane = table.ofLane === true ? ' JOIN prismq.lanes n ON n.client_id = x.client_id AND n.lane_no = x.lane_no' : '';
  return `${base}${lane}${fields.some(({ name }) => name === 'task_no') ? ` ${POSITIONS}` : ''}`;
}

const conditionsOf = (table: MovedTable): string[] => [
  ...(table.chain === undefined ? [] : [`a.chain = '${table.chain}'`]),
  ...(table.only === undefined ? [] : [`(${table.only})`]),
];

/** With `after`, its values are $1 and on, in the order of the key. */
export function selectOf(table: MovedTable, target: EngineName, after: boolean): string {
  const fields = fieldsOf(table, target);
  const keys = table.key.map((name) => fields.find((field) => field.name === name) as Field);
  const key = keys.map((field) => expressionOf(table, field));
  const where = [...(after ? [`(${key.join(', ')}) > (${keys.map(({ kind }, i) => `$${i + 1}::${TYPES[kind]}`).join(', ')})`] : []), ...conditionsOf(table)];
  // The numbers of the audit lie in runs that are ordered: each is sorted by itself.
  const order = table.chain === undefined ? key : ['a.last_id', ...key];
  return `SELECT ${fields.map((field) => expressionOf(table, field)).join(', ')} FROM ${fromOf(table, fields)}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`} ORDER BY ${order.join(', ')}`;
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
    table.ofLane === true
      ? ' LEFT JOIN prismq.lanes n ON n.client_id = r.client_id AND n.type = r.lane_type AND n.compatibility = r.lane_compatibility AND n.limit_key = r.lane_limit_key'
      : '';
  const [key] = table.key;
  const kept = columns.filter((column) => column !== key);
  const conflict = table.replaces === true ? ` ON CONFLICT (${key}) DO UPDATE SET ${kept.map((column) => `${column} = excluded.${column}`).join(', ')}` : '';
  return `WITH r AS MATERIALIZED (SELECT * FROM json_to_recordset($1::json) AS j(${fields.map(({ name, kind }) => `${name} ${TYPES[kind]}`).join(', ')}))${numbersOf(table)}
INSERT INTO prismq.${table.name} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM r${lane}${conflict}`;
}

/** The number in the chain goes on from the last one, or from the seal that covers the first row: rows before it may have been cut. */
function numbersOf({ chain }: MovedTable): string {
  if (chain === undefined) return '';
  const [client, columns, values] =
    chain === 'tasks' ? ['r.client_id', 'task_ids, seqs', 'ARRAY[r.task_id], ARRAY[r.seq]'] : [`coalesce(r.client_id, '')`, 'event_ids', 'ARRAY[r.event_id]'];
  return `, base AS MATERIALIZED (SELECT f.client_id, coalesce((SELECT l.no FROM prismq.audit_last l WHERE l.chain = '${chain}' AND l.client_id = f.client_id),
    (SELECT s.seq - s.rows FROM prismq.audit_seals s WHERE s.client_id = f.client_id AND s.chain = '${chain}' AND s.last_id >= f.id ORDER BY s.seq LIMIT 1),
    (SELECT max(s.seq) FROM prismq.audit_seals s WHERE s.client_id = f.client_id AND s.chain = '${chain}'), 0) AS no
  FROM (SELECT ${client} AS client_id, min(r.id) AS id FROM r GROUP BY 1) f),
numbered AS (INSERT INTO prismq.audit_numbers (chain, last_id, last_no, client_id, ${columns})
  SELECT '${chain}', r.id, b.no + row_number() OVER (PARTITION BY b.client_id ORDER BY r.id), b.client_id, ${values} FROM r JOIN base b ON b.client_id = ${client} RETURNING client_id, last_no),
lasting AS (INSERT INTO prismq.audit_last (chain, client_id, no) SELECT '${chain}', n.client_id, max(n.last_no) FROM numbered n GROUP BY n.client_id
  ON CONFLICT (chain, client_id) DO UPDATE SET no = excluded.no)`;
}

export const STATUS_COUNTS = `SELECT client_id, status, count(*) FROM (
  SELECT client_id, 'queued' AS status FROM prismq.ready UNION ALL SELECT client_id, state FROM prismq.delayed UNION ALL SELECT client_id, 'leased' FROM prismq.leases
  UNION ALL SELECT client_id, 'blocked' FROM prismq.blocked UNION ALL SELECT client_id, status FROM prismq.finished) p GROUP BY client_id, status ORDER BY client_id COLLATE "C", status COLLATE "C"`;

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
const NUMBERING = ['audit_numbers', 'audit_passed', 'audit_last'];

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
  UPDATE prismq.audit_passed SET sealed_id = 0, numbered_id = 0, next_xact = 0, running = '{}';
  INSERT INTO prismq.audit_anchored (one, n, digest) VALUES (1, 0, '');
  FOR t IN ${HELD_TABLES} LOOP EXECUTE format('ALTER TABLE prismq.%I ENABLE TRIGGER USER', t); END LOOP;
  DELETE FROM prismq.meta WHERE key NOT IN ('lanes_version', 'categories_version', 'draws', 'category_mode', 'restore_epoch');
  UPDATE prismq.meta SET value = CASE key WHEN 'category_mode' THEN 'open' ELSE '0' END WHERE key IN ('draws', 'category_mode');
END $$`;
