// `prismq doctor` on real stores: a healthy one has no finding, and each fault that is made is found by its own check.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { examineStore, mover, openQueue, setupPostgres } from '../../src/index.ts';
import type { CheckResult, PostgresLogins } from '../../src/index.ts';
import { parseEnvLines } from '../../src/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { inside } from '../cli/rig.ts';
import { startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';

const server = (await startServer()) as Server;
const skip = server === null;
after(() => server?.stop());

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-doctor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function made(place: string | PostgresLogins): Promise<void> {
  const queue = await openQueue(place, { janitorMs: 0, listenUrl: null });
  const worker = queue.worker('w1');
  for (const id of ['acme', 'globex']) for (let n = 0; n < 3; n++) await queue.client(id).enqueue('Mail.Send', { n }, { delayMs: n === 2 ? 60_000 : 0 });
  await worker.register({});
  const [one] = await worker.claim({ max: 2, strategy: 'FIFO' });
  assert.ok(one !== undefined);
  await worker.complete(one);
  await queue.close();
}

const stateOf = (checks: readonly CheckResult[], state: CheckResult['state']): readonly string[] =>
  checks.filter((one) => one.state === state).map(({ name }) => name);
const found = (checks: readonly CheckResult[], name: string): string => checks.find((one) => one.name === name)?.found ?? '';

test('a file that is well has no finding, in words and in JSON', async (t) => {
  const folder = folderOf(t);
  await made(join(folder, 'q.db'));
  const said = await inside(['doctor', '--db', 'q.db'], { base: folder });
  assert.equal(said.code, 0, said.out);
  assert.match(said.out, /✔ one-place\s+6 tasks/);
  assert.match(said.out, /6 checks: 0 failed, 0 warnings, 0 not possible/);
  const json = await inside(['doctor', '--db', 'q.db', '--json'], { base: folder });
  const { healthy, checks } = JSON.parse(json.out) as { healthy: boolean; checks: { name: string; state: string; looks_at: string; fix: string }[] };
  assert.deepEqual([healthy, checks.length], [true, 6]);
  for (const check of checks) assert.ok(check.state === 'ok' && check.looks_at.length > 10 && check.fix.length > 10, check.name);
  const none = await inside(['doctor', '--db', 'none.db'], { base: folder });
  assert.equal(none.code, 7);
});

const FILE_FAULTS = [
  ['permissions', 'failed', /open to others: 644/, (file: string) => chmodSync(file, 0o644)],
  ['schema', 'failed', /trigger task_events_no_update is missing/, (file: string) => run(file, 'DROP TRIGGER task_events_no_update')],
  ['schema', 'failed', /ran|applied with another text|not made by this program/, (file: string) => run(file, `UPDATE schema_migrations SET checksum = 'x'`)],
  ['schema', 'warning', /table mine is somebody else/, (file: string) => run(file, 'CREATE TABLE mine (a)')],
  ['one-place', 'failed', /is in 0 places/, (file: string) => run(file, 'DELETE FROM delayed')],
  [
    'one-place',
    'failed',
    /is in 2 places/,
    (file: string) => run(file, 'INSERT INTO blocked (task_no, client_id, lane_id) SELECT task_no, client_id, lane_id FROM delayed LIMIT 1'),
  ],
  ['one-place', 'failed', /1 places without a task/, (file: string) => run(file, `INSERT INTO ready SELECT 'acme', 1, 999, 1, 0, 0, 0, 0, 0, NULL, NULL`)],
  [
    'integrity',
    'failed',
    /names what is not there/,
    (file: string) => run(file, `PRAGMA foreign_keys = OFF; INSERT INTO task_progress VALUES (999, 'acme', 1, '1')`),
  ],
  ['journal', 'failed', /delete, not wal/, (file: string) => run(file, 'PRAGMA journal_mode = DELETE')],
] as const;

function run(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

test('each fault of a file is found by its own check, with what to do', async (t) => {
  const folder = folderOf(t);
  for (const [i, [name, state, what, harm]] of FILE_FAULTS.entries()) {
    const file = join(folder, `${i}.db`);
    await made(file);
    harm(file);
    const checks = await examineStore(file);
    assert.match(found(checks, name), what, `${i}`);
    assert.deepEqual(stateOf(checks, state), [name], JSON.stringify(checks));
    assert.equal((await inside(['doctor', '--db', file], { base: folder })).code, state === 'failed' ? 1 : 0);
  }
});

async function setUp(dedicated: boolean): Promise<{ readonly url: string; readonly logins: PostgresLogins }> {
  const url = await server.database({ bare: true });
  const { lines } = await setupPostgres(url, { dedicated });
  return { url, logins: parseEnvLines(lines) as PostgresLogins };
}

test('a database that was set up and is its own has no finding; what a login can not see is said', { skip }, async () => {
  const { url, logins } = await setUp(true);
  await made(logins);
  const checks = await examineStore(logins);
  assert.deepEqual([stateOf(checks, 'failed'), stateOf(checks, 'warning')], [[], []], JSON.stringify(checks, null, 1));
  assert.deepEqual(stateOf(checks, 'unknown'), ['schema', 'one-place', 'move']);
  assert.match(found(checks, 'crossing'), /3\d attempts, none got through/);
  assert.match(found(checks, 'capabilities'), /postgresql 1\d\.\d+, listen/);
  const whole = await examineStore(url);
  assert.deepEqual([stateOf(whole, 'failed'), stateOf(whole, 'warning'), stateOf(whole, 'unknown')], [[], ['logins'], []], JSON.stringify(whole, null, 1));
  assert.match(found(whole, 'one-place'), /6 tasks/);
  assert.deepEqual(await server.query(url, `SELECT client_id FROM prismq.clients WHERE client_id LIKE 'prismq.doctor%'`), [], 'nothing stays of what it tried');
});

test('what a shared database leaves open is a warning that names it', { skip }, async () => {
  const { logins } = await setUp(false);
  const checks = await examineStore(logins);
  assert.deepEqual([stateOf(checks, 'failed'), stateOf(checks, 'warning')], [[], ['dedicated']]);
  assert.match(found(checks, 'dedicated'), /CONNECT and TEMP for PUBLIC; advisory locks.*; large objects; statements/);
});

const DATABASE_FAULTS = [
  ['row-security', /tasks is open/, 'ALTER TABLE prismq.tasks NO FORCE ROW LEVEL SECURITY', ['logins', 'row-security']],
  [
    'crossing',
    /tasks is read with the context of another client; tasks is read with no context; tasks is read with a forged context/,
    'CREATE POLICY leak ON prismq.tasks FOR SELECT TO prismq_client USING (true)',
    ['crossing'],
  ],
  ['crossing', /DELETE FROM prismq.ready` goes through/, 'GRANT DELETE ON prismq.ready TO prismq_client', ['crossing']],
  ['crossing', /SET LOCAL ROLE prismq_engine` goes through/, 'GRANT prismq_engine TO prismq_client', ['logins', 'owners', 'crossing']],
  ['owners', /prismq_janitor has BYPASSRLS/, 'ALTER ROLE prismq_janitor BYPASSRLS', ['owners']],
  ['schema', /functions and policies are of another version/, `UPDATE prismq.schema_migrations SET digest = 'x' WHERE number = 0`, []],
  ['one-place', /is in 0 places/, 'DELETE FROM prismq.delayed', []],
  [
    'one-place',
    /is in a place and is no task/,
    `INSERT INTO prismq.blocked (client_id, task_id, lane_no, events) VALUES ('acme', gen_random_uuid(), 1, 1)`,
    [],
  ],
] as const;
const UNDO = ['REVOKE prismq_engine FROM prismq_client', 'ALTER ROLE prismq_janitor NOBYPASSRLS'];

test('each fault of a database is found by its own check', { skip }, async () => {
  for (const [name, what, harm, failing] of DATABASE_FAULTS) {
    const { url, logins } = await setUp(true);
    await made(logins);
    await server.query(url, harm);
    try {
      const checks = [...(await examineStore(logins)), ...(await examineStore(url))];
      const told = checks.filter((one) => one.name === name && one.state === 'failed').map((one) => one.found);
      assert.match(told.join('\n'), what, harm);
      assert.deepEqual(stateOf(checks.slice(0, checks.length / 2), 'failed'), failing, harm);
    } finally {
      for (const sql of UNDO) await server.query(url, sql);
    }
  }
});

test('a queue that a move holds still says so', async (t) => {
  const folder = folderOf(t);
  const [from, to] = [join(folder, 'a.db'), join(folder, 'b.db')];
  await made(from);
  await (await mover()).move({ from, to }, { leases: 'carry' });
  const checks = await examineStore(from);
  assert.deepEqual([stateOf(checks, 'failed'), stateOf(checks, 'warning')], [[], ['move']]);
  assert.match(found(checks, 'move'), /has moved to .*b\.db/);
  assert.deepEqual(stateOf(await examineStore(to), 'warning'), []);
});

test('a queue on PostgreSQL knows what its server can do', { skip }, async (t) => {
  const queue = await openQueue(await server.database({ realClock: true }), { janitorMs: 0 });
  t.after(() => queue.close());
  const { database } = queue.capabilities as Store['capabilities'];
  assert.equal(database?.notifications, 'listen');
  assert.equal(Number(database?.version.split('.')[0]), server.version);
  assert.equal(database?.flavour, 'postgresql');
});
