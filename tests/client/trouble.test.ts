// When the server refuses, breaks off or is not there: what the caller is told, and what is sent again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from '../../src/client/connect.ts';
import type { Connection } from '../../src/client/connect.ts';
import { QueueError } from '../../src/domain/errors.ts';
import { cut, half, json, problem, proxy, scripted, text } from './scripted.ts';
import type { Turn } from './scripted.ts';
import { ACME, MAILER, serve } from './served.ts';

const KEY = 'prismq_client_secret';
const code =
  (expected: string, words = /./) =>
  (error: unknown) =>
    error instanceof QueueError && error.code === expected && words.test(error.message) && !error.message.includes(KEY);
const TASK = { task_id: 't1', status: 'queued', created_at_utc: 1, deduplicated: false };

/** What a call did against a server of these turns: its answer or error, and the requests. */
async function against<T>(turns: readonly Turn[], act: (connection: Connection) => Promise<T>) {
  await using server = await scripted(...turns);
  const [outcome] = await Promise.allSettled([act(connect({ url: server.url, key: KEY }))]);
  return { ...outcome, seen: server.seen };
}

describe('a request', () => {
  it('carries the key, the protocol and an idempotency key of its own, the same at every try', async () => {
    const { seen, ...outcome } = await against([cut, half, problem(503, 'store_unavailable'), json(201, TASK)], ({ client }) =>
      client().enqueue('A.B', { n: 1 }),
    );
    assert.equal(outcome.status, 'fulfilled');
    assert.equal(seen.length, 4);
    const { authorization, 'prismq-protocol': protocol, 'idempotency-key': key, 'content-type': type } = seen[0]?.headers ?? {};
    assert.deepEqual([authorization, protocol, type], [`Bearer ${KEY}`, '1', 'application/json']);
    assert.match(String(key), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    assert.deepEqual(new Set(seen.map((one) => `${one.headers['idempotency-key'] as string} ${one.body}`)).size, 1);
    assert.equal(seen[0]?.body, '{"type":"A.B","payload":{"n":1}}');
  });

  it('has another idempotency key at every call, and none beside the one of the caller', async () => {
    const { seen } = await against([json(201, TASK)], async ({ client }) => {
      for (const options of [{}, {}, { idempotencyKey: 'mine' }]) await client().enqueue('A.B', 1, options);
    });
    const [one, two, three] = seen.map((request) => request.headers['idempotency-key']);
    assert.notEqual(one, two);
    assert.equal(three, undefined);
    assert.match(seen[2]?.body ?? '', /"idempotency_key":"mine"/);
  });

  it('keeps the path of the address, and takes no path from an id', async () => {
    await using server = await scripted(json(200, TASK));
    await connect({ url: `${server.url}/behind/a/proxy//`, key: KEY })
      .client()
      .get('a..b?c#d');
    assert.equal(server.seen[0]?.url, '/behind/a/proxy/queue/tasks/a..b%3Fc%23d');
    await assert.rejects(connect({ url: server.url, key: KEY }).client().get('a/../b'), code('not_found'));
    assert.equal(server.seen.length, 1, 'nothing was sent for an id with a slash');
  });

  it('asks for the key each time when it is a function', async () => {
    await using server = await scripted(json(200, TASK));
    let count = 0;
    const { get } = connect({ url: server.url, key: async () => `key-${(count += 1)}` }).client();
    await get('t');
    await get('t');
    assert.deepEqual(
      server.seen.map((one) => one.headers.authorization),
      ['Bearer key-1', 'Bearer key-2'],
    );
    await assert.rejects(
      connect({ url: server.url, key: () => 'with space' })
        .client()
        .get('t'),
      code('invalid_input'),
    );
  });

  it('is not sent with an address, a key or a bound that can not be meant', () => {
    const wrong = [
      { url: 'ftp://x' },
      { url: 'nowhere' },
      { url: 'https://user:pass@x' },
      { url: 'https://x?y=1' },
      { key: '' },
      { key: 'a b' },
      { key: 'é' },
      { timeoutMs: 0 },
      { retries: -1 },
    ];
    for (const options of wrong) assert.throws(() => connect({ url: 'https://x', key: KEY, ...options }), code('invalid_input'), JSON.stringify(options));
  });
});

describe('sent again', () => {
  it('is what only reads, and every write that names its lease', async () => {
    const lease = { clientId: 'acme', taskId: 't', leaseId: 'l' };
    const acts: readonly ((connection: Connection) => Promise<unknown>)[] = [
      ({ client }) => client().get('t'),
      ({ admin }) => admin().keys.list(),
      ({ worker }) => worker('w').settle([{ op: 'complete', ...lease }]),
      ({ worker }) => worker('w').complete(lease),
      ({ worker }) => worker('w').fail(lease, 'x'),
      ({ worker }) => worker('w').release(lease),
      ({ worker }) => worker('w').heartbeat([lease]),
      ({ worker }) => worker('w').register(),
      ({ worker }) => worker('w').enqueueChild(lease, 'A.B'),
      ({ client }) => client().enqueueMany([{ type: 'A.B' }]),
    ];
    for (const act of acts) {
      const { seen, status } = await against([cut, json(200, { results: [], tasks: [], keys: [], extended: [], lost: [], cancelled: [], timed_out: [] })], act);
      assert.deepEqual([seen.length, status], [2, 'fulfilled'], String(act));
      assert.equal(seen[0]?.body, seen[1]?.body);
    }
  });

  it('is nothing that might be done twice, unless the server said that nothing was done', async () => {
    const acts: readonly ((connection: Connection) => Promise<unknown>)[] = [
      ({ worker }) => worker('w').claim(),
      ({ worker }) => worker('w').log({ clientId: 'c', taskId: 't', leaseId: 'l' }, 'x'),
      ({ client }) => client().cancel('t'),
      ({ client }) => client().requeue('t'),
      ({ admin }) => admin().keys.create({ role: 'admin' }),
      ({ admin }) => admin().clients.create('x'),
      ({ admin }) => admin().grants.delete('x'),
    ];
    for (const act of acts) {
      const once = await against([cut, json(200, { tasks: [] })], act);
      assert.equal(once.seen.length, 1, String(act));
      assert.ok(once.status === 'rejected' && code('store_unavailable', /can not be reached/)(once.reason), String(act));
      const { seen, status } = await against(
        [problem(503, 'store_busy'), problem(429, 'rate_limited', {}, { 'retry-after': '0' }), json(200, { tasks: [] })],
        act,
      );
      assert.deepEqual([seen.length, status], [3, 'fulfilled'], String(act));
    }
  });

  it('is nothing after a refusal that stays', async () => {
    const stays = [
      [401, 'unauthenticated'],
      [403, 'forbidden'],
      [404, 'not_found'],
      [409, 'lease_lost'],
      [422, 'invalid_input'],
      [500, 'internal'],
      [503, 'store_corrupt'],
    ] as const;
    for (const [status, name] of stays) {
      const outcome = await against([problem(status, name)], ({ client }) => client().get('t'));
      assert.equal(outcome.seen.length, 1, name);
      assert.ok(outcome.status === 'rejected' && code(name, new RegExp(`^it is ${name}$`))(outcome.reason), name);
    }
  });

  it('ends after the retries, and not at all with none', async () => {
    for (const retries of [0, 2]) {
      await using server = await scripted(cut);
      await assert.rejects(connect({ url: server.url, key: KEY, retries }).client().get('t'), code('store_unavailable'));
      assert.equal(server.seen.length, retries + 1);
    }
  });

  it('is nothing when the server asks for more patience than a minute', async () => {
    for (const later of ['3600', new Date(Date.now() + 3_600_000).toUTCString()]) {
      const outcome = await against([problem(429, 'quota_exceeded', {}, { 'retry-after': later })], ({ client }) => client().enqueue('A.B'));
      assert.equal(outcome.seen.length, 1);
    }
    const outcome = await against([problem(429, 'rate_limited', {}, { 'retry-after': '3600' })], ({ client }) => client().get('t'));
    assert.ok(outcome.seen.length === 1 && outcome.status === 'rejected' && code('rate_limited')(outcome.reason));
  });

  it('stops at once when the signal of the caller, or of the connection, fires', async () => {
    await using server = await scripted(problem(429, 'rate_limited', {}, { 'retry-after': '50' }));
    const mine = new AbortController();
    const calling = connect({ url: server.url, key: KEY }).client().enqueue('A.B', 1, { signal: mine.signal });
    const ended = new AbortController();
    const other = connect({ url: server.url, key: KEY, signal: ended.signal }).client().get('t');
    mine.abort();
    ended.abort();
    await assert.rejects(calling, code('aborted'));
    await assert.rejects(other, code('aborted'));
  });
});

describe('the caller is told', () => {
  it('the code, the sentence and the details of a problem', async () => {
    const details = { status: 'completed', allowed_next: [] };
    const fields = [{ field: 'x', message: 'y' }];
    const outcome = await against([problem(409, 'invalid_transition', { details, fields })], ({ client }) => client().cancel('t'));
    assert.ok(outcome.status === 'rejected' && outcome.reason instanceof QueueError);
    assert.deepEqual(outcome.reason.details, { ...details, fields, requestId: 'r1' });
  });

  it('a code that it knows for one that it does not, by the status', async () => {
    for (const [status, name] of [
      [404, 'not_found'],
      [409, 'malformed_request'],
      [422, 'invalid_input'],
      [429, 'rate_limited'],
      [500, 'internal'],
      [507, 'store_unavailable'],
    ] as const) {
      const outcome = await against([problem(status, 'brand_new', {}, { 'retry-after': '3600' })], ({ client }) => client().cancel('t'));
      assert.ok(outcome.status === 'rejected' && code(name, /brand_new/)(outcome.reason), String(status));
      assert.equal((outcome.reason as QueueError).details['code'], 'brand_new');
    }
  });

  it('that a queue which closes over there is away, not closed for good', async () => {
    const outcome = await against([problem(503, 'closed')], ({ client }) => client().cancel('t'));
    assert.ok(outcome.status === 'rejected' && code('store_unavailable')(outcome.reason));
  });

  it('when something else answers than a PrismQ server', async () => {
    for (const turn of [text(502, '<h1>Bad gateway</h1>'), text(404, 'no'), text(200, '<h1>Welcome</h1>'), text(200, '{"tasks":', 'application/json')]) {
      const outcome = await against([turn], ({ worker }) => worker().claim());
      assert.ok(outcome.status === 'rejected' && code('store_unavailable', /PrismQ server/)(outcome.reason));
    }
    const refused = await against([text(401, 'who?')], ({ client }) => client().get('t'));
    assert.ok(refused.status === 'rejected' && code('unauthenticated')(refused.reason));
    const led = await against([(response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()], ({ client }) => client().cancel('t'));
    assert.ok(led.status === 'rejected' && code('store_unavailable')(led.reason) && led.seen.length === 1);
  });

  it('when nobody answers within the time', async () => {
    await using server = await scripted(() => undefined);
    let sent = 0;
    const counted: typeof fetch = (...args) => {
      sent += 1;
      return fetch(...args);
    };
    const { get, cancel } = connect({ url: server.url, key: KEY, timeoutMs: 20, retries: 1, fetch: counted }).client();
    await assert.rejects(get('t'), code('store_unavailable', /within 20 ms/));
    assert.equal(sent, 2);
    await assert.rejects(cancel('t'), code('store_unavailable', /within 20 ms/));
    assert.equal(sent, 3);
  });

  it('when there is no server at all', async () => {
    const gone = await scripted();
    await gone[Symbol.asyncDispose]();
    await assert.rejects(connect({ url: gone.url, key: KEY, retries: 0 }).client().get('t'), code('store_unavailable', /ECONNREFUSED/));
  });
});

describe('between a real server and a client whose line is cut', () => {
  it('an enqueue whose answer was lost is enqueued once, and answers that task', async () => {
    await using served = await serve();
    await using line = await proxy(served.url);
    const client = connect({ url: line.url, key: await served.key(ACME) }).client();
    const passing = { done: false };
    line.mode = 'cut_answer';
    const cutOnce = (async () => {
      while (line.cuts === 0) await new Promise((resolve) => setImmediate(resolve));
      line.mode = 'pass';
      passing.done = true;
    })();
    const task = await client.enqueue('Cut.Once', { n: 1 });
    await cutOnce;
    assert.ok(passing.done && line.cuts > 0);
    const { items } = await served.queue.client('acme').list();
    assert.deepEqual(
      items.map((item) => item.taskId),
      [task.taskId],
    );
    assert.equal(task.deduplicated, false);
    line.cutAll();
    const many = await client.enqueueMany([{ type: 'Cut.Many' }, { type: 'Cut.Many' }]);
    assert.equal(many.filter((result) => result.ok).length, 2);
    assert.equal((await served.queue.client('acme').list({ type: 'Cut.Many' })).items.length, 2);
  });

  it('an outcome whose answer was lost is accepted once', async () => {
    await using served = await serve();
    await using line = await proxy(served.url);
    const acme = served.queue.client('acme');
    const { taskId } = await acme.enqueue('Cut.Done');
    const worker = connect({ url: line.url, key: await served.key(MAILER) }).worker();
    const [task] = await worker.claim();
    assert.ok(task);
    line.mode = 'cut_answer';
    const passing = (async () => {
      while (line.cuts === 0) await new Promise((resolve) => setImmediate(resolve));
      line.mode = 'pass';
    })();
    const [answer] = await worker.settle([{ op: 'complete', clientId: task.clientId, taskId, leaseId: task.leaseId, result: '1' }]);
    await passing;
    assert.ok(answer?.ok);
    assert.deepEqual(
      (await acme.logs(taskId)).items.map((entry) => entry.event),
      ['enqueue', 'claim', 'complete'],
    );
  });

  it('a result is waited for over a server that was away', async () => {
    await using served = await serve();
    await using line = await proxy(served.url);
    const client = connect({ url: line.url, key: await served.key(ACME), retries: 0 }).client();
    const task = await client.enqueue('Cut.Wait');
    const result = task.result({ timeoutMs: 60_000 });
    line.mode = 'refuse';
    line.cutAll();
    const worker = served.queue.worker('w');
    const [claimed] = await worker.claim();
    await worker.complete(claimed as NonNullable<typeof claimed>, 'there');
    line.mode = 'pass';
    assert.equal(await result, 'there');
  });
});
