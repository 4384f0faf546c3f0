// The SQL as data: each named statement prepares with the rights of its class, moves tasks only as the state machine allows,
// and reads only through the wall.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { EVENTS, mayMove, STATES, TASK_EVENTS } from '../../src/domain/lifecycle.ts';
import type { TaskEvent, TaskState, Transition } from '../../src/domain/lifecycle.ts';
import { loadStatements, parseStatements } from '../../src/store/sql-files.ts';
import type { NamedStatement } from '../../src/store/sql-files.ts';
import { openConnection } from '../../src/store/sqlite/connection.ts';
import { loadMigrations, migrate } from '../../src/store/sqlite/migrate.ts';
import { READS, WRITES } from '../../src/store/sqlite/rights.ts';
import { Statements } from '../../src/store/sqlite/statements.ts';
import { buildWall } from '../../src/store/sqlite/wall.ts';

const SQL = new URL('../../sql/sqlite/', import.meta.url);
const NOW = 1_700_000_000_000;
const CLASSES = new Set(['owner', ...Object.keys(READS), ...Object.keys(WRITES)]);
const named = loadStatements(SQL);
const all = [...named.values()];

const db = openConnection({ file: ':memory:', readOnly: false, synchronous: 'FULL', now: () => NOW });
after(() => db.close());
migrate(db, loadMigrations(new URL('migrations/', SQL)), NOW, false);
const wall = buildWall(db, randomBytes(8).toString('hex'));
const prepare = (statement: NamedStatement): void =>
  void new Statements(db, wall, new Map([[statement.name, statement]])).ordered(statement.name, 'priority asc, task_no asc');

const one = (text: string): NamedStatement => parseStatements(text, 'made-up.sql')[0] as NamedStatement;

test('every named statement has a class and prepares with the rights of it', async (t) => {
  assert.ok(all.length > 100);
  for (const statement of all)
    await t.test(`${statement.file}: ${statement.name} (${statement.cls})`, () => {
      assert.ok(CLASSES.has(statement.cls), `${statement.cls} is a class of rights.ts`);
      assert.doesNotThrow(() => prepare(statement));
    });
});

test('a statement does not prepare with the rights of a class that lacks them', () => {
  for (const [name, cls] of [
    ['task_payload', 'client'],
    ['key_find', 'engine'],
    ['audit_totals', 'platform'],
    ['claimed', 'client'],
  ] as const) {
    const statement = named.get(name) as NamedStatement;
    assert.throws(() => prepare({ ...statement, cls }), /prohibited|not authorized|authorization denied/, name);
  }
});

/** Tables that have a status of their own, which is no state of a task. */
const OTHER_STATUS = new Set(['clients', 'workers', 'task_dependencies', 'edges', 'task_sla']);

const literals = (text: string): string[] => [...text.matchAll(/'([^']*)'/g)].map((match) => match[1] as string);

/** The literals that the statement compares a task's status or state with. */
function comparedStates(sql: string): string[] {
  const tables = new Map([...sql.matchAll(/\b(?:FROM|JOIN)\s+\w+\.(\w+)\s+(\w+)/g)].map((match) => [match[2], match[1] as string]));
  const first = /\b(?:FROM|UPDATE|INTO)\s+\w+\.(\w+)/.exec(sql)?.[1] ?? '';
  return [...sql.matchAll(/(?:\b(\w+)\.)?\b(?:status|state|from_status|to_status)\s*(?:=|<>|IS NOT|IS|NOT IN|IN)\s*('[^']*'|\([^)]*\))/g)]
    .filter((match) => !OTHER_STATUS.has(match[1] === undefined ? first : (tables.get(match[1]) ?? '')))
    .flatMap((match) => literals(match[2] as string));
}

/** Cuts at commas outside of brackets and strings. */
function items(text: string): string[] {
  const found = [''];
  let depth = 0;
  for (const token of text.match(/'[^']*'|[(),]|[^'(),]+/g) ?? []) {
    if (token === '(') depth++;
    if (token === ')') depth--;
    if (token === ',' && depth === 0) found.push('');
    else found[found.length - 1] += token;
  }
  return found.map((item) => item.trim());
}

