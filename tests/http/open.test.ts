// What stays open: long polls and streams. They are woken by what happens, end with the key that opened them (in this process and
// by another), with their caller and with the server, and lose nothing and tell nothing twice on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { assertProblem } from './conforms.ts';
import { openStream, readFrames } from './frames.ts';
import type { Frame, Opened } from './frames.ts';
import { at, serve } from './stand.ts';
import type { Answered, Rig, RigOptions } from './stand.ts';

interface Here extends Rig {
  readonly client: string;
  readonly worker: string;
  enqueue(type?: string): Promise<string>;
}

async function here(t: TestContext, options: RigOptions = {}): Promise<Here> {
  const rig = await serve(t, options);
  const client = await rig.key({ role: 'client', clientId: 'acme' });
  const worker = await rig.key({ role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] });
  const enqueue = async (type = 'A.B'): Promise<string> => at(await rig.call('POST', '/queue/enqueue', { key: client, body: { type } }), 'task_id');
  return { ...rig, client, worker, enqueue };
}

/** A request is at the server when it was registered for its worker: the first claim of a worker does that. */
const claim = (rig: Here, body: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Answered> =>
  rig.call('POST', '/queue/claim', { key: rig.worker, body: { wait_ms: 30_000, ...body }, ...(signal === undefined ? {} : { signal }) });

/** Until the server does something that can be seen, looked at every turn of its own loop. */
async function until(seen: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await seen())) await new Promise<void>((resolve) => setImmediate(resolve));
}
const isRegistered = async (rig: Rig): Promise<boolean> => (await rig.queue.admin().workers.list()).length > 0;
const keyIdOf = async (rig: Rig, role: string): Promise<string> => (await rig.queue.admin().keys.list()).find((key) => key.role === role)?.keyId ?? '';

test('a claim that waits is woken by an enqueue', async (t) => {
  const rig = await here(t);
  const waiting = claim(rig);
  await until(() => isRegistered(rig));
  const taskId = await rig.enqueue();
  const answer = await waiting;
  assert.equal(at(answer, 'tasks', 0, 'task_id'), taskId);
});

test('a claim that waits in vain answers an empty list', async (t) => {
  const rig = await here(t);
  const answer = await claim(rig, { wait_ms: 1 });
  assert.deepEqual([answer.status, answer.json['tasks']], [200, []]);
});

test('of many claims that wait, each task goes to one', async (t) => {
  const rig = await here(t);
  const waiting = Array.from({ length: 10 }, () => claim(rig));
  await until(() => isRegistered(rig));
  const ids = await Promise.all(Array.from({ length: 10 }, () => rig.enqueue()));
  const got = (await Promise.all(waiting)).map((answer) => at<{ task_id: string }[]>(answer, 'tasks').map((task) => task.task_id));
  assert.deepEqual(got.flat().sort(), ids.sort());
});

test('a thousand claims wait: others are answered meanwhile, each task goes to one of them, and a drain ends the rest', async (t) => {
  const rig = await here(t);
  const waiting = Array.from({ length: 1000 }, () => claim(rig));
  await until(() => isRegistered(rig));
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    assert.equal((await rig.call('GET', '/livez')).status, 200);
    ids.push(await rig.enqueue());
  }
  await until(async () => (await rig.queue.admin().stats()).byStatus.leased === 5);
  rig.app.drain();
  const answers = await Promise.all(waiting);
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual(answers.flatMap((answer) => at<{ task_id: string }[]>(answer, 'tasks').map((task) => task.task_id)).sort(), ids.sort());
});

test('a claim whose caller has left takes nothing', async (t) => {
  const rig = await here(t);
  const gone = new AbortController();
  const waiting = claim(rig, {}, gone.signal);
  await until(() => isRegistered(rig));
  gone.abort();
  await assert.rejects(waiting);
  await until(() => rig.told.some((event) => event.operation === 'claim'));
  const taskId = await rig.enqueue();
  assert.equal(at(await claim(rig), 'tasks', 0, 'task_id'), taskId);
  assert.ok(rig.told.every((event) => event.status < 500));
});

