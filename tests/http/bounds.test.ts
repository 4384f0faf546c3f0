// What a request may cost: every bound of the interface at it and one beyond, bodies and heads over their limit on each way in,
// nesting and keys without end, callers that are slow and callers that are many. What is in bounds is done beside it.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LIMITS } from '../../src/domain/limits.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { assertProblem } from './conforms.ts';
import { request, send } from './bytes.ts';
import { at, NOBODY, serve } from './stand.ts';
import type { Answered, Rig } from './stand.ts';

const closing: (() => unknown)[] = [];
const whole = { after: (close: () => unknown) => void closing.unshift(close) } as unknown as TestContext;
interface Keys {
  readonly client: string;
  readonly worker: string;
  readonly admin: string;
}
let rig: Rig;
let keys: Keys;
before(async () => {
  rig = await serve(whole);
  keys = {
    client: await rig.key({ role: 'client', clientId: 'acme' }),
    worker: await rig.key({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] }),
    admin: await rig.key({ role: 'admin' }),
  };
});
after(async () => {
  for (const close of closing) await close();
});

type Role = keyof Keys;
interface Ask {
  readonly role: Role;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}
const ask = ({ role, method, path, body }: Ask): Promise<Answered> => rig.call(method, path, { key: keys[role], ...(body === undefined ? {} : { body }) });

const enqueue = (more: Record<string, unknown>): Ask => ({ role: 'client', method: 'POST', path: '/queue/enqueue', body: { type: 'R.One', ...more } });
const claim = (body: Record<string, unknown>): Ask => ({ role: 'worker', method: 'POST', path: '/queue/claim', body: { types: ['Nothing.*'], ...body } });
const list = (query: string): Ask => ({ role: 'client', method: 'GET', path: `/queue/tasks?${query}` });
const admin = (method: string, path: string, body?: unknown): Ask => ({
  role: 'admin',
  method,
  path: `/queue/admin/${path}`,
  ...(body === undefined ? {} : { body }),
});
const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
const lease = (i: number): Record<string, string> => ({ task_id: NOBODY, lease_id: `x${i}` });
let names = 0;
const fresh = (): string => `fresh-${names++}`;

interface Bound {
  readonly last: () => readonly Ask[];
  readonly beyond: () => readonly Ask[];
  /** Of what is beyond; `invalid_input` where nothing is said. */
  readonly code?: ErrorCode;
}
const range = (make: (value: number) => Ask, min: number, max: number): Bound => ({
  last: () => [make(min), make(max)],
  beyond: () => [make(min - 1), make(max + 1), make(min + 0.5), make(1e300)],
});
const limit = (name: keyof typeof LIMITS, make: (value: number) => Ask): Bound => range(make, LIMITS[name].min, LIMITS[name].max);
const most = (max: number, make: (count: number) => Ask, code?: ErrorCode): Bound => ({
  last: () => [make(max)],
  beyond: () => [make(max + 1)],
  ...(code === undefined ? {} : { code }),
});
const INSTANT = 8_640_000_000_000_000;

