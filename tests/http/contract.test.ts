// The interface as a whole: nothing answers but the rows of the table, a document that validates, and what is the user's JSON back as
// it came.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import { assertProblem } from './conforms.ts';
import { serve } from './stand.ts';
import type { Answered, Rig } from './stand.ts';
import type { TestContext } from 'node:test';

interface Here {
  readonly rig: Rig;
  readonly client: string;
  readonly worker: string;
}
async function here(t: TestContext): Promise<Here> {
  const rig = await serve(t);
  const client = await rig.key({ role: 'client', clientId: 'acme' });
  return { rig, client, worker: await rig.key({ role: 'worker', name: 'acme:w', grants: [{ clientId: 'acme', pattern: '*' }] }) };
}

const fits = (path: string, asked: string): boolean => {
  const [one, other] = [path.split('/'), asked.split('/')];
  return one.length === other.length && one.every((part, i) => part === other[i] || part.startsWith('{'));
};

test('every row answers at its path and method, and nothing else does', async (t) => {
  const rig = await serve(t);
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  for (const path of new Set(OPERATION_LIST.map((name) => rowOf(name).path))) {
    const asked = path.replace(/\{\w+\}/, 'x');
    // A worker may be called `prune`.
    const known = OPERATION_LIST.filter((name) => fits(rowOf(name).path, asked));
    for (const method of methods) {
      const name = known.find((one) => rowOf(one).method === method);
      const got = await rig.call(method, asked);
      if (name === undefined) {
        assertProblem(got, 'method_not_allowed');
        assert.deepEqual(got.headers.get('allow')?.split(', ').toSorted(), known.map((one) => rowOf(one).method).toSorted());
      } else if (name === 'bootstrap') assertProblem(got, 'invalid_input');
      else if (rowOf(name).access === 'public') assert.equal(got.status, 200);
      else assertProblem(got, 'unauthenticated');
    }
  }
  for (const path of ['/', '/queue', '/queue/', '/queue/nothing', '/queue/admin', '/admin', '/.env']) assertProblem(await rig.call('GET', path), 'not_found');
});

test('the document is valid OpenAPI 3.1 and has every row', async (t) => {
  const rig = await serve(t, { app: { version: '1.2.3' } });
  const document = (await rig.call('GET', '/openapi.json')).json as unknown as {
    readonly openapi: string;
    readonly info: { readonly version: string };
    readonly paths: Record<string, Record<string, { readonly operationId: string }>>;
  };
  const verdict = await new Validator().validate(document);
  assert.deepEqual(verdict.errors, undefined);
  assert.ok(verdict.valid);
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.info.version, '1.2.3');
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
  assert.deepEqual(ids.toSorted(), OPERATION_LIST.toSorted());
  // The validator does refuse.
  assert.equal((await new Validator().validate({ ...document, paths: { nothing: 1 } })).valid, false);
});

test('the metadata to list by may be named again, as pairs of different keys; nothing else may', async (t) => {
  const { rig, client } = await here(t);
  const list = async (query: string): Promise<Answered> => rig.call('GET', `/queue/tasks?${query}`, { key: client });
  const found = async (query: string): Promise<number> => ((await list(query)).json as unknown as { tasks: unknown[] }).tasks.length;
  assert.equal((await rig.call('POST', '/queue/enqueue', { key: client, body: { type: 'A.B', metadata: { a: '1:2', 'b:c': '' } } })).status, 201);
  assert.deepEqual([await found('metadata=a:1:2'), await found('metadata=a:1%3A2&metadata=b%253ac:'), await found('metadata=a:1')], [1, 1, 0]);
  for (const query of ['metadata=a', 'metadata=:x', 'metadata=', 'metadata=a:1&metadata=a:1', 'metadata=%25zz:1', 'metadata=__proto__:1'])
    assertProblem(await list(query), 'invalid_input');
  assertProblem(await list('limit=1&limit=1'), 'malformed_request');
  assertProblem(await rig.call('GET', '/queue/stats?metadata=a:1', { key: client }), 'invalid_input');
});

// Byte for byte

const TEXTS = [
  '12345678901234567890123',
  '-0',
  '1E+400',
  '0.1000000000000000055511151231257827021181583404541015625',
  '1.0',
  '{"z":1,"a":2,"10":3,"2":4}',
  '{"a":1,"a":2,"\\u0061":3}',
  '"\\u00e9\\/\\ud83d\\ude00\\u0000"',
  '"é/😀\u2028\u2029"',
  '{ "a" : [ 1 ,\t2 , { } ] }',
  '{"payload":1,"result":2,"metadata":{"payload":3},"task_id":4,"taskId":5}',
  '{"constructor":{"prototype":1},"toString":2,"hasOwnProperty":3}',
  `${'['.repeat(32)}${']'.repeat(32)}`,
  'null',
  'false',
  '""',
  '[]',
] as const;

const idOf = (got: Answered): string => (got.json as unknown as { task_id: string }).task_id;

async function claimOne({ rig, worker }: Here, wanted: string): Promise<{ readonly got: Answered; readonly lease: string }> {
  const got = await rig.call('POST', '/queue/claim', { key: worker, body: { types: ['Mail.Bytes'] } });
  const [task] = (got.json as unknown as { tasks: { task_id: string; lease_id: string }[] }).tasks;
  assert.equal(task?.task_id, wanted);
  return { got, lease: task.lease_id };
}

