// Attacks on the SQLite wall through the rights of each class. Client `a` is bound; nothing of client `b` may be seen or
// changed. Every group has a positive control, so that a wall that refuses everything does not pass.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DatabaseSync } from 'node:sqlite';
import { openConnection } from '../../src/store/sqlite/connection.ts';
import { loadMigrations, migrate } from '../../src/store/sqlite/migrate.ts';
import type { StatementClass } from '../../src/store/sqlite/rights.ts';
import { Statements } from '../../src/store/sqlite/statements.ts';
import { buildWall } from '../../src/store/sqlite/wall.ts';
import type { Wall } from '../../src/store/sqlite/wall.ts';

const SEED = `
  INSERT INTO clients (client_id, created_at_utc) VALUES ('a', 1), ('b', 1);
  INSERT INTO lanes (lane_id, client_id, type) VALUES (1, 'a', 'T.A'), (2, 'b', 'T.B');
  INSERT INTO tasks (task_no, client_id, task_id, lane_id, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload) VALUES
    (1, 'a', 'twin', 1, 100, 100, 5, 1000, 1, 1, '"canary-a"'), (2, 'b', 'twin', 2, 1, 1, 5, 1000, 1, 1, '"canary-b"'),
    (3, 'a', 'held', 1, 100, 100, 5, 1000, 1, 1, '"canary-a"'), (4, 'b', 'held', 2, 1, 1, 5, 1000, 1, 1, '"canary-b"');
  INSERT INTO ready VALUES ('a', 100, 1, 1, 0, 0, 0, 0, 0, NULL, NULL), ('b', 1, 2, 2, 0, 0, 0, 0, 0, NULL, NULL);
  INSERT INTO capability_sets VALUES (1, 'narrow');
  INSERT INTO capability_lanes VALUES (1, 'a', 1);
  INSERT INTO workers (worker_id, set_id, capabilities, strategy, status, registered_at_utc, heartbeat_utc) VALUES ('w', 1, '{}', 'PRIORITY', 'ready', 1, 1), ('v', 1, '{}', 'PRIORITY', 'ready', 1, 1);
  INSERT INTO leases VALUES (3, 'a', 1, 'v', 'secret-a', 1, 9, 1, 1, 0, 0, NULL, NULL), (4, 'b', 2, 'v', 'secret-b', 1, 9, 1, 1, 0, 0, NULL, NULL);
  INSERT INTO task_events (log_id, client_id, task_no, at_utc, event, to_status, actor) VALUES (1, 'a', 1, 1, 'enqueue', 'queued', 'client:a'), (2, 'b', 2, 1, 'enqueue', 'queued', 'client:b');
  INSERT INTO security_events (event_id, at_utc, actor, action, client_id, outcome) VALUES (1, 1, 'admin', 'key.create', 'a', 'done'), (2, 1, 'admin', 'key.create', 'b', 'done');
  INSERT INTO api_keys (key_id, digest, role, client_id, created_at_utc) VALUES ('ka', 'da', 'client', 'a', 1), ('kb', 'db', 'client', 'b', 1);
`;

let db: DatabaseSync;
let wall: Wall;
let statements: Statements;

before(() => {
  db = openConnection({ file: ':memory:', readOnly: false, synchronous: 'FULL', now: () => 5 });
  migrate(db, loadMigrations(new URL('../../sql/sqlite/migrations/', import.meta.url)), 5, false);
  wall = buildWall(db, 'f00dfeedf00dfeed');
  statements = new Statements(db, wall, new Map());
  wall.bind({ clients: '*' });
  asOwner(() => db.exec(SEED));
  wall.bind({ clients: ['a'] });
});
after(() => db.close());

function asOwner<T>(action: () => T): T {
  wall.current = 'owner';
  try {
    return action();
  } finally {
    wall.current = 'none';
  }
}

const TABLES = ['tasks', 'ready', 'leases', 'task_events', 'security_events', 'api_keys', 'clients', 'lanes', 'workers', 'meta'];
const everything = (): string => asOwner(() => JSON.stringify(TABLES.map((table) => db.prepare(`SELECT * FROM main.${table}`).all())));

/** Refused, or answered without a trace of `b`; and in both cases nothing changed. */
function holds(cls: StatementClass, sql: string): void {
  const snapshot = everything();
  let rows: unknown[] = [];
  let refused = false;
  try {
    rows = statements.composed(cls, sql, {});
  } catch {
    refused = true;
  }
  assert.ok(refused || !/canary-b|secret-b|"b"|client:b|"kb"|"db"/.test(JSON.stringify(rows)), `${cls}: ${sql} answered ${JSON.stringify(rows)}`);
  assert.equal(everything(), snapshot, `${cls}: ${sql} changed something`);
}

/** Must not run at all, whatever it would answer. */
function isRefused(cls: StatementClass, sql: string): void {
  const snapshot = everything();
  assert.throws(() => statements.composed(cls, sql, {}), `${cls}: ${sql} ran`);
  assert.equal(everything(), snapshot);
}

