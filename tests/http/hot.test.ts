// The hot path answers what the router answers: the same requests through both, on two worlds that are the same.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import { hotPaths } from '../../src/http/answer.ts';
import { makeWorld, NOW, rowsOf } from './cube/world.ts';
import type { World } from './cube/world.ts';
import { serve } from './stand.ts';
import type { Answered, Asked, Rig } from './stand.ts';

const closing: (() => unknown)[] = [];
test.after(async () => {
  for (const close of closing) await close();
});
let world: World;
let hot: Rig;
let cold: Rig;
before(async () => {
  const context = { after: (close: () => unknown) => void closing.unshift(close) } as unknown as TestContext;
  world = await makeWorld(context);
  hot = await serve(context, { from: world.file, open: { now: () => NOW } });
  cold = await serve(context, { from: world.file, open: { now: () => NOW } });
});

test('the hot path is enqueue, claim and settle', () => {
  assert.deepEqual(
    OPERATION_LIST.filter((name) => rowOf(name).hot === true),
    ['enqueue', 'claim', 'settle'],
  );
  assert.deepEqual([...hotPaths().values()], ['enqueue', 'claim', 'settle']);
});

type Make = (world: World, rig: Rig, last: Answered | null) => { path: string; asked: Asked };
const post =
  (
    path: string,
    role: 'client' | 'worker' | 'client_admin' | 'platform_admin' | 'auditor' | 'anonymous',
    body: unknown,
    headers: Record<string, string> = {},
  ): Make =>
  ({ keys }) => ({ path, asked: { key: keys.acme[role], body, headers } });
const inAcme = { 'prismq-client': 'acme', 'prismq-reason': 'a ticket' };
const leases = (last: Answered | null): { task_id: string; lease_id: string }[] => (last?.json['tasks'] ?? []) as { task_id: string; lease_id: string }[];

