// The handle of a client over HTTP against the real server: what it does and answers is what the handle in process does.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { defineTask } from '../../src/index.ts';
import { QueueError } from '../../src/domain/errors.ts';
import type { ClientHandle } from '../../src/service/handles.ts';
import { ACME, MAILER, serve } from './served.ts';
import type { Served } from './served.ts';

let served: Served;
let acme: ClientHandle;
before(async () => {
  served = await serve();
  acme = (await served.as(ACME)).client('acme');
});
after(() => served[Symbol.asyncDispose]());

const code = (expected: string) => (error: unknown) => error instanceof QueueError && error.code === expected;

describe('a client over HTTP', () => {
  it('enqueues with every option, and the task reads the same as in process', async () => {
    const due = new Date('2040-01-01T00:00:00Z');
    const made = await acme.enqueue(
      'Mail.Send',
      { to: 'ada', Deep_Key: { inner_key: 1 } },
      {
        priority: 7,
        compatibility: { region: ['eu', 'us'], memory_gb: { min: 16 } },
        maxAttempts: 3,
        delayMs: 3_600_000,
        expiresAtUtc: due,
        maxRunMs: 60_000,
        dueAtUtc: due,
        metadata: { Some_Key: 'x', someKey: 'y' },
        createdBy: 'ada',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    );
    assert.equal(made.status, 'queued');
    assert.equal(made.deduplicated, false);
    const here = await served.queue.client('acme').get(made.taskId);
    const { idempotencyKey, ...there } = await acme.get(made.taskId);
    assert.deepEqual({ ...there, idempotencyKey }, here);
    assert.match(String(idempotencyKey), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.equal(here.expiresAtUtc, due.getTime());
  });

  it('keeps the bytes of a payload', async () => {
    const text = '{"b":1,"a":12345678901234567890,"c":1.50}';
    const raw = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
    const { taskId } = await acme.enqueue('Bytes.Kept', { b: 1, a: raw('12345678901234567890'), c: raw('1.50') });
    const worker = served.queue.worker('looker', [{ clientId: 'acme', pattern: 'Bytes.*' }]);
    const [task] = await worker.claim();
    assert.deepEqual([task?.taskId, task?.payload], [taskId, text]);
  });

  it('answers the first task to a repeat of its own key, and refuses other content', async () => {
    const first = await acme.enqueue('Once.Only', 1, { idempotencyKey: 'k1' });
    const again = await acme.enqueue('Once.Only', 1, { idempotencyKey: 'k1' });
    assert.deepEqual([again.taskId, first.deduplicated, again.deduplicated], [first.taskId, false, true]);
    await assert.rejects(acme.enqueue('Once.Only', 2, { idempotencyKey: 'k1' }), code('idempotency_conflict'));
  });

  it('enqueues many, each answered by itself, or all or none', async () => {
    const results = await acme.enqueueMany([{ type: 'Many.A', payload: 1 }, { type: 'no category!' }, { type: 'Many.B' }]);
    assert.deepEqual(
      results.map((result) => (result.ok ? result.deduplicated : result.code)),
      [false, 'invalid_category', false],
    );
    await assert.rejects(acme.enqueueMany([{ type: 'Many.C' }, { type: 'no category!' }], { atomic: true }), code('invalid_category'));
    assert.deepEqual((await acme.list({ type: 'Many.C' })).items, []);
    assert.deepEqual(await acme.enqueueMany([]), []);
  });

  it('lists page by page, filters, reads logs and stats', async () => {
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push((await acme.enqueue('Paged.Task', i)).taskId);
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await acme.list({ type: 'Paged.*', limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map((task) => task.taskId));
      cursor = page.nextCursor;
    }
    assert.deepEqual(seen, ids.toReversed());
    assert.deepEqual(await acme.logs(ids[0] as string), await served.queue.client('acme').logs(ids[0] as string));
    const stats = await acme.stats();
    assert.deepEqual(Object.keys(stats.byStatus).toSorted(), ['blocked', 'cancelled', 'completed', 'dead_letter', 'failed', 'leased', 'queued']);
    assert.deepEqual({ ...stats, oldestQueuedAgeSeconds: 0 }, { ...(await served.queue.client('acme').stats()), oldestQueuedAgeSeconds: 0 });
  });

  it('lists by metadata, whatever its keys and values are made of', async () => {
    const metadata = { order: '4711', 'a:b': 'c:d', '50%3A&x=1': 'é 100% +?#', empty: '' };
    const { taskId } = await acme.enqueue('Labelled.Task', null, { metadata });
    const { taskId: other } = await acme.enqueue('Labelled.Task', null, { metadata: { order: '4711', 'a:b': 'd' } });
    const found = async (pairs: Readonly<Record<string, string>>): Promise<readonly string[]> =>
      (await acme.list({ metadata: pairs })).items.map((task) => task.taskId);
    assert.deepEqual(await found({ order: '4711' }), [other, taskId]);
    for (const [key, value] of Object.entries(metadata)) assert.ok((await found({ [key]: value })).includes(taskId), key);
    assert.deepEqual([await found(metadata), await found({ ...metadata, more: 'x' })], [[taskId], []]);
    assert.deepEqual(await acme.list({ metadata }), await served.queue.client('acme').list({ metadata }));
    for (const wrong of [{ '': 'x' }, { a: 'x'.repeat(257) }, Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']))])
      await assert.rejects(acme.list({ metadata: wrong }), code('invalid_input'));
  });

  it('cancels, requeues, reprioritises and amends', async () => {
    const { taskId } = await acme.enqueue('Moved.Task', { a: 1 });
    assert.equal((await acme.reprioritise(taskId, 5)).priority, 5);
    assert.deepEqual((await acme.amend(taskId, { payload: { b: 2 }, maxAttempts: 9 })).payload, { b: 2 });
    assert.equal((await acme.cancel(taskId, 'no need')).status, 'cancelled');
    await assert.rejects(acme.cancel(taskId), code('invalid_transition'));
    assert.equal((await acme.requeue(taskId)).generation, 1);
  });

  it('waits for the result of a task', async () => {
    const worker = served.queue.worker('adder', [{ clientId: 'acme', pattern: 'Sum.*' }]);
    const task = await acme.enqueue('Sum.Two', [1, 2]);
    const [claimed] = await worker.claim();
    const result = task.result({ timeoutMs: 20_000 });
    await worker.complete(claimed as NonNullable<typeof claimed>, { sum: 3 });
    assert.deepEqual(await result, { sum: 3 });
    const dead = await acme.enqueue('Sum.Bad');
    const [bad] = await worker.claim();
    await worker.fail(bad as NonNullable<typeof bad>, new Error('no numbers'), { retry: false });
    await assert.rejects(dead.result(), (error) => code('invalid_transition')(error) && /dead_letter.*no numbers/.test((error as Error).message));
  });

  it('tells a wait that took too long from one that was given up', async () => {
    const task = await acme.enqueue('Slow.Task');
    await assert.rejects(task.result({ timeoutMs: 20 }), code('timeout'));
    const controller = new AbortController();
    const waiting = task.result({ signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, code('aborted'));
    await assert.rejects(acme.enqueue('Slow.Task', 1, { signal: AbortSignal.abort() }), code('aborted'));
  });

  it('checks a typed task by its own schema before anything is sent', async () => {
    const Typed = defineTask<{ n: number }>('Typed.Task', {
      input: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value) =>
            typeof (value as { n?: unknown }).n === 'number' ? { value: value as { n: number } } : { issues: [{ message: 'no number', path: ['n'] }] },
        },
      },
      defaults: { priority: 3 },
    });
    const { taskId } = await acme.enqueue(Typed, { n: 1 });
    assert.equal((await acme.get(taskId)).priority, 3);
    await assert.rejects(acme.enqueue(Typed, { n: 'x' }), code('invalid_payload'));
  });

  it('refuses what has no JSON text, and a transaction, before anything is sent', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const payload of [circle, 1n, { f: 1n }, () => 1]) await assert.rejects(acme.enqueue('Bad.Task', payload), code('invalid_payload'));
    await assert.rejects(acme.enqueue('Bad.Task', 'x'.repeat(1_000_001)), code('payload_too_large'));
    await assert.rejects(acme.enqueue('Bad.Task', 1, { tx: {} }), code('invalid_input'));
    await assert.rejects(acme.enqueue('Bad.Task', 1, { runAfterUtc: new Date('x') }), code('invalid_input'));
  });

  it('answers the refusals of the server by their code, their fields and the id of the request', async () => {
    await assert.rejects(acme.enqueue('Bad.Task', 1, { priority: 0 }), (error: unknown) => {
      assert.ok(error instanceof QueueError);
      assert.equal(error.code, 'invalid_input');
      const fields = error.details['fields'] as { field: string }[];
      assert.equal(fields[0]?.field, 'priority');
      assert.match(String(error.details['requestId']), /./);
      return true;
    });
    await assert.rejects(acme.get('0190f5f0-0000-7000-8000-000000000000'), code('not_found'));
    for (const id of ['', '.', '..', 'a/b', 'a\\b', 'a\nb', '../x', '%2e%2e']) await assert.rejects(acme.get(id), code('not_found'), id);
  });

  it('sees nothing of another client, and cancels nothing of it', async () => {
    const beta = (await served.as({ role: 'client', clientId: 'beta' })).client();
    const { taskId } = await acme.enqueue('Own.Task');
    await assert.rejects(beta.get(taskId), code('not_found'));
    await assert.rejects(beta.cancel(taskId), code('not_found'));
    assert.deepEqual((await beta.list()).items, []);
    assert.equal((await acme.get(taskId)).status, 'queued');
  });

  it('is told whose key it is', async () => {
    const connection = await served.as({ ...ACME, scopes: ['task.get', 'task.enqueue'] });
    const { keyId, ...rest } = await connection.whoami();
    assert.match(String(keyId), /^[0-9A-Za-z]{11}$/);
    assert.deepEqual(rest, { role: 'client', clientId: 'acme', workerId: null, scopes: ['task.enqueue', 'task.get'] });
    assert.deepEqual((await (await served.as(MAILER)).whoami()).workerId, 'mailer');
    await assert.rejects(connection.client().list(), code('forbidden'));
    await assert.rejects(connection.worker('w').claim(), code('forbidden'));
  });
});