test('a claim that waits ends with its key', async (t) => {
  const rig = await here(t);
  const waiting = claim(rig);
  await until(() => isRegistered(rig));
  await rig.queue.admin().keys.revoke(await keyIdOf(rig, 'worker'));
  assertProblem(await waiting, 'unauthenticated');
});

test('a claim that waits ends with a key that another process revokes', async (t) => {
  const clock = { now: 1_800_000_000_000 };
  const rig = await here(t, { open: { now: () => clock.now } });
  const waiting = claim(rig);
  await until(() => isRegistered(rig));
  const other = await openQueue(rig.file, { janitorMs: 0 });
  await other.admin().keys.revoke(await keyIdOf(rig, 'worker'));
  await other.close();
  // What opened is remembered for five seconds.
  clock.now += 5000;
  assertProblem(await waiting, 'unauthenticated');
});

test('a wait for a task answers when it ends, with the result as it came', async (t) => {
  const rig = await here(t);
  const taskId = await rig.enqueue();
  const waiting = rig.call('GET', `/queue/tasks/${taskId}/wait?wait_ms=30000`, { key: rig.client });
  const claimed = await claim(rig);
  const body = `{"lease_id":"${at<string>(claimed, 'tasks', 0, 'lease_id')}","result":{"n":12345678901234567890, "f":1.0}}`;
  assert.equal((await rig.call('POST', `/queue/tasks/${taskId}/complete`, { key: rig.worker, body })).status, 200);
  const answer = await waiting;
  assert.equal(answer.json['status'], 'completed');
  assert.ok(answer.text.includes('"result":{"n":12345678901234567890, "f":1.0}'));
});

test('a wait in vain answers the task as it is', async (t) => {
  const rig = await here(t);
  const taskId = await rig.enqueue();
  for (const query of ['', '?wait_ms=0', '?wait_ms=1']) {
    const answer = await rig.call('GET', `/queue/tasks/${taskId}/wait${query}`, { key: rig.client });
    assert.deepEqual([answer.status, answer.json['status']], [200, 'queued']);
  }
});

test('a wait for a task ends with its key', async (t) => {
  const rig = await here(t);
  const taskId = await rig.enqueue();
  const waiting = rig.call('GET', `/queue/tasks/${taskId}/wait?wait_ms=30000`, { key: rig.client });
  await rig.queue.admin().keys.revoke(await keyIdOf(rig, 'client'));
  assertProblem(await waiting, 'unauthenticated');
});

test('a wait for a task that was emptied is told that it is gone', async (t) => {
  const rig = await here(t);
  const taskId = await rig.enqueue();
  await rig.queue.client('acme').cancel(taskId);
  await rig.queue.admin().purge(taskId);
  assertProblem(await rig.call('GET', `/queue/tasks/${taskId}/wait?wait_ms=30000`, { key: rig.client }), 'not_found');
});

test('a server that drains answers who waits, ends streams, and is not ready', async (t) => {
  const rig = await here(t);
  const taskId = await rig.enqueue('Never.Claimed');
  const stream = await openStream(rig.url, '/queue/events', { key: rig.client });
  const waits = rig.call('GET', `/queue/tasks/${taskId}/wait?wait_ms=30000`, { key: rig.client });
  const claims = claim(rig, { types: ['Nothing.*'] });
  await until(() => isRegistered(rig));
  const closed = rig.listening.close(20_000);
  assert.deepEqual([(await waits).status, (await waits).json['status']], [200, 'queued']);
  assert.deepEqual([(await claims).status, (await claims).json['tasks']], [200, []]);
  assert.equal(await stream.next(), null);
  await closed;
  const ready = await rig.app.fetch(new Request('http://localhost/readyz'));
  assert.equal(ready.status, 503);
  assert.equal((await rig.app.fetch(new Request('http://localhost/livez'))).status, 200);
});

