// A walled connection with two clients of the same shape: `a` is bound, `b` is what no attack may read or change.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { openConnection } from '../../../src/store/sqlite/connection.ts';
import { loadMigrations, migrate } from '../../../src/store/sqlite/migrate.ts';
import type { StatementClass } from '../../../src/store/sqlite/rights.ts';
import { CLIENT_TABLES } from '../../../src/store/sqlite/tables.ts';
import type { Row } from '../../../src/store/sqlite/statements.ts';
import { Statements } from '../../../src/store/sqlite/statements.ts';
import type { Scope, Wall } from '../../../src/store/sqlite/wall.ts';
import { buildWall } from '../../../src/store/sqlite/wall.ts';

const MIGRATIONS = new URL('../../../sql/sqlite/migrations/', import.meta.url);
const NOW = 1_700_000_000_000;
export const BOUND: Scope = { clients: ['a'] };

export interface Bench {
  readonly db: DatabaseSync;
  readonly wall: Wall;
  ask(cls: StatementClass, sql: string): Row[];
  /** Nothing is prepared any more: after rights were changed. */
  renew(): void;
  /** Rows of `b`, the two audits and the schema, as the owner sees them. */
  snapshot(): string;
  close(): void;
}

/** The two clients in a file's bytes, made once. */
let prepared: Uint8Array | undefined;
function prepare(): Uint8Array {
  const db = openConnection({ file: ':memory:', readOnly: false, synchronous: 'NORMAL', now: () => NOW });
  migrate(db, loadMigrations(MIGRATIONS), NOW, false);
  db.exec(`INSERT INTO capability_sets VALUES (1, 'one'); ${seed('a', 5000)} ${seed('b', 7000)}`);
  const bytes = db.serialize();
  db.close();
  return bytes;
}

/** `harm` is done to the connection before its wall is built: what a mutant of the wall is. */
export function openBench(harm: (db: DatabaseSync) => void = () => undefined): Bench {
  const db = openConnection({ file: ':memory:', readOnly: false, synchronous: 'NORMAL', now: () => NOW });
  db.deserialize((prepared ??= prepare()));
  harm(db);
  const wall = buildWall(db, randomBytes(8).toString('hex'));
  let statements = new Statements(db, wall, new Map());
  wall.bind(BOUND);
  return {
    db,
    wall,
    ask: (cls, sql) => statements.composed(cls, sql, {}),
    renew: () => void (statements = new Statements(db, wall, new Map())),
    snapshot: () => asOwner(wall, () => snapshot(db)),
    close: () => db.close(),
  };
}

export function asOwner<T>(wall: Wall, action: () => T): T {
  wall.current = 'owner';
  try {
    return action();
  } finally {
    wall.current = 'none';
  }
}

/** Numbers of a client lie in base … base+99, so that a row is told by any of its columns. Places in order: ready, delayed, leased, blocked, finished. */
function seed(c: string, base: number): string {
  const task = (i: number): string =>
    `INSERT INTO tasks (task_no, client_id, task_id, lane_id, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload, idempotency_key, request_digest, metadata)
      VALUES (${base + i}, '${c}', 'twin-${i}', ${base + 50}, 100, 100, 3, 1000, ${NOW}, ${NOW}, 'secret-of-${c}', 'key-of-${c}-${i}', 'digest-of-${c}', '{"of":"secret-of-${c}"}');
    INSERT INTO task_events VALUES (${base + 60 + i}, '${c}', ${base + i}, ${NOW}, 'enqueue', NULL, 'queued', 'owner-of-${c}', 0, '{"of":"secret-of-${c}"}');
    INSERT INTO task_messages VALUES (${base + 70 + i}, '${c}', ${base + i}, ${NOW}, 0, 'secret-of-${c}', NULL);
    INSERT INTO task_progress VALUES (${base + i}, '${c}', ${NOW}, 'secret-of-${c}');
    INSERT INTO task_metadata VALUES ('${c}', 'of', 'secret-of-${c}', ${base + i});`;
  return `INSERT INTO clients (client_id, created_at_utc) VALUES ('${c}', ${NOW});
    INSERT INTO lanes (lane_id, client_id, type) VALUES (${base + 50}, '${c}', 'mail'), (${base + 51}, '${c}', 'bare');
    ${[1, 2, 3, 4, 5].map(task).join('\n')}
    INSERT INTO ready VALUES ('${c}', 100, ${base + 1}, ${base + 50}, 0, 0, 0, 0, 0.5, NULL, NULL);
    INSERT INTO delayed VALUES (${base + 2}, '${c}', ${base + 50}, 'queued', ${NOW}, 0, 0, 0, 0, NULL, NULL);
    INSERT INTO leases VALUES (${base + 3}, '${c}', ${base + 50}, 'worker-of-${c}', 'lease-of-${c}', ${NOW}, ${NOW}, 0, 1, 0, 0, NULL, NULL);
    INSERT INTO blocked (task_no, client_id, lane_id, claims, due_at_utc, expires_at_utc) VALUES (${base + 4}, '${c}', ${base + 50}, 0, NULL, NULL);
    INSERT INTO finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases, reason, lease_id, result)
      VALUES (${base + 5}, '${c}', ${base + 50}, 'dead_letter', ${NOW}, 1, 1, 0, 'reason-of-${c}', 'lease-of-${c}', 'secret-of-${c}');
    INSERT INTO task_attempts VALUES (${base + 5}, 1, '${c}', 1, 'worker-of-${c}', 'lease-of-${c}', 'fail', ${NOW}, 'kind', 'error-of-${c}', 'stack-of-${c}');
    INSERT INTO capability_lanes VALUES (1, '${c}', ${base + 50});
    INSERT INTO workers VALUES ('worker-of-${c}', 1, '{}', 'FIFO', 'weighted', 'ready', '{}', ${NOW}, ${NOW});
    INSERT INTO worker_grants VALUES ('grant-of-${c}', 'worker-of-${c}', '${c}', 'mail', '{}', 0, ${NOW});
    INSERT INTO api_keys VALUES ('api-of-${c}', 'digest-of-${c}', 'client', '${c}', NULL, NULL, ${NOW}, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO data_keys VALUES ('${c}', 1, 'wrapped-of-${c}', ${NOW});
    INSERT INTO audit_seals (chain, client_id, seq, rows, first_id, last_id, prev_hash, hash, marks, at_utc) VALUES ('tasks', '${c}', 1, 1, ${base + 61}, ${base + 61}, 'prev-of-${c}', 'hash-of-${c}', '', ${NOW});
    INSERT INTO audit_anchors VALUES ('${c}', 'tasks', 1, 'hash-of-${c}', 1, ${NOW});
    INSERT INTO audit_cuts VALUES ('${c}', 'security', 1, 'hash-of-${c}', 0, ${NOW});
    INSERT INTO audit_retention VALUES ('${c}', NULL);
    INSERT INTO task_dependencies VALUES ('${c}', ${base + 1}, ${base + 4}, 0, 'cancel', 'open', 100);
    INSERT INTO ended_parents VALUES ('${c}', ${base + 5}, 'dead_letter', 0);
    INSERT INTO task_sla VALUES ('${c}', ${base + 1}, ${NOW}, 'at_risk', ${NOW});
    INSERT INTO quota_room VALUES ('${c}', 5, 5, ${NOW});
    INSERT INTO priority_changes VALUES ('${c}', ${base + 1});
    INSERT INTO schedules (client_id, name, kind, every_ms, at_utc, type, payload, options, missed, next_utc, created_at_utc, changed_at_utc)
      VALUES ('${c}', 'ticks-of-${c}', 'every', 1000, ${NOW}, 'mail', 'secret-of-${c}', '{}', 'one', ${NOW}, ${NOW}, ${NOW});
    INSERT INTO limits VALUES ('${c}', 'limit-of-${c}', NULL, NULL, 5, 5, 1000, ${NOW});
    INSERT INTO lane_limits VALUES ('${c}', ${base + 50}, 'limit-of-${c}', 'bucket-of-${c}');
    INSERT INTO limit_starts VALUES ('${c}', 'limit-of-${c}', 'bucket-of-${c}', ${NOW}, 1);
    INSERT INTO security_events VALUES (${base + 80}, ${NOW}, 'owner-of-${c}', 'grant', '${c}', NULL, 'done', NULL, ${base + 80});`;
}