const READERS: readonly StatementClass[] = ['client', 'worker', 'admin', 'platform', 'auditor'];

/** Reading past the views. */
const READS = [
  'SELECT * FROM main.tasks',
  'SELECT count(*) FROM main.tasks',
  'SELECT max(task_no) FROM main.tasks',
  'SELECT payload FROM main.task_queue',
  'WITH task_queue AS (SELECT * FROM main.tasks) SELECT * FROM task_queue',
  'WITH task_events_no_replace AS (SELECT log_id FROM main.task_events) SELECT * FROM task_events_no_replace',
  'WITH worker_inbox AS (SELECT * FROM main.leases) SELECT * FROM worker_inbox',
  'SELECT (SELECT payload FROM main.tasks LIMIT 1)',
  'SELECT q.id FROM task_queue q JOIN main.tasks t ON 1',
  'SELECT id FROM task_queue WHERE EXISTS (SELECT 1 FROM main.tasks)',
  'SELECT * FROM main.leases',
  'SELECT digest FROM main.api_keys',
  'SELECT * FROM clients',
  'SELECT * FROM sqlite_schema',
  'SELECT * FROM sqlite_temp_schema',
  `SELECT * FROM pragma_table_info('tasks')`,
  'SELECT * FROM pragma_database_list',
  'SELECT * FROM dbstat',
  'WITH walled.tasks AS (SELECT payload FROM main.tasks) SELECT * FROM walled.tasks',
  'WITH shown.task_queue (x) AS NOT MATERIALIZED (SELECT payload FROM main.tasks) SELECT * FROM shown.task_queue',
];

/** Doing what no statement of a class does. */
const DEEDS = [
  'EXPLAIN SELECT 1',
  '/* hidden */ EXPLAIN QUERY PLAN SELECT 1',
  '-- hidden\nEXPLAIN SELECT 1',
  ';EXPLAIN SELECT 1',
  'PRAGMA table_list',
  'PRAGMA writable_schema = ON',
  'PRAGMA foreign_keys = OFF',
  'PRAGMA recursive_triggers = OFF',
  `ATTACH '/tmp/prismq-attack.db' AS x`,
  'DETACH temp',
  `VACUUM INTO '/tmp/prismq-attack.db'`,
  'VACUUM',
  'REINDEX',
  'ANALYZE',
  'BEGIN',
  'SAVEPOINT x',
  'CREATE TEMP VIEW x AS SELECT * FROM main.tasks',
  'CREATE TEMP TABLE x AS SELECT * FROM main.tasks',
  'CREATE TABLE x (y)',
  'CREATE INDEX x ON tasks (payload)',
  'CREATE TEMP TRIGGER x AFTER INSERT ON main.ready BEGIN SELECT 1; END',
  'DROP TABLE tasks',
  'DROP VIEW task_queue',
  'DROP TRIGGER task_events_no_delete',
  'ALTER TABLE tasks ADD COLUMN x',
  `SELECT load_extension('x')`,
  'SELECT randomblob(10)',
  `SELECT writefile('/tmp/x', 'y')`,
  'SELECT sqlite_version()',
];

/** Writing what a role never writes. */
const WRITES = [
  `INSERT INTO main.tasks (client_id) VALUES ('a')`,
  `INSERT OR REPLACE INTO main.task_events (log_id, client_id, task_no, at_utc, event, actor) VALUES (1, 'a', 1, 1, 'enqueue', 'x')`,
  `UPDATE main.task_events SET actor = 'x'`,
  'DELETE FROM main.task_events',
  'DELETE FROM main.security_events',
  `UPDATE main.tasks SET client_id = 'a'`,
  `UPDATE main.tasks SET payload = '1'`,
  'DELETE FROM main.ready',
  'DELETE FROM main.leases',
  `UPDATE main.leases SET worker_id = 'w'`,
  `INSERT INTO main.worker_grants (grant_id, worker_id, client_id, pattern, created_at_utc) VALUES ('g', 'w', '*', '*', 1)`,
  `UPDATE main.clients SET status = 'suspended'`,
  'DELETE FROM main.clients',
  `INSERT INTO main.meta VALUES ('audit_cut', '99')`,
];

describe('a class that reads', () => {
  for (const cls of READERS) {
    for (const sql of READS) it(`${cls} sees nothing past its views: ${sql}`, () => holds(cls, sql));
    for (const sql of DEEDS) it(`${cls} does nothing but read: ${sql}`, () => isRefused(cls, sql));
    for (const sql of WRITES) it(`${cls} writes nothing: ${sql}`, () => isRefused(cls, sql));
  }
  it('does read its own (control)', () => {
    assert.deepEqual(statements.composed('client', 'SELECT id, payload FROM task_queue ORDER BY id', {}), [
      ['held', '"canary-a"'],
      ['twin', '"canary-a"'],
    ]);
    assert.deepEqual(statements.composed('platform', 'SELECT id FROM task_queue ORDER BY id', {}), [['held'], ['twin']]);
    assert.deepEqual(statements.composed('auditor', 'SELECT client_id FROM task_logs', {}), [['a']]);
  });
  for (const sql of [...READS, ...DEEDS, ...WRITES]) it(`of no class does nothing at all: ${sql}`, () => isRefused('none', sql));
});

