// The receipt of a lease: opens for the worker and the task that it was made for, at every server of the same queue, and for
// nothing else. The store would refuse a made-up one as well; this is the wall before it.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createReceipts } from '../../src/http/receipts.ts';
import { createApp } from '../../src/http/app.ts';
import { openQueue } from '../../src/index.ts';
import { assertProblem } from './conforms.ts';
import { answered, at, serve } from './stand.ts';

const SECRET = randomBytes(32).toString('hex');
const receipts = createReceipts(SECRET);
const LEASE = { clientId: 'acme', leaseId: 'a'.repeat(32) };
const sealed = receipts.seal('w', 'task-1', LEASE.clientId, LEASE.leaseId);

test('a receipt is opaque text that opens to what was put in', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
  fc.assert(
    fc.property(id, id, id, fc.stringMatching(/^[0-9a-f]{32}$/), (worker, task, clientId, leaseId) => {
      const receipt = receipts.seal(worker, task, clientId, leaseId);
      assert.match(receipt, /^[A-Za-z0-9_-]{1,512}$/);
      assert.deepEqual(receipts.open(worker, task, receipt), { clientId, leaseId });
    }),
  );
});

test('what a receipt bears is the HMAC-SHA-256 of what it says, its worker and its task', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), fc.string({ unit: 'binary', maxLength: 600 }), (worker, task) => {
      const bytes = Buffer.from(receipts.seal(worker, task, LEASE.clientId, LEASE.leaseId), 'base64url');
      const mac = createHmac('sha256', Buffer.from(SECRET, 'hex')).update(bytes.subarray(0, -16)).update(`\0${worker}\0${task}`).digest();
      assert.deepEqual(bytes.subarray(-16), mac.subarray(0, 16));
    }),
  );
});

test('a receipt opens for no other worker, no other task and by no other secret', () => {
  assert.deepEqual(receipts.open('w', 'task-1', sealed), LEASE);
  for (const [worker, task] of [
    ['w2', 'task-1'],
    ['w', 'task-2'],
    ['', 'task-1'],
    ['w', ''],
    ['w\0task-1', ''],
  ] as const)
    assert.equal(receipts.open(worker, task, sealed), null);
  assert.equal(createReceipts(randomBytes(32).toString('hex')).open('w', 'task-1', sealed), null);
});

test('a receipt with a bit off, cut, longer or made up does not open', () => {
  const bytes = Buffer.from(sealed, 'base64url');
  for (let i = 0; i < bytes.length; i++) {
    const other = Buffer.from(bytes);
    other[i] = (other[i] as number) ^ 1;
    assert.equal(receipts.open('w', 'task-1', other.toString('base64url')), null, `byte ${i}`);
    assert.equal(receipts.open('w', 'task-1', bytes.subarray(0, i).toString('base64url')), null);
  }
  for (const made of [
    '',
    'a',
    'A'.repeat(512),
    Buffer.concat([bytes, Buffer.from([0])]).toString('base64url'),
    Buffer.concat([bytes.subarray(0, -16), Buffer.alloc(16)]).toString('base64url'),
  ])
    assert.equal(receipts.open('w', 'task-1', made), null);
  assert.deepEqual(receipts.open('w', 'task-1', sealed), LEASE);
});

test('a receipt that one server gave is taken by another of the same queue, and not by one of another queue', async (t) => {
  const rig = await serve(t);
  const other = await serve(t);
  const asked = { role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] } as const;
  const [key, foreign] = [await rig.key(asked), await other.key(asked)];
  await rig.queue.client('acme').enqueue('A.B');
  const claimed = await rig.call('POST', '/queue/claim', { key, body: {} });
  const [taskId, lease] = [at<string>(claimed, 'tasks', 0, 'task_id'), at<string>(claimed, 'tasks', 0, 'lease_id')];
  assert.ok(!Buffer.from(lease, 'base64url').toString('latin1').includes(key));
  const path = `/queue/tasks/${taskId}/complete`;
  assertProblem(await other.call('POST', path, { key: foreign, body: { lease_id: lease } }), 'lease_lost');
  const queue = await openQueue(rig.file, { janitorMs: 0 });
  t.after(() => queue.close());
  const second = await createApp({ queue });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const ask = async (leaseId: string) =>
    answered(await second.fetch(new Request(`http://localhost${path}`, { method: 'POST', headers, body: JSON.stringify({ lease_id: leaseId }) })));
  assertProblem(await ask(`${lease.slice(0, -1)}${lease.endsWith('A') ? 'Q' : 'A'}`), 'lease_lost');
  assert.equal((await ask(lease)).status, 200);
});
