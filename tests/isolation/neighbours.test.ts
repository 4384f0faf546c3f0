// The cost of a neighbour: while another client floods, or has as many lanes as it may, a claim of this one reads at most a tenth more rows. On
// SQLite rows are counted where they pass the wall, on PostgreSQL by the server's own counters inside of the transaction.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from 'pg';
import { openQueue } from '../../src/index.ts';
import type { ClientHandle } from '../../src/index.ts';
import { enterArena, prepare } from '../postgres/attacks/arena.ts';
import type { Arena, Prepared } from '../postgres/attacks/arena.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { openCounted } from './neighbours/counted.ts';
import { isLong, tell } from './told.ts';

const FLOOD = isLong ? 50_000 : 5000;
const LANES = 390;
const MOST = 1.1;

type Floods = Readonly<Record<string, (client: ClientHandle) => Promise<unknown>>>;
async function many(client: ClientHandle, count: number, typeOf: (i: number) => string): Promise<void> {
  for (let from = 0; from < count; from += 500)
    await client.enqueueMany(Array.from({ length: Math.min(500, count - from) }, (_, i) => ({ type: typeOf(from + i), payload: i, priority: 1 })));
}
const FLOODS: Floods = {
  'a flood of a neighbour': (client) => many(client, FLOOD, () => 'Flood.Job'),
  'a neighbour with as many lanes as it may have': (client) => many(client, LANES, (i) => `Lane.N${i}`),
};

/** A tenth more, and never less than a few rows: a look at one more client is one. */
const bound = (before: number): number => Math.ceil(before * MOST) + 2;

for (const [name, flood] of Object.entries(FLOODS))
  test(`SQLite: ${name} costs a claim at most a tenth of its rows`, async (t) => {
    const { queue, rows } = openCounted();
    const admin = queue.admin();
    await admin.grants.create('w', { clientId: 'amber', pattern: '*' });
    const worker = queue.as({ role: 'worker', workerId: 'w' });
    await many(queue.client('amber'), 200, (i) => `Own.N${i % 3}`);
    await many(queue.client('cobalt'), 5, () => 'Own.One');
    const cost = async (): Promise<number> => {
      await worker.claim({ max: 5 });
      rows();
      const tasks = await worker.claim({ max: 10 });
      assert.equal(tasks.length, 10);
      return rows();
    };
    const alone = await cost();
    await flood(queue.client('cobalt'));
    const beside = await cost();
    await queue.close();
    t.diagnostic(`${alone} rows alone, ${beside} beside`);
    assert.ok(alone > 10, `${alone}`);
    assert.ok(beside <= bound(alone), `${beside} rows after ${alone}`);
    tell(t, { engine: 'sqlite', part: `neighbours: ${name}`, cases: 1, refused: 1, controls: 1, controlsOk: 1 });
  });

describe('PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  let prepared: Prepared;
  let arena: Arena;
  before(async () => {
    server = (await startServer()) as Server;
    prepared = await prepare(server);
  });
  after(() => server?.stop());

  const CLAIM = `SELECT task_id FROM prismq.claim_batch($1, 10, 1000, gen_random_uuid(), ARRAY['priority asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['a'], ARRAY[10])`;

  async function rowsRead(client: Client): Promise<number> {
    const { rows } = await client.query<{ n: string }>(
      `SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) AS n FROM pg_stat_xact_user_tables WHERE schemaname = 'prismq'`,
    );
    return Number(rows[0]?.n);
  }

  /** Rows that one claim read, undone. */
  async function cost(): Promise<number> {
    const client = arena.logins.worker;
    const token = arena.signer.sign({ role: 'worker', clients: [], actor: 'worker:w-a' }, (client as unknown as { processID: number }).processID);
    await client.query('BEGIN');
    await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [token]);
    // The counters hold what earlier transactions of the session have not yet handed over, too.
    const before = await rowsRead(client);
    const { rows: taken } = await client.query(CLAIM, [token]);
    const rows = (await rowsRead(client)) - before;
    await client.query('ROLLBACK');
    assert.equal(taken.length, 10);
    return rows;
  }

  /** Planning reads some of the policies by itself: once a session, and again after each ANALYZE. */
  async function planned(): Promise<number> {
    await cost();
    return cost();
  }

  for (const [name, flood] of Object.entries(FLOODS))
    test(`${name} costs a claim at most a tenth of its rows`, async (t) => {
      await using queue = await openQueue(prepared.logins, { janitorMs: 0, listenUrl: null });
      await many(queue.client('a'), 200, (i) => `Own.N${i % 3}`);
      await queue.as({ role: 'worker', workerId: 'w-a' }).register();
      arena = await enterArena(prepared);
      try {
        await arena.owner.query('ANALYZE');
        const alone = await planned();
        assert.equal(await cost(), alone, 'the same claim reads the same rows (control)');
        await flood(queue.client('b'));
        await arena.owner.query('ANALYZE');
        const beside = await planned();
        t.diagnostic(`${alone} rows alone, ${beside} beside`);
        assert.ok(alone > 10, `${alone}`);
        assert.ok(beside <= bound(alone), `${beside} rows after ${alone}`);
      } finally {
        await arena.close();
      }
      tell(t, { engine: 'postgres', part: `neighbours: ${name}`, cases: 1, refused: 1, controls: 1, controlsOk: 1 });
    });
});