/** What an INSERT puts into each column of its table; null for another statement. */
function inserted(sql: string): { readonly table: string; readonly columns: ReadonlyMap<string, string> } | null {
  const match = /^INSERT (?:OR \w+ )?INTO \w+\.(\w+) \(([^)]*)\)\s*(?:VALUES \((.*)\)|SELECT (.*))$/s.exec(sql);
  if (match === null) return null;
  const columns = items(match[2] as string);
  const values = match[3] === undefined ? items(match[4] as string) : items(match[3]);
  return { table: match[1] as string, columns: new Map(columns.map((column, i) => [column, (values[i] ?? 'missing').replace(/\sFROM .*$/s, '')])) };
}

/** The states a statement writes: a literal as it is, or what the branches of a CASE answer. */
function writtenStates(sql: string): string[] {
  const insert = inserted(sql);
  if (insert === null || OTHER_STATUS.has(insert.table)) return [];
  return ['status', 'state', 'from_status', 'to_status']
    .map((column) => insert.columns.get(column) ?? '')
    .flatMap((value) => (/^'[^']*'$/.test(value) ? literals(value) : [...value.matchAll(/(?:THEN|ELSE) '([^']*)'/g)].map((match) => match[1] as string)));
}

/** Labels of `SELECT 'queued' AS status` and of the branches of the CASE of `place_of` are states (or places) too. */
const labels = (sql: string): string[] => [...sql.matchAll(/'([^']*)' AS status|UNION ALL SELECT '([^']*)'/g)].map((match) => (match[1] ?? match[2]) as string);

const unknownStates = (sql: string): string[] =>
  [...comparedStates(sql), ...writtenStates(sql), ...labels(sql)].filter((state) => !(STATES as readonly string[]).includes(state));

test('every state that a statement compares with, writes or answers is one of the state machine', () => {
  const seen = new Set<string>();
  for (const { name, sql } of all) {
    assert.deepEqual(unknownStates(sql), [], name);
    for (const state of [...comparedStates(sql), ...writtenStates(sql), ...labels(sql)]) seen.add(state);
  }
  assert.deepEqual(
    [...STATES].filter((state) => !seen.has(state)),
    [],
    'the reading finds every state somewhere',
  );
});

test('a mistaken state is found where it is compared, listed, written or answered', () => {
  for (const sql of [
    `SELECT 1 FROM walled.finished f WHERE f.status = 'done'`,
    `SELECT 1 FROM walled.finished f WHERE f.status IN ('completed', 'done')`,
    `INSERT INTO main.delayed (task_no, state) SELECT p.task_no, 'done' FROM staged.picked p`,
    `INSERT INTO main.task_events (event, to_status) VALUES ('complete', CASE x WHEN 1 THEN 'completed' ELSE 'done' END)`,
    `SELECT 'done' AS status FROM walled.ready r`,
  ])
    assert.deepEqual(unknownStates(sql), ['done'], sql);
});

interface Move {
  readonly event: string;
  readonly from: string;
  readonly to: string;
}

/** The ends of an attempt, which `settle_log` writes from the staged operation. */
const ENDS = ['complete', 'fail', 'expire', 'release'];

/** The moves an INSERT into the audit can write; a status that is not a literal stands as `any`. */
function audited(sql: string): Move[] {
  const insert = inserted(sql);
  if (insert?.table !== 'task_events') return [];
  const of = (column: string): string => insert.columns.get(column) ?? 'missing';
  const plain = (value: string): string => (value === 'NULL' ? 'none' : (/^'([^']*)'$/.exec(value)?.[1] ?? 'any'));
  const [event, from, to] = [of('event'), plain(of('from_status')), of('to_status')];
  if (event.startsWith(`'`)) return [{ event: plain(event), from, to: plain(to) }];
  if (!to.startsWith(`CASE ${event} `)) return [];
  const cases = new Map([...to.matchAll(/WHEN '([^']*)' THEN '([^']*)'/g)].map((match) => [match[1] as string, match[2] as string]));
  const rest = /ELSE '([^']*)' END$/.exec(to)?.[1] ?? 'none';
  return [...new Set([...ENDS, ...cases.keys()])].map((name) => ({ event: name, from, to: cases.get(name) ?? rest }));
}

function allowed({ event, from, to }: Move): boolean {
  if (!(TASK_EVENTS as readonly string[]).includes(event)) return false;
  const rule: Transition = EVENTS[event as TaskEvent];
  if (!rule.audited) return false;
  if (from === 'none') return rule.from.length === 0 && Array.isArray(rule.to) && rule.to.includes(to);
  if (to === 'none') return rule.to === 'none' && (from === 'any' || rule.from.includes(from as TaskState));
  return mayMove(event as TaskEvent, from as TaskState, to as TaskState);
}