// Streams

const idsOf = (frames: readonly (Frame | null)[]): string[] => frames.map((frame) => frame?.id ?? 'ended');
async function take(stream: Opened, count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (frames.length < count) {
    const frame = await stream.next();
    assert.ok(frame, 'the stream ended');
    frames.push(frame);
  }
  return frames;
}

test('a stream tells what happens, as it happens', async (t) => {
  const rig = await here(t);
  const stream = await openStream(rig.url, '/queue/events?last_event_id=0', { key: rig.client });
  assert.equal(stream.headers.get('content-type'), 'text/event-stream');
  const taskId = await rig.enqueue();
  const claimed = await claim(rig);
  await rig.call('POST', `/queue/tasks/${taskId}/complete`, { key: rig.worker, body: { lease_id: at(claimed, 'tasks', 0, 'lease_id') } });
  const frames = await take(stream, 3);
  assert.deepEqual(
    frames.map(({ event, data }) => [event, data['task_id'], data['client_id']]),
    ['enqueue', 'claim', 'complete'].map((event) => [event, taskId, 'acme']),
  );
  stream.close();
});

test('a stream that begins without a place says where it begins, and begins with what comes', async (t) => {
  const rig = await here(t);
  await rig.enqueue('Before.It');
  const stream = await openStream(rig.url, '/queue/events', { key: rig.client });
  assert.match((await stream.opened) ?? '', /^\d+$/);
  const taskId = await rig.enqueue('After.It');
  assert.deepEqual(
    (await take(stream, 1)).map(({ data }) => data['task_id']),
    [taskId],
  );
  stream.close();
});

test('a stream that broke off before anything came is gone on with: nothing is left out', async (t) => {
  const rig = await here(t);
  await rig.enqueue('Before.It');
  const stream = await openStream(rig.url, '/queue/events', { key: rig.client });
  const place = (await stream.opened) ?? '';
  stream.close();
  const taskId = await rig.enqueue('In.Between');
  const again = await openStream(rig.url, '/queue/events', { key: rig.client, headers: { 'last-event-id': place } });
  assert.equal(await again.opened, place);
  assert.deepEqual(
    (await take(again, 1)).map(({ data }) => data['task_id']),
    [taskId],
  );
  again.close();
  // Without it, what happened in between is not told.
  const later = await openStream(rig.url, '/queue/events', { key: rig.client });
  assert.ok(Number(await later.opened) > Number(place));
  later.close();
});

test('a stream goes on where another broke off: nothing twice, nothing left out', async (t) => {
  const rig = await here(t);
  for (let i = 0; i < 20; i++) await rig.enqueue();
  const whole = idsOf(await readFrames(rig.url, '/queue/events?last_event_id=0', { key: rig.client }, 20));
  assert.equal(new Set(whole).size, 20);
  const parts: string[] = [];
  for (let last = '0'; parts.length < 18; last = parts.at(-1) ?? '') {
    // By the head, as a browser does, and by the query, by turns.
    const byHead = parts.length % 2 === 0;
    const path = byHead ? '/queue/events' : `/queue/events?last_event_id=${last}`;
    parts.push(...idsOf(await readFrames(rig.url, path, { key: rig.client, ...(byHead ? { headers: { 'last-event-id': last } } : {}) }, 3)));
  }
  assert.deepEqual(parts, whole.slice(0, parts.length));
});