const BOUNDS: Readonly<Record<string, Bound>> = {
  'priority of an enqueue': limit('priority', (priority) => enqueue({ priority })),
  attempts: limit('maxAttempts', (max_attempts) => enqueue({ max_attempts })),
  'longest run': limit('maxRunMs', (max_run_ms) => enqueue({ max_run_ms })),
  delay: limit('delayMs', (delay_ms) => enqueue({ delay_ms })),
  'time to live': limit('ttlMs', (ttl_ms) => enqueue({ ttl_ms })),
  'longest wait': limit('maxWaitMs', (max_wait_ms) => enqueue({ max_wait_ms })),
  'instant of a start': range((run_after_utc) => enqueue({ run_after_utc }), 0, INSTANT),
  'instant of an expiry': {
    last: () => [enqueue({ expires_at_utc: INSTANT })],
    beyond: () => [enqueue({ expires_at_utc: INSTANT + 1 }), enqueue({ expires_at_utc: -1 })],
  },
  'instant of a due time': range((due_at_utc) => enqueue({ due_at_utc }), 0, INSTANT),
  'letters of a key of idempotency': most(255, (count) => enqueue({ idempotency_key: fresh().padEnd(count, 'k') })),
  'letters of who submitted': most(128, (count) => enqueue({ created_by: 'u'.repeat(count) })),
  'letters of a trace': most(128, (count) => enqueue({ traceparent: 't'.repeat(count) })),
  'keys of metadata': most(16, (count) => enqueue({ metadata: Object.fromEntries(many(count, (i) => [`k${i}`, 'v'])) })),
  'letters of a key of metadata': most(64, (count) => enqueue({ metadata: { ['k'.repeat(count)]: 'v' } })),
  'letters of a value of metadata': most(256, (count) => enqueue({ metadata: { k: 'v'.repeat(count) } })),
  'segments of a type': most(8, (count) => enqueue({ type: many(count, () => 'S').join('.') }), 'invalid_category'),
  'letters of a type': most(200, (count) => enqueue({ type: 'T'.repeat(count) })),
  'bytes of a payload': most(LIMITS.payloadBytes.default - 2, (count) => enqueue({ payload: 'p'.repeat(count) }), 'payload_too_large'),
  'bytes of a payload in letters of three': most(
    Math.floor((LIMITS.payloadBytes.default - 2) / 3),
    (count) => enqueue({ payload: '€'.repeat(count) }),
    'payload_too_large',
  ),
  'depth of a payload': most(LIMITS.payloadDepth.default, (count) => enqueue({ payload: nested(count) }), 'invalid_payload'),
  'tasks of a bulk': most(1000, (count) => ({
    role: 'client',
    method: 'POST',
    path: '/queue/enqueue/bulk',
    body: { tasks: many(count, () => ({ type: 'R.Bulk' })) },
  })),
  'tasks of a bulk, at least': {
    last: () => [{ role: 'client', method: 'POST', path: '/queue/enqueue/bulk', body: { tasks: [{ type: 'R.Bulk' }] } }],
    beyond: () => [{ role: 'client', method: 'POST', path: '/queue/enqueue/bulk', body: { tasks: [] } }],
  },
  'rows of a page': limit('listLimit', (count) => list(`limit=${count}`)),
  'rows of the inbox': limit('listLimit', (count) => ({ role: 'worker', method: 'GET', path: `/queue/inbox?limit=${count}` })),
  'rows of the record': limit('listLimit', (count) => admin('GET', `security-events?limit=${count}`)),
  'tasks of a claim': limit('claimMax', (max) => claim({ max })),
  'length of a lease': limit('leaseMs', (lease_ms) => claim({ lease_ms })),
  'patterns of a claim': most(100, (count) => claim({ types: many(count, (i) => `N${i}.*`) })),
  'wait of a claim': { last: () => [claim({ wait_ms: 0 })], beyond: () => [claim({ wait_ms: 30_001 }), claim({ wait_ms: -1 }), claim({ wait_ms: 0.5 })] },
  'ends of a batch': most(1000, (count) => ({
    role: 'worker',
    method: 'POST',
    path: '/queue/settle',
    body: { items: many(count, (i) => ({ op: 'complete', ...lease(i) })) },
  })),
  'leases of a heartbeat': most(10_000, (count) => ({
    role: 'worker',
    method: 'POST',
    path: '/queue/workers/w/heartbeat',
    body: { leases: many(count, lease) },
  })),
  'letters of a receipt': {
    last: () => [],
    beyond: () => [{ role: 'worker', method: 'POST', path: `/queue/tasks/${NOBODY}/complete`, body: { lease_id: 'r'.repeat(513) } }],
  },
  'weight of a client': limit('weight', (weight) => admin('PATCH', 'clients/acme', { weight })),
  'weight of a new client': limit('weight', (weight) => admin('POST', 'clients', { client_id: fresh(), weight })),
  'letters of a client': most(63, (count) => admin('POST', 'clients', { client_id: fresh().padEnd(count, 'c') })),
  'letters of a worker': most(128, (count) => admin('POST', 'grants', { worker_id: fresh().padEnd(count, 'w'), client_id: 'acme', pattern: '*' })),
  'grants of a new key': most(100, (count) =>
    admin('POST', 'keys', { role: 'worker', name: fresh(), grants: many(count, (i) => ({ client_id: 'acme', pattern: `G${i}` })) }),
  ),
  'letters of the name of a key': most(128, (count) => admin('POST', 'keys', { role: 'client', client_id: 'acme', name: 'n'.repeat(count) })),
  'life of a key': limit('keyExpiresMs', (expires_in_ms) => admin('POST', 'keys', { role: 'client', client_id: 'acme', expires_in_ms })),
  'stillness of a worker': limit('staleMs', (stale_ms) => admin('POST', 'workers/prune', { stale_ms })),
  'priority of a category': limit('priority', (priority) => admin('PUT', 'categories/Cat.One', { priority })),
  'attempts of a category': limit('maxAttempts', (max_attempts) => admin('PUT', 'categories/Cat.One', { max_attempts })),
  'letters of a reason': most(200, (count) => ({ role: 'client', method: 'POST', path: `/queue/tasks/${NOBODY}/cancel`, body: { reason: 'r'.repeat(count) } })),
};