test('every move that a statement writes into the audit is one of the state machine', () => {
  const writers = all.filter(({ sql }) => inserted(sql)?.table === 'task_events');
  assert.equal(writers.length, all.filter(({ sql }) => /INTO main\.task_events/.test(sql)).length, 'every writer of the audit is read');
  for (const { name, sql } of writers) {
    const moves = audited(sql);
    // `event_add` has nothing but parameters: its moves are decided, and checked, in the domain.
    assert.equal(moves.length === 0, name === 'event_add', name);
    for (const move of moves) assert.ok(allowed(move), `${name}: ${JSON.stringify(move)}`);
  }
});

test('a move that the state machine does not have is found', () => {
  const log = (values: string): boolean[] => audited(`INSERT INTO main.task_events (event, from_status, to_status) SELECT ${values}`).map(allowed);
  assert.deepEqual(log(`'claim', 'queued', 'leased'`), [true]);
  assert.deepEqual(log(`'claim', 'failed', 'leased'`), [false]);
  assert.deepEqual(log(`'claimed', 'queued', 'leased'`), [false]);
  assert.deepEqual(log(`'heartbeat', 'leased', 'leased'`), [false]);
  assert.deepEqual(log(`'enqueue', NULL, 'leased'`), [false]);
  assert.deepEqual(log(`'claim', 'queued', NULL`), [false]);
  assert.deepEqual(log(`h.op, 'leased', CASE h.op WHEN 'complete' THEN 'completed' ELSE 'failed' END`), [true, true, true, false]);
});

/** Tables of the main schema, or without any schema, that are read by name. `json_each` and names of a WITH are no tables. */
function bypasses(sql: string): string[] {
  const text = sql.replace(/'[^']*'/g, `''`).replace(/--[^\n]*/g, '');
  const own = new Set([...text.matchAll(/\b(\w+)\s*(?:\([\w, ]*\)\s*)?AS\s*\(\s*SELECT/gi)].map((match) => match[1]));
  return [...text.matchAll(/(?<!DELETE\s)\b(?:FROM|JOIN)\s+([\w.]+)/gi)]
    .map((match) => match[1] as string)
    .filter((table) => !/^(walled|shown|staged)\./.test(table) && table !== 'json_each' && !own.has(table));
}

test('no statement but those of the owner reads a table around the wall', () => {
  for (const { name, cls, sql } of all) if (cls !== 'owner') assert.deepEqual(bypasses(sql), [], name);
  assert.deepEqual(bypasses((named.get('audit_steps') as NamedStatement).sql), ['main.audit_cuts', 'main.task_events']);
  assert.deepEqual(bypasses('SELECT 1 FROM walled.tasks t JOIN main.leases l ON 1'), ['main.leases']);
  assert.deepEqual(bypasses('DELETE FROM main.ready WHERE task_no IN (SELECT task_no FROM leases)'), ['leases']);
});

/** What is wrong with the parameters: a hole in the numbers, a name that was not compiled, a number without a name beside names. */
function parameterFaults({ sql, params }: NamedStatement): string[] {
  const text = sql.replace(/'[^']*'/g, `''`);
  const used = [...new Set([...text.matchAll(/\?(\d+)/g)].map((match) => Number(match[1])))].sort((a, b) => a - b);
  const faults = used.filter((position, i) => position !== i + 1).map((position) => `?${position}`);
  if (params.length > 0 && params.length !== used.length) faults.push(`${params.length} names for ${used.length} positions`);
  return [...faults, ...(text.match(/[:@$][a-z_]\w*|\?(?!\d)/gi) ?? [])];
}

test('every statement has the parameters that its text uses, and no other', () => {
  for (const statement of all) assert.deepEqual(parameterFaults(statement), [], statement.name);
  assert.deepEqual(parameterFaults(one('-- name: x (engine)\nSELECT :a, ?2')), ['1 names for 2 positions']);
  assert.deepEqual(parameterFaults(one('-- name: x (engine)\nSELECT ?1, ?3')), ['?3']);
  assert.deepEqual(parameterFaults(one('-- name: x (engine)\nSELECT @a, ?')), ['@a', '?']);
});

test('no statement compares with a pattern', () => {
  for (const { name, sql } of all) assert.doesNotMatch(sql.replace(/'[^']*'/g, `''`), /\b(LIKE|GLOB|REGEXP|MATCH)\b/i, name);
});
