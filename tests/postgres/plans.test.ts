// What is read to answer: claims, lists and the inbox go by their indexes under row security, whatever lies beside. The server's own
// counters of the transaction say how many rows were read; PRISMQ_TEST_ROWS asks for more of them than the 20,000 of each kind here.
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import { createSigner } from '../../src/store/postgres/context.ts';
import type { Acting, Signer } from '../../src/store/postgres/context.ts';
import { readSigningKey } from '../../src/store/postgres/migrate.ts';
import type { Client } from '../../src/store/postgres/driver.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const ROWS = Number(env['PRISMQ_TEST_ROWS'] ?? 20_000);
const CLIENTS = 100;
const CATEGORIES = 1000;
/** Of each client, all of another category. */
const LANES = 20;
/** Most rows read for each that is answered, and what a call reads besides: its worker, its set, its settings. */
const FACTOR = 20;
const BESIDE = 400;

const SYSTEM: Acting = { role: 'system', clients: '*', actor: 'system' };
function workerOf(name: string): Acting {
  return { role: 'worker', clients: [], actor: `worker:${name}` };
}

const FILL = `
INSERT INTO prismq.clients (client_id, created_at_utc) SELECT 'c' || i, 1 FROM generate_series(1, ${CLIENTS}) i;
INSERT INTO prismq.lanes (client_id, lane_no, type) SELECT 'c' || c, l, 'Work.K' || ((c * 7 + l * 50) % ${CATEGORIES}) FROM generate_series(1, ${CLIENTS}) c, generate_series(1, ${LANES}) l;
CREATE TEMP TABLE made AS SELECT 'c' || (1 + i % ${CLIENTS}) AS client_id, gen_random_uuid() AS task_id, 1 + (i / ${CLIENTS}) % ${LANES} AS lane_no, 1 + i % 1000 AS priority, i % 3 AS place, i FROM generate_series(1, ${ROWS} * 3) i;
INSERT INTO prismq.tasks (client_id, task_id, lane_no, priority, effective_priority, max_attempts, max_run_ms, run_after_utc, created_at_utc, payload) SELECT client_id, task_id, lane_no, priority, priority, 5, 1000, i, i, '"x"' FROM made;
INSERT INTO prismq.ready (client_id, task_id, priority, lane_no, attempt, claims, releases, losses, events, draw) SELECT client_id, task_id, priority, lane_no, 0, 0, 0, 0, 1, 0 FROM made WHERE place = 0;
INSERT INTO prismq.delayed (client_id, task_id, lane_no, state, run_after_utc, attempt, claims, releases, losses, events) SELECT client_id, task_id, lane_no, 'queued', 99999999999999 + i, 0, 0, 0, 0, 1 FROM made WHERE place = 1;
INSERT INTO prismq.finished (client_id, task_id, lane_no, status, finished_at_utc, attempt, claims, releases, events) SELECT client_id, task_id, lane_no, 'completed', i, 1, 1, 0, 3 FROM made WHERE place = 2;
INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, to_status, actor) SELECT client_id, task_id, 1, i, 'enqueue', 'queued', 'client:' || client_id FROM made;
DROP TABLE made`;