test('a stream has nothing of another client, also when it begins at an event of that one', async (t) => {
  const rig = await here(t);
  const theirs = await rig.key({ role: 'client', clientId: 'globex' });
  for (let i = 0; i < 5; i++) {
    await rig.enqueue();
    await rig.call('POST', '/queue/enqueue', { key: theirs, body: { type: 'Globex.Own' } });
  }
  const [, second] = await readFrames(rig.url, '/queue/events?last_event_id=0', { key: theirs }, 5);
  const mine = await readFrames(rig.url, `/queue/events?last_event_id=${second?.id ?? ''}`, { key: rig.client }, 3);
  assert.deepEqual([...new Set(mine.map(({ data }) => data['client_id']))], ['acme']);
  assert.ok(mine.every(({ id }) => Number(id) > Number(second?.id)));
  const all = await readFrames(rig.url, '/queue/events?last_event_id=0', { key: await rig.key({ role: 'admin' }) }, 10);
  assert.deepEqual(
    [...new Set(all.map(({ data }) => data['client_id'] as string))].toSorted((a, b) => a.localeCompare(b)),
    ['acme', 'globex'],
  );
});

for (const [what, busy] of [
  ['quiet', false],
  ['busy', true],
] as const)
  test(`a ${what} stream ends with its key`, async (t) => {
    const rig = await here(t);
    const other = await rig.key({ role: 'admin', clientId: 'acme' });
    const stream = await openStream(rig.url, '/queue/events?last_event_id=0', { key: rig.client });
    await rig.enqueue();
    await take(stream, 1);
    const keyId = (await rig.queue.admin().keys.list()).find((key) => key.role === 'client')?.keyId ?? '';
    await rig.queue.admin().keys.revoke(keyId);
    let ended = false;
    const reading = (async () => {
      while ((await stream.next()) !== null);
      ended = true;
    })();
    // Something happens all the time: the stream has no moment of rest in which to look.
    const talking = (async () => {
      while (busy && !ended) await rig.call('POST', '/queue/enqueue', { key: other, body: { type: 'Busy.Now' } });
    })();
    await Promise.all([reading, talking]);
    const again = await openStream(rig.url, '/queue/events', { key: rig.client });
    assert.equal(again.status, 401);
    assert.ok(rig.told.every((event) => event.status < 500));
  });

test('a stream that was read by nobody any more is given up', async (t) => {
  const rig = await here(t);
  const streams = await Promise.all(Array.from({ length: 100 }, () => openStream(rig.url, '/queue/events?last_event_id=0', { key: rig.client })));
  await rig.enqueue();
  await Promise.all(streams.map((stream) => take(stream, 1)));
  const tooMany = await openStream(rig.url, '/queue/events', { key: rig.client });
  assert.deepEqual([tooMany.status, (JSON.parse(await tooMany.text()) as { code: string }).code], [429, 'rate_limited']);
  const sister = await openStream(rig.url, '/queue/events', { key: await rig.key({ role: 'client', clientId: 'acme' }) });
  assert.equal(sister.status, 200, 'another key has streams of its own');
  for (const stream of [...streams, sister]) stream.close();
  // Given back when the server has seen them go.
  await until(async () => {
    const next = await openStream(rig.url, '/queue/events', { key: rig.client });
    next.close();
    return next.status === 200;
  });
});

test('where a stream begins is a number, or it is refused', async (t) => {
  const rig = await here(t);
  for (const headers of [{ 'last-event-id': 'abc' }, { 'last-event-id': '-1' }, { 'last-event-id': '1.5' }, { 'last-event-id': "1' OR '1'='1" }]) {
    const stream = await openStream(rig.url, '/queue/events', { key: rig.client, headers });
    assert.deepEqual([stream.status, (JSON.parse(await stream.text()) as { code: string }).code], [400, 'malformed_request']);
  }
  for (const query of ['abc', '-1', '99999999999999999', '']) {
    const stream = await openStream(rig.url, `/queue/events?last_event_id=${query}`, { key: rig.client });
    assert.equal(stream.status, 422, query);
    stream.close();
  }
  // Beyond the last there is nothing yet, and no harm.
  const beyond = await openStream(rig.url, '/queue/events?last_event_id=9999999999999999', { key: rig.client });
  assert.equal(beyond.status, 200);
  beyond.close();
});
