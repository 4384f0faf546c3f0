// What a process remembers of the database between calls, and that another process's change is found out all the same.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { QueueError, openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('what is remembered on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let queue: Queue;
  let other: Queue;

  before(async () => {
    server = (await startServer()) as Server;
    const url = await server.database({ realClock: true });
    queue = await openQueue(url, { janitorMs: 0, listenUrl: null });
    other = await openQueue(url, { janitorMs: 0, listenUrl: null });
  });
  after(async () => {
    await queue?.close();
    await other?.close();
    server?.stop();
  });

  it('a registry that another process fills holds for the very next enqueue', async () => {
    const acme = queue.client('acme');
    for (let i = 0; i < 2; i++) await acme.enqueue('Mail.Send', { i });
    await other.admin().categories.set({ pattern: 'Mail.*', priority: 7 });
    const { taskId } = await acme.enqueue('Mail.Send', {});
    assert.equal((await acme.get(taskId)).priority, 7);
    await other.admin().categories.delete('Mail.*');
    assert.equal((await acme.get((await acme.enqueue('Mail.Send', {})).taskId)).priority, 100);
  });

  it('a mode that another process sets refuses the very next enqueue, one or many at once', async () => {
    const acme = queue.client('acme');
    for (let i = 0; i < 2; i++) await acme.enqueue('Free.Job', { i });
    await other.admin().categories.mode('registered');
    const isRefused = (error: unknown): boolean => error instanceof QueueError && error.code === 'unknown_category';
    const [, , many] = await Promise.all([
      assert.rejects(acme.enqueue('Free.Job', {}), isRefused),
      assert.rejects(acme.enqueue('Free.Job', {}), isRefused),
      acme.enqueueMany([{ type: 'Free.Job', payload: {} }]),
    ]);
    assert.deepEqual(
      many.map((answer) => !answer.ok && answer.code),
      ['unknown_category'],
    );
    await other.admin().categories.mode('open');
    assert.equal((await acme.enqueue('Free.Job', {})).status, 'queued');
  });

  it('a worker that found nothing finds what comes next, of whatever client', async () => {
    const worker = queue.worker('finder');
    await worker.register();
    for (let got = 1; got > 0; ) got = (await worker.claim({ max: 100 })).length;
    for (const id of ['one', 'two']) await other.client(id).enqueueMany([1, 2].map((i) => ({ type: 'Found.Job', payload: { i } })));
    const found = await worker.claim({ max: 3 });
    assert.equal(found.length, 3);
    assert.equal((await worker.claim({ max: 3 })).length, 1);
  });

  it('a claim without a look keeps to the order within a client, and what is left over too', async () => {
    const worker = queue.worker('orderly');
    await worker.register();
    for (let got = 1; got > 0; ) got = (await worker.claim({ max: 100 })).length;
    const priorities = Array.from({ length: 60 }, (_, i) => ((i * 37) % 60) + 1);
    for (const id of ['one', 'two']) await other.client(id).enqueueMany(priorities.map((priority, i) => ({ type: `Found.K${i % 7}`, payload: {}, priority })));
    const found = [...(await worker.claim({ max: 50 })), ...(await worker.claim({ max: 50 })), ...(await worker.claim({ max: 50 }))];
    assert.equal(found.length, 120);
    for (const id of ['one', 'two'])
      assert.deepEqual(
        found.filter(({ clientId }) => clientId === id).map(({ priority }) => priority),
        priorities.toSorted((a, b) => a - b),
      );
  });
});