describe('bounds', () => {
  for (const [what, { last, beyond, code = 'invalid_input' }] of Object.entries(BOUNDS))
    test(what, async () => {
      for (const one of last()) {
        const answer = await ask(one);
        assert.ok(answer.status < 300 || answer.status === 404, `${JSON.stringify(one.body)?.slice(0, 200)}: ${answer.status} ${answer.text.slice(0, 300)}`);
      }
      for (const one of beyond()) {
        const answer = await ask(one);
        assertProblem(answer, code);
        assert.ok(answer.text.length < 5000, `${answer.text.length} characters of refusal`);
      }
    });

  test('a wait at its bound ends with its task, and one beyond is refused', async () => {
    const taskId = at<string>(await ask(enqueue({})), 'task_id');
    await rig.call('POST', `/queue/tasks/${taskId}/cancel`, { key: keys.client, body: {} });
    const wait = (ms: string): Promise<Answered> => rig.call('GET', `/queue/tasks/${taskId}/wait?wait_ms=${ms}`, { key: keys.client });
    assert.equal((await wait('30000')).json['status'], 'cancelled');
    for (const ms of ['30001', '-1', '1.5', '1e3', '0x10', ' 1', '']) assertProblem(await wait(ms), 'invalid_input');
  });

  test('a result may be larger than a payload, up to its own limit', async () => {
    const result = async (bytes: number): Promise<Answered> => {
      await ask(enqueue({ type: 'Result.Of' }));
      const claimed = await ask(claim({ types: ['Result.*'] }));
      const [taskId, leaseId] = [at<string>(claimed, 'tasks', 0, 'task_id'), at<string>(claimed, 'tasks', 0, 'lease_id')];
      return rig.call('POST', `/queue/tasks/${taskId}/complete`, { key: keys.worker, body: { lease_id: leaseId, result: 'r'.repeat(bytes - 2) } });
    };
    assert.equal((await result(LIMITS.resultBytes.max)).status, 200);
    assertProblem(await result(LIMITS.resultBytes.max + 1), 'payload_too_large');
  });

  test('a result that is too large in a batch fails alone', async () => {
    for (let i = 0; i < 2; i++) await ask(enqueue({ type: 'Batch.Of' }));
    const claimed = await ask(claim({ types: ['Batch.*'], max: 2 }));
    const items = at<{ task_id: string; lease_id: string }[]>(claimed, 'tasks').map(({ task_id, lease_id }, i) => ({
      op: 'complete',
      task_id,
      lease_id,
      result: 'r'.repeat(i === 0 ? 1_000_000 : 10),
    }));
    const { results } = (await rig.call('POST', '/queue/settle', { key: keys.worker, body: { items } })).json as { results: { ok: boolean; code?: string }[] };
    assert.deepEqual(
      results.map(({ ok, code }) => [ok, code]),
      [
        [false, 'payload_too_large'],
        [true, undefined],
      ],
    );
  });

  test('a message of a failure is cut, not refused', async () => {
    await ask(enqueue({ type: 'Error.Of', max_attempts: 1 }));
    const claimed = await ask(claim({ types: ['Error.*'] }));
    const taskId = at<string>(claimed, 'tasks', 0, 'task_id');
    const error = { message: 'e'.repeat(100_000), kind: 'k'.repeat(10_000), stack: 's'.repeat(100_000) };
    const body = { lease_id: at<string>(claimed, 'tasks', 0, 'lease_id'), error };
    assert.equal((await rig.call('POST', `/queue/tasks/${taskId}/fail`, { key: keys.worker, body })).status, 200);
    const { error_message: kept } = (await rig.call('GET', `/queue/tasks/${taskId}`, { key: keys.client })).json as { error_message: string };
    assert.equal(kept.length, LIMITS.errorMessage.max);
  });

  for (const cursor of ['x', '-1', "' OR 1=1 --", '9'.repeat(200), '1.2.3', `${'9'.repeat(16)}.${NOBODY}x`, '%00'])
    test(`a cursor that no page answered: ${cursor.slice(0, 30)}`, async () => {
      for (const path of ['/queue/tasks', '/queue/admin/security-events']) {
        const role = path.includes('admin') ? 'admin' : 'client';
        assertProblem(await ask({ role, method: 'GET', path: `${path}?cursor=${encodeURIComponent(cursor)}` }), 'invalid_input');
      }
    });

  test('a cursor of another list, or beyond all rows, is an empty page or a refusal, and never another row', async () => {
    const theirs = await rig.key({ role: 'client', clientId: 'globex' });
    for (let i = 0; i < 3; i++) await rig.call('POST', '/queue/enqueue', { key: theirs, body: { type: 'Globex.Own' } });
    const page = await rig.call('GET', '/queue/tasks?limit=1', { key: theirs });
    const cursor = page.json['next_cursor'] as string;
    const mine = await ask(list(`cursor=${cursor}`));
    assert.ok(mine.status === 200 && !mine.text.includes('globex'));
    assert.deepEqual((await ask(list('cursor=0.00000000-0000-7000-8000-000000000000'))).json['tasks'], []);
  });
});