describe('what PostgreSQL reads', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let client: pg.Client;
  let signer: Signer;
  before(async () => {
    server = (await startServer()) as Server;
    const url = await server.database({ realClock: true });
    await (await openQueue(url, { janitorMs: 0, listenUrl: null })).close();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(FILL);
    await client.query('VACUUM ANALYZE');
    signer = createSigner((await readSigningKey(client as unknown as Client, 'single')) as { kid: string; secret: string }, () => Date.now() / 1000);
    for (const [worker, pattern] of [
      ['wide', '*'],
      ['narrow', 'Work.K57'],
    ]) {
      await client.query(
        `SELECT prismq.program_grants($1, '${worker}', '[{"grant_id":"g-${worker}","client_id":"*","pattern":"${pattern}","attributes":"{}"}]')`,
        [signer.sign(SYSTEM, 0)],
      );
      await client.query(`SELECT prismq.worker_register($1, '{}', 'PRIORITY', 'weighted', '{}')`, [signer.sign(workerOf(worker as string), 0)]);
    }
  });
  after(async () => {
    await client?.end();
    server?.stop();
  });

  /** Rows answered and read by one statement as a class, and the tables that were read whole. */
  async function reads(
    role: string,
    acting: Acting,
    sql: string,
    values: unknown[] = [],
  ): Promise<{ answered: number; read: number; whole: string[]; rows: string }> {
    const token = signer.sign(acting, 0);
    const counters = `SELECT relname, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0), seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'prismq'`;
    await client.query('BEGIN');
    await client.query(`SET LOCAL ROLE prismq_${role}`);
    await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [token]);
    const count = async (): Promise<[string, number, number, number][]> =>
      ((await client.query({ text: counters, rowMode: 'array' })) as unknown as { rows: [string, string, string, string][] }).rows.map(
        ([table, ...numbers]) => [table, ...(numbers.map(Number) as [number, number, number])],
      );
    const before = new Map((await count()).map((row) => [row[0], row]));
    const answer = await client.query({ text: sql.replaceAll('{token}', `$t$${token}$t$`), values, rowMode: 'array' });
    const rows = (await count()).map(
      (row) => row.map((value, i) => (i === 0 ? value : (value as number) - Number(before.get(row[0])?.[i] ?? 0))) as [string, number, number, number],
    );
    await client.query('ROLLBACK');
    const big = new Set(['tasks', 'ready', 'delayed', 'finished', 'task_events']);
    return {
      answered: answer.rows.length,
      read: rows.reduce((sum, [, whole, byIndex]) => sum + whole + byIndex, 0),
      rows: JSON.stringify(rows.filter(([, all, byIndex]) => all + byIndex > 0)),
      whole: rows.filter(([table, , , scans]) => big.has(table) && scans > 0).map(([table]) => table),
    };
  }

  const claim = (most: number, fairness: string, clients: string): string =>
    `SELECT * FROM prismq.claim_batch({token}, ${most}, 30000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', '${fairness}', NULL, NULL, ${clients}, ARRAY(SELECT ${Math.ceil(most / 10)} FROM generate_series(1, ${Math.min(10, most)})))`;
  const ten = `ARRAY(SELECT 'c' || i FROM generate_series(1, 10) i)`;
  const page = (from: string, sort: string): string =>
    `SELECT q.id FROM (${from} ORDER BY ${sort} DESC LIMIT 100) k CROSS JOIN LATERAL (SELECT * FROM prismq.task_queue v WHERE v.client_id = k.client_id AND v.id = k.task_id OFFSET 0) q`;
  const acme: Acting = { role: 'client', clients: ['c5'], actor: 'client' };
  for (const [name, role, acting, sql, least] of [
    ['a wide worker claims 100', 'worker', workerOf('wide'), claim(100, 'weighted', ten), 100],
    ['a wide worker claims one', 'worker', workerOf('wide'), claim(1, 'weighted', ten), 1],
    ['a narrow worker claims what there is for it', 'worker', workerOf('narrow'), claim(10, 'weighted', `ARRAY['c1']`), 1],
    ['a client lists its queued', 'client', acme, page(`SELECT p.client_id, p.task_id FROM prismq.ready p WHERE p.client_id = 'c5'`, 'p.task_id'), 0],
    [
      'a client lists its completed',
      'client',
      acme,
      page(`SELECT p.client_id, p.task_id FROM prismq.finished p WHERE p.status = 'completed' AND p.client_id = 'c5'`, 'p.finished_at_utc DESC, p.task_id'),
      60,
    ],
    ['a client lists its tasks', 'client', acme, page(`SELECT t.client_id, t.task_id FROM prismq.tasks t WHERE t.client_id = 'c5'`, 't.task_id'), 100],
    [
      'a client reads the log of its latest task',
      'client',
      acme,
      `SELECT e.* FROM prismq.task_logs e WHERE e.client_id = 'c5' AND e.task_id = (SELECT max(task_id::text)::uuid FROM (SELECT task_id FROM prismq.ready WHERE client_id = 'c5' ORDER BY priority LIMIT 1) x)`,
      1,
    ],
    ['what is due is looked for', 'admin', SYSTEM, `SELECT prismq.next_due_in({token})`, 1],
  ] as const)
    it(`${name}: at most ${FACTOR} rows for one that is answered, and no large table whole`, async () => {
      await reads(role, acting, sql);
      const { answered, read, whole, rows } = await reads(role, acting, sql);
      assert.ok(answered >= least, `${answered} rows answered`);
      assert.ok(read <= Math.max(1, answered) * FACTOR + BESIDE, `${read} rows read for ${answered}: ${rows}`);
      assert.deepEqual(whole, []);
    });
});