function snapshot(db: DatabaseSync): string {
  const parts: unknown[] = [];
  for (const table of Object.keys(CLIENT_TABLES)) parts.push(table, db.prepare(`SELECT * FROM main.${table} WHERE client_id = 'b'`).all());
  for (const table of ['task_events', 'security_events']) parts.push(db.prepare(`SELECT * FROM main.${table}`).all());
  for (const schema of ['sqlite_schema', 'sqlite_temp_schema']) parts.push(db.prepare(`SELECT name, sql FROM ${schema} ORDER BY name`).all());
  for (const pragma of ['foreign_keys', 'writable_schema', 'recursive_triggers', 'trusted_schema', 'database_list'])
    parts.push(pragma, db.prepare(`PRAGMA ${pragma}`).all());
  return JSON.stringify(parts);
}

/** What the wall, the triggers of the audit and SQLite's own protection of views and of its schema say. */
export const REFUSAL = /is prohibited|not authorized|authorization denied|not bound|append-only|EXPLAIN is not|because it is a view|may not be modified/;

/** Anything that tells of a row of `b`: its name, its marked texts, its numbers. */
export function tellsOfB(rows: readonly Row[]): boolean {
  return /"b"|-of-b\b|\b70\d\d\b/.test(JSON.stringify(rows));
}

/** Runs the attack inside a transaction that is undone; refuses a leak and any change of what `b` owns. */
export function attack(bench: Bench, cls: StatementClass, sql: string, expected: 'refused' | 'blind', scope: Scope = BOUND): void {
  bench.wall.bind(scope);
  const before = bench.snapshot();
  asOwner(bench.wall, () => bench.db.exec('SAVEPOINT attack'));
  let rows: readonly Row[] | undefined;
  let refusal: unknown;
  try {
    rows = bench.ask(cls, sql);
  } catch (error) {
    refusal = error;
  }
  const after = bench.snapshot();
  asOwner(bench.wall, () => bench.db.exec('ROLLBACK TO attack; RELEASE attack'));
  assert.equal(after, before, 'rows of b, the audit, the schema and the settings stay');
  if (rows !== undefined) assert.ok(!tellsOfB(rows), `answered rows of b: ${JSON.stringify(rows).slice(0, 300)}`);
  if (expected === 'blind') return assert.equal(refusal, undefined);
  assert.match(String(refusal), REFUSAL, 'a refusal, not a mistake in the statement');
}

/** The same kind of statement where it is right: it runs, answers or changes something, and is undone. */
export function control(bench: Bench, cls: StatementClass, sql: string, scope: Scope = BOUND): void {
  bench.wall.bind(scope);
  asOwner(bench.wall, () => bench.db.exec('SAVEPOINT control'));
  try {
    const total = (): number => asOwner(bench.wall, () => (bench.db.prepare('SELECT total_changes() AS n').get() as { n: number }).n);
    const before = total();
    const rows = bench.ask(cls, sql);
    assert.ok(rows.length > 0 || total() > before, 'the control does something');
  } finally {
    asOwner(bench.wall, () => bench.db.exec('ROLLBACK TO control; RELEASE control'));
  }
}