test('payload and result travel byte for byte', async (t) => {
  const one = await here(t);
  const { rig, client, worker } = one;
  for (const text of TEXTS) {
    const has = (got: Answered, member: string): void => assert.ok(got.text.includes(`"${member}":${text}`), `${member}: ${got.text} has ${text}`);
    const id = idOf(await rig.call('POST', '/queue/enqueue', { key: client, body: `{"type":"Mail.Bytes","payload":${text} ,"priority":7}` }));
    has(await rig.call('GET', `/queue/tasks/${id}`, { key: client }), 'payload');
    has(await rig.call('GET', '/queue/tasks?type=Mail.Bytes&limit=1', { key: client }), 'payload');
    const { got, lease } = await claimOne(one, id);
    has(got, 'payload');
    const path = `/queue/tasks/${id}`;
    const progress = await rig.call('POST', `${path}/progress`, { key: worker, body: `{"lease_id":"${lease}","progress":${text}}` });
    assert.equal(progress.status, 204, progress.text);
    has(await rig.call('GET', path, { key: client }), 'progress');
    const end = await rig.call('POST', `${path}/complete`, { key: worker, body: `{"result":${text},"lease_id":"${lease}"}` });
    assert.equal(end.status, 200, end.text);
    has(await rig.call('GET', `${path}/wait`, { key: client }), 'result');
  }
});

test('they do in bulk, in batches, for children and amended as well', async (t) => {
  const one = await here(t);
  const { rig, client, worker } = one;
  const held = idOf(await rig.call('POST', '/queue/enqueue', { key: client, body: { type: 'Mail.Bytes' } }));
  const { lease } = await claimOne(one, held);
  const waits = idOf(await rig.call('POST', '/queue/enqueue', { key: client, body: { type: 'Mail.Waits', delay_ms: 86_400_000 } }));
  for (const text of TEXTS) {
    const read = async (id: string): Promise<string> => (await rig.call('GET', `/queue/tasks/${id}`, { key: client })).text;
    const bulk = await rig.call('POST', '/queue/enqueue/bulk', { key: client, body: `{"tasks":[{"payload":${text},"type":"Mail.Bytes"}]}` });
    const [first] = (bulk.json as unknown as { results: { task_id: string }[] }).results;
    assert.ok((await read(first?.task_id as string)).includes(`"payload":${text}`), text);
    const child = await rig.call('POST', `/queue/tasks/${held}/children`, {
      key: worker,
      body: `{"lease_id":"${lease}","type":"Mail.Child","payload":${text}}`,
    });
    assert.ok((await read(idOf(child))).includes(`"payload":${text}`), text);
    const amended = await rig.call('PATCH', `/queue/tasks/${waits}`, { key: client, body: `{"payload":${text}}` });
    assert.ok(amended.text.includes(`"payload":${text}`), amended.text);
    const { lease: taken } = await claimOne(one, first?.task_id as string);
    const item = `{"op":"complete","result":${text},"task_id":"${first?.task_id}","lease_id":"${taken}"}`;
    const settled = await rig.call('POST', '/queue/settle', { key: worker, body: `{"items":[${item}]}` });
    assert.equal(settled.status, 200, settled.text);
    assert.ok((await read(first?.task_id as string)).includes(`"result":${text}`), text);
  }
});

test('members that are named like a payload are the user’s where the user names them', async (t) => {
  const { rig, client, worker } = await here(t);
  const names = { payload: 'p', result: 'r', progress: 'g', details: 'd', schema: 's' };
  const enqueued = await rig.call('POST', '/queue/enqueue', { key: client, body: { type: 'Mail.Named', metadata: names, compatibility: names } });
  assert.equal(enqueued.status, 201, enqueued.text);
  const { metadata, compatibility } = (await rig.call('GET', `/queue/tasks/${idOf(enqueued)}`, { key: client })).json as Record<string, unknown>;
  assert.deepEqual({ metadata, compatibility }, { metadata: names, compatibility: names });
  const claimed = await rig.call('POST', '/queue/claim', { key: worker, body: { types: ['Mail.Named'], capabilities: { attributes: names } } });
  assert.equal((claimed.json as unknown as { tasks: unknown[] }).tasks.length, 1, claimed.text);
  assertProblem(await rig.call('POST', '/queue/enqueue', { key: client, body: '{"type":"A","metadata":{"result":"x","result":"y"}}' }), 'malformed_request');
});

test('a refusal names what is wrong as the wire does, and leaves what the user named', async (t) => {
  const { rig, client } = await here(t);
  const enqueue = (body: Record<string, unknown>): Promise<Answered> => rig.call('POST', '/queue/enqueue', { key: client, body: { type: 'A.B', ...body } });
  const told = async (body: Record<string, unknown>): Promise<unknown> => {
    const { json } = await enqueue(body);
    return [json['detail'], (json['fields'] as { field: string }[]).map(({ field }) => field)];
  };
  assert.deepEqual(await told({ delay_ms: 1, run_after_utc: 2 }), ['run_after_utc: give delay_ms or run_after_utc, not both', ['run_after_utc']]);
  assert.deepEqual(await told({ idempotency_key: 'a\0' }), ['idempotency_key: must not have control characters or lone surrogates', ['idempotency_key']]);
  assert.deepEqual(((await told({ metadata: { maxAttempts: '\0' } })) as unknown[])[1], ['metadata.maxAttempts']);
  const bulk = await rig.call('POST', '/queue/enqueue/bulk', { key: client, body: { tasks: [{ type: 'A.B', due_at_utc: 1, max_wait_ms: 2 }] } });
  assert.match(bulk.text, /give due_at_utc or max_wait_ms, not both/);
  const taskId = idOf(await enqueue({}));
  assertProblem(await rig.call('POST', `/queue/tasks/${taskId}/cancel`, { key: client, body: { reason: 'a\0b' } }), 'invalid_input');
  assert.equal((await rig.call('POST', `/queue/tasks/${taskId}/cancel`, { key: client, body: { reason: 'a b' } })).status, 200);
});
