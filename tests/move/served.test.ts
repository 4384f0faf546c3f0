// A server whose queue moves from under it: its callers and workers over HTTP keep keys, receipts and addresses, and lose nothing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/node.ts';
import { mover, openQueue } from '../../src/index.ts';
import { startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { folderOf } from './rig.ts';

const server = (await startServer()) as Server;
after(() => server?.stop());

test('a worker over HTTP settles in the new place what it took in the old one; a write meanwhile is asked for again', { skip: server === null }, async (t) => {
  const [source, target] = [join(folderOf(t), 'a.db'), await server.database({ bare: true })];
  const old = await openQueue(source, { janitorMs: 0 });
  t.after(() => old.close());
  const admin = old.admin();
  await admin.clients.create('acme');
  const { key } = await admin.keys.create({ role: 'client', clientId: 'acme' });
  const { key: workerKey } = await admin.keys.create({ role: 'worker', name: 'mailer', grants: [{ clientId: 'acme', pattern: '*' }] });
  const first = await listen(await createApp({ queue: old }), { host: '127.0.0.1', port: 0 });
  const { url, port } = first;
  const acme = connect({ url, key, retries: 0 }).client('acme');
  const worker = connect({ url, key: workerKey, retries: 0 }).worker();
  const { taskId } = await acme.enqueue('Mail.Send', { n: 1 });
  const { taskId: waiting } = await acme.enqueue('Mail.Send', { n: 2 });
  const [held] = await worker.claim({ max: 1 });
  assert.equal(held?.taskId, taskId);
  const moving = await mover();
  let seen = 0;
  const report = await moving.move(
    { from: source, to: target },
    {
      leases: 'carry',
      async told({ step, note }) {
        if (step !== 'load' || note !== 'tasks' || seen++ > 0) return;
        await assert.rejects(acme.enqueue('Mail.Send'), { code: 'store_moving', retryable: true });
        await assert.rejects(worker.complete(held, { ok: true }), { code: 'store_moving' });
        const raw = await fetch(`${url}/queue/enqueue`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ type: 'Mail.Send' }),
        });
        assert.equal(raw.status, 503);
        assert.ok(Number(raw.headers.get('retry-after')) > 0);
        assert.match(await raw.text(), /"code":"store_moving"/);
        assert.equal((await acme.get(taskId)).status, 'leased', 'it is read meanwhile');
      },
    },
  );
  assert.deepEqual([report.equal, report.leases, seen > 0], [true, 1, true]);
  await assert.rejects(acme.enqueue('Mail.Send'), { code: 'store_unavailable', message: /has moved to/ }, 'to its callers it is away');
  await first.close(0);

  const queue = await openQueue(target, { janitorMs: 0, listenUrl: null });
  t.after(() => queue.close());
  const second = await listen(await createApp({ queue }), { host: '127.0.0.1', port });
  t.after(() => second.close(0));
  await worker.complete(held, { ok: true });
  assert.equal((await acme.get(taskId)).status, 'completed');
  const [next] = await worker.claim({ max: 5 });
  assert.equal(next?.taskId, waiting);
  await worker.complete(next as NonNullable<typeof next>);
  assert.deepEqual((await queue.admin().audit.verify()).faults, []);
});