/** In this order, each after the one before. */
const REQUESTS: Readonly<Record<string, Make>> = {
  'an enqueue': post('/queue/enqueue', 'client', { type: 'H.One', payload: { b: 1, a: 1.0 } }),
  'a key of idempotency in the head': post('/queue/enqueue', 'client', { type: 'H.Key' }, { 'idempotency-key': 'k' }),
  'the same again': post('/queue/enqueue', 'client', { type: 'H.Key', idempotency_key: 'k' }, { 'idempotency-key': 'k' }),
  'the same with other content': post('/queue/enqueue', 'client', { type: 'H.Key', payload: 2 }, { 'idempotency-key': 'k' }),
  'two keys that differ': post('/queue/enqueue', 'client', { type: 'H.Key', idempotency_key: 'other' }, { 'idempotency-key': 'k' }),
  'an enqueue of an admin of the client': post('/queue/enqueue', 'client_admin', { type: 'H.One' }),
  'an enqueue of an admin of the platform, inside': post('/queue/enqueue', 'platform_admin', { type: 'H.One' }, inAcme),
  'an enqueue of an admin of the platform, nowhere': post('/queue/enqueue', 'platform_admin', { type: 'H.One' }),
  'an enqueue of a worker': post('/queue/enqueue', 'worker', { type: 'H.One' }),
  'an enqueue of an auditor': post('/queue/enqueue', 'auditor', { type: 'H.One' }),
  'an enqueue of nobody': post('/queue/enqueue', 'anonymous', { type: 'H.One' }),
  'an enqueue of no type': post('/queue/enqueue', 'client', {}),
  'an enqueue of a wrong type': post('/queue/enqueue', 'client', { type: 'not a type' }),
  'an unknown member': post('/queue/enqueue', 'client', { type: 'H.One', client_id: 'globex' }),
  'white space around it': post('/queue/enqueue', 'client', '\r\n\t {"type":"H.One"} \n'),
  'a charset': post('/queue/enqueue', 'client', '{"type":"H.One"}', { 'content-type': 'application/json; charset=UTF-8' }),
  'another charset': post('/queue/enqueue', 'client', '{"type":"H.One"}', { 'content-type': 'application/json; charset=latin1' }),
  'a byte order mark': post('/queue/enqueue', 'client', '\uFEFF{"type":"H.One"}'),
  'something behind the end': post('/queue/enqueue', 'client', '{"type":"H.One"}}'),
  null: post('/queue/enqueue', 'client', 'null'),
  'numbers beyond all doubles': post('/queue/enqueue', 'client', '{"type":"H.One","payload":{"b":1,"a":[12345678901234567890]}}'),
  'no JSON': post('/queue/enqueue', 'client', '{"type":'),
  'no body': post('/queue/enqueue', 'client', ''),
  'a list': post('/queue/enqueue', 'client', '[]'),
  'a key twice': post('/queue/enqueue', 'client', '{"type":"H.A","type":"H.B"}'),
  __proto__: post('/queue/enqueue', 'client', '{"type":"H.A","__proto__":{}}'),
  'a payload that nests too deep': post('/queue/enqueue', 'client', `{"type":"H.A","payload":${'['.repeat(33)}${']'.repeat(33)}}`),
  'a payload that is too large': post('/queue/enqueue', 'client', { type: 'H.A', payload: 'x'.repeat(300_000) }),
  'a body that is too large': post('/queue/enqueue', 'client', { type: 'H.A', payload: 'x'.repeat(4_100_000) }),
  'a type of text': post('/queue/enqueue', 'client', '{"type":"H.A"}', { 'content-type': 'text/plain' }),
  'another protocol': post('/queue/enqueue', 'client', { type: 'H.A' }, { 'prismq-protocol': '2' }),
  'a client named by a client': post('/queue/enqueue', 'client', { type: 'H.A' }, inAcme),
  'a claim': post('/queue/claim', 'worker', { max: 100 }),
  'an end of each kind': (_, __, last) => {
    const [a, b, c] = leases(last);
    const items = [
      { op: 'complete', ...a, result: { ok: true } },
      { op: 'fail', ...b, error: 'no' },
      { op: 'release', ...c },
      { op: 'complete', ...a, result: { ok: true } },
      { op: 'complete', ...a, result: 'another' },
      { op: 'complete', task_id: a?.task_id, lease_id: 'made-up' },
    ].map(({ op, task_id, lease_id, ...more }) => ({ op, task_id, lease_id, ...more }));
    return { path: '/queue/settle', asked: { key: world.keys.acme.worker, body: { items } } };
  },
  'an end of nothing': post('/queue/settle', 'worker', { items: [] }),
  'an end of an unknown kind': post('/queue/settle', 'worker', { items: [{ op: 'explode', task_id: 'x', lease_id: 'y' }] }),
  'an end of a client': post('/queue/settle', 'client', { items: [] }),
  'a claim without a body': post('/queue/claim', 'worker', ''),
  'ends that are no list': post('/queue/settle', 'worker', { items: {} }),
  'a claim of too many': post('/queue/claim', 'worker', { max: 501 }),
  'a claim by an unknown strategy': post('/queue/claim', 'worker', { strategy: 'BEST' }),
  'a claim of a pattern that is none': post('/queue/claim', 'worker', { types: ['..'] }),
  'a claim of a client': post('/queue/claim', 'client', {}),
  'a claim of nothing, that waits for nothing': post('/queue/claim', 'worker', { types: ['Nothing.*'], wait_ms: 1 }),
};

describe('the same request, before and behind the router', () => {
  let lastHot: Answered | null = null;
  let lastCold: Answered | null = null;
  for (const [what, make] of Object.entries(REQUESTS))
    test(what, async () => {
      const one = make(world, hot, lastHot);
      const other = make(world, cold, lastCold);
      lastHot = await hot.call('POST', one.path, one.asked);
      // An empty query keeps it off the hot path.
      lastCold = await cold.call('POST', `${other.path}?`, other.asked);
      assert.deepEqual(told(lastHot), told(lastCold));
      assert.deepEqual(headsOf(lastHot), headsOf(lastCold));
      const [a, b] = [hot.told.at(-1), cold.told.at(-1)];
      assert.deepEqual(
        [a?.operation, a?.status, a?.code, a?.actor, a?.keyId, a?.clientId],
        [b?.operation, b?.status, b?.code, b?.actor, b?.keyId, b?.clientId],
      );
    });

  test('left the same rows behind', () => {
    assert.deepEqual(counts(hot), counts(cold));
  });
});

/** Ids and receipts are made at random. */
const told = ({ status, text }: Answered): unknown => [
  status,
  text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replace(/"lease_id":"[\w-]+"/g, '"lease_id":"RECEIPT"')
    .replace(/"waited_ms":\d+/, '"waited_ms":0'),
];
const LEFT_OUT = new Set(['date', 'x-request-id', 'content-length', 'transfer-encoding', 'connection', 'keep-alive']);
const headsOf = ({ headers }: Answered): unknown => [...headers].filter(([name]) => !LEFT_OUT.has(name));
const counts = (rig: Rig): unknown =>
  Object.entries(rowsOf(rig)).map(([table, byClient]) => [table, Object.entries(byClient).map(([client, rows]) => [client, rows.length])]);
