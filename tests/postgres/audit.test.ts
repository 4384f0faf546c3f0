// The sealed audit on PostgreSQL: it verifies, a change of it is found at its row, and a transaction that commits late is not passed over.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { AuditVerdict } from '../../src/domain/audit-check.ts';
import { DEFAULT_BACKOFF } from '../../src/domain/retry.ts';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import { openPostgresStore } from '../../src/postgres.ts';
import type { Store } from '../../src/postgres.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const AUDITOR = { role: 'auditor', actor: 'auditor', clients: '*' } as const;

describe('the sealed audit on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let url: string;
  let queue: Queue;
  let store: Store;
  const openStore = (): Promise<Store> =>
    openPostgresStore({
      connect: url,
      migrate: false,
      now: Date.now,
      wallMs: Date.now,
      replacedClock: false,
      random: Math.random,
      randomHex: (bytes) => randomBytes(bytes).toString('hex'),
      strategies: [],
      defaultBackoff: DEFAULT_BACKOFF,
      busyTimeoutMs: 1000,
      lanesPerClient: 100,
      connections: 2,
      pooled: false,
      listenUrl: null,
      onError: () => undefined,
      warn: () => undefined,
    });
  before(async () => {
    server = (await startServer()) as Server;
    url = await server.database({ realClock: true });
    queue = await openQueue(url, { janitorMs: 0, listenUrl: null });
    store = await openStore();
  });
  after(async () => {
    await queue?.close();
    await store?.close();
    server?.stop();
  });

  const verify = (): Promise<AuditVerdict> => queue.admin().audit.verify();
  const sealAll = async (): Promise<void> => {
    while ((await store.seal(10)) > 0);
  };

  it('verifies after work of two clients, sealed in small stretches', async () => {
    for (const id of ['a', 'b']) {
      await queue.client(id).enqueueMany(Array.from({ length: 12 }, () => ({ type: 'T.X' })));
      const worker = queue.worker(`w-${id}`, [{ clientId: id, pattern: '*' }]);
      for (const task of await worker.claim({ max: 6 })) await worker.complete(task, 1);
    }
    await sealAll();
    const { faults, unsealed, sealed } = await verify();
    assert.deepEqual(faults, []);
    assert.equal(unsealed, 0);
    assert.ok(sealed >= 48);
  });

  it('a transaction that was under way while others were sealed gets its seal when it commits', async () => {
    const tx = new pg.Client({ connectionString: url });
    await tx.connect();
    await tx.query('BEGIN');
    const { taskId } = await queue.client('a').enqueue('T.Late', 1, { tx });
    await queue.client('b').enqueue('T.X');
    await sealAll();
    assert.deepEqual((await verify()).faults, []);
    await tx.query('COMMIT');
    await tx.end();
    await queue.client('b').enqueue('T.X');
    await sealAll();
    const { faults, unsealed } = await verify();
    assert.deepEqual([faults, unsealed], [[], 0]);
    const trail = await store.trail(AUDITOR, { object: taskId, limit: 10 });
    assert.deepEqual(
      trail.items.map((row) => [row.action, row.clientId]),
      [['enqueue', 'a']],
    );
  });

  it('sealers that meet, of any number of servers, leave chains that hold', async () => {
    let over = false;
    const sealing = Promise.all(
      [store, store, queue.system()].map(async (one) => {
        for (let n = 5; !over; n = (n * 7) % 31) await one.seal(n + 1);
      }),
    );
    for (let i = 0; i < 40; i++)
      await Promise.all(['a', 'b', 'c'].map((id) => queue.client(id).enqueueMany(Array.from({ length: 5 }, () => ({ type: 'T.X' })))));
    over = true;
    await sealing;
    await sealAll();
    const { faults, unsealed } = await verify();
    assert.deepEqual([faults, unsealed], [[], 0]);
  });

  it('a sealer that was too late leaves the work to the other, and takes it over when that one is gone', { timeout: 60_000 }, async () => {
    const stores = [await openStore(), await openStore()] as const;
    const work = async (): Promise<unknown> => queue.client('a').enqueue('T.X');
    const patient = { patient: true } as const;
    // Until they have met: both read the place before either put its seal, and one of them found out.
    let behind: Store | undefined;
    while (behind === undefined) {
      await work();
      await Promise.all(stores.map((one) => one.seal(100, patient)));
      for (const one of stores) {
        await work();
        if (behind === undefined && (await one.seal(100, patient)) === 0) behind = one;
      }
    }
    const ahead = behind === stores[0] ? stores[1] : stores[0];
    assert.ok((await ahead.seal(100, patient)) > 0, 'what the other left');
    await work();
    assert.equal(await behind.seal(100, patient), 0, 'the other goes on');
    assert.equal(await behind.seal(100, patient), 1, 'it does not');
    await work();
    assert.equal(await behind.seal(100, patient), 1, 'and is behind no more');
    for (const one of stores) await one.close();
  });

  for (const [name, harm] of [
    [
      'a row that was changed',
      `UPDATE prismq.task_events SET actor = 'somebody' WHERE (client_id, task_id, seq) IN (SELECT client_id, task_id, seq FROM prismq.audit_places WHERE chain = 'tasks' AND id = 5)`,
    ],
    [
      'a row that was taken out',
      `DELETE FROM prismq.task_events WHERE (client_id, task_id, seq) IN (SELECT client_id, task_id, seq FROM prismq.audit_places WHERE chain = 'tasks' AND id = 5)`,
    ],
    [
      'a seal that was taken out',
      `DELETE FROM prismq.audit_seals WHERE chain = 'tasks' AND first_id = (SELECT min(first_id) FROM prismq.audit_seals WHERE chain = 'tasks')`,
    ],
  ] as const)
    it(`${name} is found`, async () => {
      await assert.rejects(server.query(url, harm), /append-only/, 'and is refused to begin with, even to the superuser');
      const owner = new pg.Client({ connectionString: url });
      await owner.connect();
      await owner.query(
        'CREATE TABLE kept_events AS TABLE prismq.task_events; CREATE TABLE kept_seals AS TABLE prismq.audit_seals; SET session_replication_role = replica',
      );
      await owner.query(harm);
      assert.equal((await verify()).faults.length, 1);
      await owner.query(
        'DELETE FROM prismq.task_events; DELETE FROM prismq.audit_seals; INSERT INTO prismq.task_events SELECT * FROM kept_events; INSERT INTO prismq.audit_seals SELECT * FROM kept_seals; DROP TABLE kept_events, kept_seals',
      );
      await owner.end();
      assert.deepEqual((await verify()).faults, []);
    });
});
