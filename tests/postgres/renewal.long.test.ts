// Leases on PostgreSQL are renewed by a thread of the worker: a handler that blocks its event loop for longer than a lease keeps it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openQueue, startWorker } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LEASE_MS = 1000;
const BLOCKED_MS = 2500;
const RENEWING = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%heartbeat_batch%' AND pid <> pg_backend_pid()`;

describe('leases of a worker that blocks, on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  before(async () => (server = (await startServer()) as Server));
  after(() => server?.stop());

  /** A worker whose handler does not let its loop turn; how the task went on. */
  async function blocked(options: OpenOptions): Promise<readonly string[]> {
    const url = await server.database({ realClock: true });
    const queue = await openQueue(url, { janitorMs: 0, listenUrl: null, connections: 1, ...options });
    const { taskId } = await queue.client('acme').enqueue('Block.Job');
    const ended = Promise.withResolvers<unknown>();
    let runs = 0;
    const worker = startWorker(
      queue,
      {
        'Block.*': async () => {
          if (runs++ > 0) return;
          // Until somebody renews, as is so in any worker that runs for a while.
          while ((await server.query(url, RENEWING)).length === 0);
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_MS);
        },
      },
      { leaseMs: LEASE_MS, pollMs: 50, logger: SILENT, onEvent: (event) => (event.type === 'ended' || event.type === 'lost') && ended.resolve(event) },
    );
    const { renewal } = queue.capabilities;
    await ended.promise;
    await worker.stop({ graceMs: 1000 });
    const { items } = await queue.client('acme').logs(taskId);
    await queue.close();
    return [renewal, ...items.map(({ event }) => event)];
  }

  it('keep their lease and are accepted', { timeout: 30_000 }, async () => {
    assert.deepEqual(await blocked({}), ['thread', 'enqueue', 'claim', 'complete']);
  });

  it('lose it where the loop itself renews', { timeout: 30_000 }, async () => {
    const [renewal, ...events] = await blocked({ now: Date.now });
    assert.equal(renewal, 'loop');
    assert.notDeepEqual(events, ['enqueue', 'claim', 'complete']);
  });
});