describe('kinds of task', () => {
  test('a client that makes too many is stopped and told to try again; those that it has go on', async (t) => {
    const here = await serve(t, { open: { lanesPerClient: 3 } });
    const key = await here.key({ role: 'client', clientId: 'acme' });
    const make = (i: number): Promise<Answered> => here.call('POST', '/queue/enqueue', { key, body: { type: `Kind.N${i}` } });
    for (let i = 0; i < 3; i++) assert.equal((await make(i)).status, 201);
    const over = await make(3);
    assertProblem(over, 'too_many_lanes');
    assert.ok(Number(over.headers.get('retry-after')) >= 1);
    assert.equal((await make(0)).status, 201);
    const other = await here.key({ role: 'client', clientId: 'globex' });
    assert.equal((await here.call('POST', '/queue/enqueue', { key: other, body: { type: 'Kind.N3' } })).status, 201, 'another client has its own');
  });
});

describe('bodies and heads', () => {
  const WAYS = { 'the hot path': '/queue/enqueue', 'the router': '/queue/enqueue?' };
  const bodyOf = (bytes: number): string => {
    const empty = '{"type":"Body.Of","payload":""}';
    return empty.replace('""', `"${'b'.repeat(bytes - empty.length)}"`);
  };

  for (const [way, target] of Object.entries(WAYS)) {
    test(`a body at the limit is taken, one byte more is not (${way})`, async (t) => {
      const small = await serve(t, { app: { maxBodyBytes: 1000 } });
      const key = await small.key({ role: 'client', clientId: 'acme' });
      assert.equal((await small.call('POST', target, { key, body: bodyOf(1000) })).status, 201);
      assertProblem(await small.call('POST', target, { key, body: bodyOf(1001) }), 'request_too_large');
      assertProblem(await small.call('POST', target, { key, body: `${bodyOf(900)}${' '.repeat(200)}` }), 'request_too_large');
    });

    test(`a body in chunks without a length stops at the limit (${way})`, async (t) => {
      const small = await serve(t, { app: { maxBodyBytes: 1000 } });
      const key = await small.key({ role: 'client', clientId: 'acme' });
      const head = request({ target, key, headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'] });
      const chunk = `400\r\n${' '.repeat(1024)}\r\n`;
      const { answers, closed } = await send(small.listening.port, [head, ...many(50, () => chunk)]);
      assert.deepEqual([answers.map(({ status }) => status), closed], [[413], true]);
      assert.equal((await small.call('POST', target, { key, body: bodyOf(500) })).status, 201);
    });

    test(`a body that says it is larger than all limits is refused without being waited for (${way})`, async (t) => {
      const small = await serve(t, { app: { maxBodyBytes: 1000 } });
      const key = await small.key({ role: 'client', clientId: 'acme' });
      const head = `${request({ target, key, headers: ['Content-Type: application/json', 'Content-Length: 1000000000'] })}${' '.repeat(2000)}`;
      const { answers, closed } = await send(small.listening.port, [head]);
      assert.deepEqual([answers.map(({ status }) => status), closed], [[413], true]);
    });

    for (const [what, body] of Object.entries({
      'lists that nest a hundred thousand deep': '['.repeat(100_000),
      'lists that nest a hundred thousand deep and end': '['.repeat(100_000) + ']'.repeat(100_000),
      'objects that nest a hundred thousand deep': '{"a":'.repeat(100_000),
      'a payload that nests a hundred thousand deep': `{"type":"A.B","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'a hundred thousand members': `{${many(100_000, (i) => `"k${i}":1`).join(',')}}`,
      'a member whose name is a million letters': `{"${'n'.repeat(1_000_000)}":1}`,
      'metadata of a hundred thousand members': `{"type":"A.B","metadata":{${many(100_000, (i) => `"k${i}":1`).join(',')}}}`,
      'a compatibility of a hundred thousand members': `{"type":"A.B","compatibility":{${many(100_000, (i) => `"k${i}":[]`).join(',')}}}`,
      'a number of a hundred thousand digits': `{"type":"A.B","priority":${'9'.repeat(100_000)}}`,
    }))
      test(`${what} (${way})`, async () => {
        const answer = await rig.call('POST', target, { key: keys.client, body });
        assert.ok([400, 413, 422].includes(answer.status), String(answer.status));
        assert.ok(answer.text.length < 8000, `${answer.text.length} characters of refusal`);
        assert.equal((await rig.call('POST', target, { key: keys.client, body: { type: 'R.One' } })).status, 201);
      });
  }

  test('a payload of a hundred thousand members is the user’s', async () => {
    const payload = `{${many(20_000, (i) => `"k${i}":1`).join(',')}}`;
    const made = await rig.call('POST', '/queue/enqueue', { key: keys.client, body: `{"type":"Wide.One","payload":${payload}}` });
    const read = await rig.call('GET', `/queue/tasks/${at<string>(made, 'task_id')}`, { key: keys.client });
    assert.ok(read.text.includes(payload));
  });

  test('a target at the limit of the head is read, one beyond is not', async () => {
    const target = (length: number): string => `/queue/tasks?cursor=${'c'.repeat(length)}`;
    const get = (length: number) => send(rig.listening.port, [request({ method: 'GET', target: target(length), key: keys.client })], { answers: 1 });
    assert.equal((await get(15_000)).answers[0]?.status, 422);
    assert.equal((await get(17_000)).answers[0]?.status, 431);
  });

  test('sixty heads are read, a hundred are not', async () => {
    const get = (count: number) =>
      send(rig.listening.port, [request({ method: 'GET', target: '/queue/stats', key: keys.client, headers: many(count, (i) => `X-${i}: 1`) })], {
        answers: 1,
      });
    assert.equal((await get(60)).answers[0]?.status, 200);
    assert.equal((await get(100)).answers[0]?.status, 431);
  });
});

describe('callers that are slow or many', () => {
  const patience = { listen: { headersMs: 200, requestMs: 400 } };

  test('a head that does not come to its end is answered and given up', async (t) => {
    const here = await serve(t, patience);
    const { answers, closed } = await send(here.listening.port, ['GET /queue/tasks HTTP/1.1\r\nHost: localhost\r\nX-Slow: ']);
    assert.deepEqual([answers.map(({ status }) => status), closed], [[408], true]);
    assert.equal((JSON.parse(answers[0]?.body ?? '{}') as { code: string }).code, 'request_timeout');
  });

  for (const target of ['/queue/enqueue', '/queue/enqueue?'])
    test(`a body that does not come to its end is given up and stores nothing (${target})`, async (t) => {
      const here = await serve(t, patience);
      const key = await here.key({ role: 'client', clientId: 'acme' });
      const { closed, answers } = await send(here.listening.port, [request({ target, key, body: '{"type":"Slow.One"}' }).slice(0, -3)]);
      assert.ok(closed && answers.every(({ status }) => status === 408 || status === 400));
      assert.equal((await here.queue.client('acme').list()).items.length, 0);
      assert.equal((await here.call('POST', target, { key, body: { type: 'Fast.One' } })).status, 201);
    });

  test('a connection that says nothing is given up', async (t) => {
    const here = await serve(t, patience);
    const { closed } = await send(here.listening.port, []);
    assert.ok(closed);
  });

  test('connections beyond the most are not taken, and those that are there go on', async (t) => {
    const here = await serve(t, { listen: { maxConnections: 2 } });
    const key = await here.key({ role: 'client', clientId: 'acme' });
    const hold = (): Promise<ReturnType<typeof connect>> =>
      new Promise((resolve) => {
        const socket = connect(here.listening.port, '127.0.0.1', () => resolve(socket));
      });
    const [first, second] = [await hold(), await hold()];
    // Both are the server's when it has answered on them.
    const answered = (socket: typeof first): Promise<string> =>
      new Promise((resolve) => {
        socket.once('data', (data) => resolve(data.toString('latin1')));
        socket.write(request({ method: 'GET', target: '/livez' }));
      });
    for (const socket of [first, second]) assert.match(await answered(socket), /^HTTP\/1\.1 200/);
    const { answers, closed } = await send(here.listening.port, [request({ method: 'GET', target: '/livez' })]);
    assert.deepEqual([answers, closed], [[], true]);
    assert.match(await answered(first), /^HTTP\/1\.1 200/);
    await new Promise<void>((resolve) => {
      second.once('close', () => resolve());
      second.destroy();
    });
    first.destroy();
    assert.ok(key.length > 0);
  });

  test('a caller that does not read a stream holds no other up', async (t) => {
    const here = await serve(t);
    const key = await here.key({ role: 'client', clientId: 'acme' });
    const socket = connect(here.listening.port, '127.0.0.1');
    socket.pause();
    socket.write(request({ method: 'GET', target: '/queue/events?last_event_id=0', key }));
    const tasks = many(1000, () => ({ type: 'Many.Events' }));
    for (let i = 0; i < 3; i++) assert.equal((await here.call('POST', '/queue/enqueue/bulk', { key, body: { tasks } })).status, 200);
    assert.equal((await here.call('GET', '/queue/stats', { key })).status, 200);
    socket.destroy();
  });
});
