// A server that dies, connections that are cut, a snapshot that is held: nothing acknowledged is lost, nothing is done twice
// without a reason in the audit, and the queue goes on by itself.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { QueueError, openQueue, startWorker } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import type { HandlerContext } from '../../src/worker/types.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const SILENT = { info: (): void => undefined, warn: (): void => undefined, error: (): void => undefined };

describe('trouble with PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  before(async () => {
    server = (await startServer(undefined, 'fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n')) as Server;
  });
  after(() => server?.stop());

  const openReal = async (): Promise<{ url: string; queue: Queue }> => {
    const url = await server.database({ realClock: true });
    return { url, queue: await openQueue(url, { janitorMs: 200 }) };
  };

  /** Enqueues until `stop`; the ids that were acknowledged. What was refused meanwhile is tried anew under its key. */
  async function produce(queue: Queue, isOver: () => boolean): Promise<Set<string>> {
    const acknowledged = new Set<string>();
    for (let n = 0; !isOver(); n++) {
      const idempotencyKey = `k${n}`;
      for (;;)
        try {
          acknowledged.add((await queue.client('acme').enqueue('Steady.Job', { n }, { idempotencyKey })).taskId);
          break;
        } catch (error) {
          assert.ok(error instanceof QueueError && error.retryable, String(error));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }
    return acknowledged;
  }

  /** Waits for what must come; the test fails by its own time limit when it does not. */
  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 25));
  }

  for (const [name, harm] of [
    ['the server is stopped at once and started again', async () => server.restart('immediate')],
    [
      'every connection is cut',
      async (url: string) =>
        void (await server.query(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
        )),
    ],
  ] as const)
    it(`${name} under load: what was acknowledged is done, once`, { timeout: 30_000 }, async () => {
      const { url, queue } = await openReal();
      const runs = new Map<string, number>();
      const handlers = {
        'Steady.*': (_: unknown, { task }: HandlerContext): void => void runs.set(task.taskId, (runs.get(task.taskId) ?? 0) + 1),
      };
      const worker = startWorker(queue, handlers, { leaseMs: 2000, pollMs: 100, logger: SILENT });
      let over = false;
      const producing = produce(queue, () => over);
      await until(async () => runs.size > 50);
      await harm(url);
      const before = runs.size;
      await until(async () => runs.size > before + 50);
      over = true;
      const acknowledged = await producing;
      await until(async () => (await queue.client('acme').stats()).byStatus.completed >= acknowledged.size);
      await worker.stop({ graceMs: 2000 });
      for (const taskId of acknowledged) assert.equal((await queue.client('acme').get(taskId)).status, 'completed');
      const audit = await queue.auditSummary();
      assert.deepEqual([audit.lost, audit.unexplainedDuplicates, audit.incompleteLogs, audit.enqueued], [0, 0, 0, audit.completed]);
      await queue.close();
    });

  it('a snapshot that is held long keeps nobody from working', { timeout: 30_000 }, async () => {
    const { url, queue } = await openReal();
    const old = new pg.Client({ connectionString: url });
    await old.connect();
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await old.query('SELECT count(*) FROM prismq.tasks');
    const worker = queue.worker('w');
    for (let round = 0; round < 20; round++) {
      await queue.client('acme').enqueueMany(Array.from({ length: 200 }, () => ({ type: 'Steady.Job' })));
      const tasks = await worker.claim({ max: 200 });
      assert.equal(tasks.length, 200);
      const answers = await worker.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' })));
      assert.ok(answers.every((answer) => answer.ok));
    }
    await old.query('ROLLBACK');
    await old.end();
    assert.deepEqual(await queue.worker('w').claim(), []);
    await queue.close();
  });

  it('claimers that meet share the work: none twice, none left', { timeout: 30_000 }, async () => {
    const { url, queue } = await openReal();
    const others = await Promise.all([1, 2, 3].map(async () => openQueue(url, { janitorMs: 0, listenUrl: null })));
    for (const id of ['a', 'b', 'c']) await queue.client(id).enqueueMany(Array.from({ length: 300 }, (_, i) => ({ type: `T.K${i % 3}` })));
    const seen: string[] = [];
    await Promise.all(
      [queue, ...others].map(async (one, i) => {
        const worker = one.worker(`w${i}`);
        for (let idle = 0; idle < 3; ) {
          const tasks = await worker.claim({ max: 7 });
          idle = tasks.length === 0 ? idle + 1 : 0;
          seen.push(...tasks.map((task) => task.taskId));
          if (tasks.length > 0) await worker.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' })));
        }
      }),
    );
    assert.deepEqual([seen.length, new Set(seen).size], [900, 900]);
    for (const one of [queue, ...others]) await one.close();
  });
});