describe('columns are rights', () => {
  for (const [cls, sql] of [
    ['platform', 'SELECT payload FROM task_queue'],
    ['platform', 'SELECT * FROM task_queue'],
    ['platform', 'SELECT result FROM task_queue'],
    ['platform', 'SELECT payload FROM walled.tasks'],
    ['client', 'SELECT lease_id FROM walled.leases'],
    ['client', 'SELECT digest FROM walled.api_keys'],
    ['auditor', 'SELECT payload FROM task_queue'],
    ['worker', 'SELECT payload FROM task_queue'],
    ['worker', 'SELECT payload FROM walled.tasks'],
    ['engine', 'SELECT payload FROM walled.tasks'],
    ['engine', `UPDATE main.tasks SET client_id = 'a'`],
    ['engine', `UPDATE main.task_events SET actor = 'x'`],
    ['engine', 'DELETE FROM main.task_events'],
  ] as const)
    it(`${cls} is refused ${sql}`, () => isRefused(cls, sql));
});

describe('the engine, whose statements forgot their filter', () => {
  const FORGOTTEN = [
    `DELETE FROM main.ready WHERE task_no = 2`,
    `DELETE FROM main.ready WHERE priority > 0`,
    `DELETE FROM main.leases WHERE task_no = 4`,
    `UPDATE main.leases SET lease_until_utc = 99 WHERE task_no IN (3, 4)`,
    `UPDATE main.tasks SET payload = '1' WHERE task_no > 0`,
    `INSERT INTO main.ready SELECT 'b', 5, 9, 2, 0, 0, 0, 0, 0, NULL, NULL`,
    `INSERT INTO main.finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases) VALUES (2, 'b', 2, 'completed', 1, 1, 1, 0)`,
    `INSERT INTO main.task_events (client_id, task_no, at_utc, event, actor) VALUES ('b', 2, 1, 'claim', 'x')`,
    `INSERT OR REPLACE INTO main.task_events (log_id, client_id, task_no, at_utc, event, actor) VALUES (1, 'a', 1, 1, 'claim', 'x')`,
  ];
  for (const sql of FORGOTTEN) it(`is stopped at a foreign row: ${sql}`, () => isRefused('engine', sql));
  it('sees no foreign row', () => assert.deepEqual(statements.composed('engine', 'SELECT client_id, task_no FROM walled.leases', {}), [['a', 3]]));
  it('moves its own (control)', () => {
    asOwner(() => db.exec('SAVEPOINT control'));
    statements.composed('engine', 'DELETE FROM main.ready WHERE task_no = 1', {});
    assert.deepEqual(statements.composed('engine', 'SELECT * FROM walled.ready', {}), []);
    asOwner(() => db.exec('ROLLBACK TO control; RELEASE control'));
  });
});

describe('a worker', () => {
  const as = (worker: string, action: () => void): void => {
    wall.bind({ clients: '*', workerId: worker, setId: 1 });
    try {
      action();
    } finally {
      wall.bind({ clients: ['a'] });
    }
  };
  const LEASE = (taskNo: number, client: string, lane: number, worker: string): string =>
    `INSERT INTO main.leases (task_no, client_id, lane_id, worker_id, lease_id, reserved_at_utc, lease_until_utc, attempt, claims, releases, losses) VALUES (${taskNo}, '${client}', ${lane}, '${worker}', 'x', 1, 9, 1, 1, 0, 0)`;
  it('leases nothing outside declared ∩ granted', () => as('w', () => isRefused('engine', LEASE(2, 'b', 2, 'w'))));
  it('leases no task of another client in the name of its own', () => as('w', () => isRefused('engine', LEASE(2, 'a', 1, 'w'))));
  it('leases nothing in the name of another', () => as('w', () => isRefused('engine', LEASE(1, 'a', 1, 'v'))));
  it("touches no other worker's lease", () =>
    as('w', () =>
      ['DELETE FROM main.leases WHERE task_no = 3', 'UPDATE main.leases SET lease_until_utc = 99 WHERE task_no = 3'].forEach((sql) => isRefused('engine', sql)),
    ));
  it('reads no payload that it does not hold', () =>
    as('w', () => assert.deepEqual(statements.composed('worker', 'SELECT payload, type FROM walled.held', {}), [])));
  it('reads the payload that it holds (control)', () =>
    as('v', () => assert.equal(statements.composed('worker', 'SELECT payload, type FROM walled.held', {}).length, 2)));
  it('sees in its inbox what it may take, without payload', () =>
    as('w', () => {
      assert.deepEqual(statements.composed('worker', 'SELECT id, client_id FROM worker_inbox', {}), [['twin', 'a']]);
      isRefused('worker', 'SELECT payload FROM worker_inbox');
    }));
});
