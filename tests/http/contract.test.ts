// The interface as a whole: one route a row of the access table, a document that validates, the same answer on the hot path as
// through the router, and what is the user's JSON back as it came.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { OPERATION_LIST, OPERATIONS, rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { OPERATION_NAMES } from '../../src/domain/access.ts';
import type { Operation } from '../../src/domain/access.ts';
import { PERFORM } from '../../src/http/perform.ts';
import { assertProblem, openRig, openWorld } from './rig.ts';
import type { Got, World } from './rig.ts';

/** Rows of the access table that no request reaches by itself. */
const IN_PROCESS: Partial<Record<Operation, string>> = {
  'audit.export': 'made where the database is',
  'audit.seal': 'every process does it on a timer',
  'schedule.fire': 'every process does it on a timer',
  'key.bootstrap': 'the server opens the one-time secret when it starts',
  'janitor.tick': 'every process does it on a timer',
};

const accessOf = (name: OperationName): readonly string[] => [rowOf(name).access].flat();
const routed = new Set(OPERATION_LIST.flatMap(accessOf));

for (const operation of OPERATION_NAMES)
  test(`${operation} has a route, or a reason to have none`, () => {
    const reason = IN_PROCESS[operation];
    if (routed.has(operation)) assert.equal(reason, undefined, 'what has a route is not in process only');
    else assert.ok(reason !== undefined, 'a row of the access table without a route');
  });

for (const name of OPERATION_LIST)
  test(`${name} has a row of the access table, a performer and a path of its own`, () => {
    const { method, path, access } = rowOf(name);
    if (access === 'public') assert.match(path, /^\/(livez|readyz|openapi\.json|queue\/admin\/bootstrap)$/, 'only these want no key');
    else {
      for (const operation of accessOf(name))
        assert.ok((OPERATION_NAMES as readonly string[]).includes(operation), `${operation} is no row of the access table`);
      assert.equal(typeof (PERFORM as Record<string, unknown>)[name], 'function');
    }
    const twins = OPERATION_LIST.filter((other) => rowOf(other).method === method && rowOf(other).path === path);
    assert.deepEqual(twins, [name]);
  });

test('nothing is performed that the table does not have', () => {
  assert.deepEqual(
    Object.keys(PERFORM).filter((name) => !Object.hasOwn(OPERATIONS, name)),
    [],
  );
});

const fits = (path: string, asked: string): boolean => {
  const [one, other] = [path.split('/'), asked.split('/')];
  return one.length === other.length && one.every((part, i) => part === other[i] || part.startsWith('{'));
};

test('every row answers at its path and method, and nothing else does', async (t) => {
  const { ask } = await openRig(t);
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  for (const path of new Set(OPERATION_LIST.map((name) => rowOf(name).path))) {
    const asked = path.replace(/\{\w+\}/, 'x');
    // A worker may be called `prune`.
    const known = OPERATION_LIST.filter((name) => fits(rowOf(name).path, asked));
    for (const method of methods) {
      const name = known.find((one) => rowOf(one).method === method);
      const got = await ask({ method, path: asked });
      if (name === undefined) {
        assertProblem(got, 405, 'method_not_allowed');
        assert.deepEqual(got.headers.get('allow')?.split(', ').toSorted(), known.map((one) => rowOf(one).method).toSorted());
      } else if (name === 'bootstrap') assertProblem(got, 422, 'invalid_input');
      else if (rowOf(name).access === 'public') assert.equal(got.status, 200);
      else assertProblem(got, 401, 'unauthenticated');
    }
  }
  for (const path of ['/', '/queue', '/queue/', '/queue/nothing', '/queue/admin', '/admin', '/.env'])
    assertProblem(await ask({ method: 'GET', path }), 404, 'not_found');
});

test('the document is valid OpenAPI 3.1 and has every row', async (t) => {
  const { ask } = await openRig(t, { app: { version: '1.2.3' } });
  const document = (await ask({ method: 'GET', path: '/openapi.json' })).json as {
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

// The hot path and the router

/** What differs from one task and request to the next. */
const VOLATILE = /"(?:task_id|lease_id|request_id)":"[^"]*"|"(?:\w+_utc|fence|waited_ms)":\d+/g;

function comparable(got: Got): unknown {
  const headers = Object.fromEntries([...got.headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name)));
  return { status: got.status, headers, body: got.text.replace(VOLATILE, (member) => member.slice(0, member.indexOf(':'))) };
}

interface Variant {
  readonly what: string;
  readonly status: number;
  readonly key?: 'none' | 'wrong' | 'other';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Of any operation with a body; `good` is one that it takes. */
const anyBody = (good: string, status: number, broken: string): Variant[] => [
  { what: 'a good body', status, body: good },
  { what: 'white space around it', status, body: `\r\n\t ${good} \n` },
  { what: 'a charset', status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body: good },
  { what: 'no key', status: 401, key: 'none', body: good },
  { what: 'a key that opens nothing', status: 401, key: 'wrong', body: good },
  { what: 'a key of another role', status: 403, key: 'other', body: good },
  { what: 'another protocol', status: 400, headers: { 'prismq-protocol': '2' }, body: good },
  { what: 'another type', status: 415, headers: { 'content-type': 'text/plain' }, body: good },
  { what: 'another charset', status: 415, headers: { 'content-type': 'application/json; charset=latin1' }, body: good },
  { what: 'no JSON', status: 400, body: `${good}}` },
  { what: 'a byte order mark', status: 400, body: `\uFEFF${good}` },
  { what: 'an unknown property', status: 422, body: good.replace('{', '{"nope":1,') },
  { what: 'a member twice', status: 400, body: good.replace('{', '{"nope":1,"nope":1,') },
  { what: 'a list', status: 422, body: `[${good}]` },
  { what: 'null', status: 422, body: 'null' },
  { what: 'a wrong type', status: 422, body: broken },
  { what: 'a poisoned prototype', status: 422, body: good.replace('{', '{"__proto__":{},') },
  { what: 'a client that is not its own to name', status: 403, headers: { 'prismq-client': 'globex', 'prismq-reason': 'x' }, body: good },
];

const HOT: {
  readonly [O in OperationName]?: { readonly role: 'client' | 'worker'; readonly other: 'client' | 'worker'; readonly variants: readonly Variant[] };
} = {
  enqueue: {
    role: 'client',
    other: 'worker',
    variants: [
      ...anyBody('{"type":"Mail.Send","payload":{"b":1,"a":[12345678901234567890]}}', 201, '{"type":7}'),
      { what: 'no body', status: 422, body: '' },
      { what: 'an idempotency key in the head', status: 201, headers: { 'idempotency-key': 'k' }, body: '{"type":"Mail.Send"}' },
      { what: 'it again', status: 200, headers: { 'idempotency-key': 'k' }, body: '{"type":"Mail.Send"}' },
      { what: 'it in both places', status: 200, headers: { 'idempotency-key': 'k' }, body: '{"type":"Mail.Send","idempotency_key":"k"}' },
      { what: 'another in the other place', status: 400, headers: { 'idempotency-key': 'k' }, body: '{"type":"Mail.Send","idempotency_key":"l"}' },
      { what: 'it with other content', status: 409, headers: { 'idempotency-key': 'k' }, body: '{"type":"Mail.Send","payload":1}' },
    ],
  },
  claim: {
    role: 'worker',
    other: 'client',
    variants: [
      ...anyBody('{"max":1}', 200, '{"max":"1"}'),
      { what: 'no body', status: 200, body: '' },
      { what: 'nothing to have', status: 200, body: '{"types":["Mail.Other"]}' },
    ],
  },
  settle: {
    role: 'worker',
    other: 'client',
    variants: [
      ...anyBody('{"items":[{"op":"complete","task_id":"x","lease_id":"AAAA","result":{"b":1,"a":2}}]}', 200, '{"items":{}}'),
      { what: 'no items', status: 200, body: '{"items":[]}' },
    ],
  },
};

async function askVariant(
  { ask, sides }: World,
  path: string,
  { role, other }: { readonly role: 'client' | 'worker'; readonly other: 'client' | 'worker' },
  variant: Variant,
): Promise<Got> {
  const own = sides.acme.keys[role];
  const key = { none: undefined, wrong: `${own.slice(0, -1)}${own.endsWith('a') ? 'b' : 'a'}`, other: sides.acme.keys[other] };
  return ask({
    key: variant.key === undefined ? own : key[variant.key],
    method: 'POST',
    path,
    body: variant.body,
    ...(variant.headers === undefined ? {} : { headers: variant.headers }),
  });
}

test('what is hot is compared below', () => {
  assert.deepEqual(Object.keys(HOT).toSorted(), OPERATION_LIST.filter((name) => rowOf(name).hot === true).toSorted());
});

for (const [name, { variants, ...roles }] of Object.entries(HOT))
  test(`${name} answers on the hot path as it does through the router`, async (t: TestContext) => {
    // Two worlds: what the first has taken must be there for the second.
    const [hot, cold] = [await openWorld(t), await openWorld(t)];
    const { path } = rowOf(name as OperationName);
    for (const variant of variants) {
      const got = await askVariant(hot, path, roles, variant);
      assert.equal(got.status, variant.status, `${variant.what}: ${got.text}`);
      // Behind a question mark the router has it.
      const routedGot = await askVariant(cold, `${path}?`, roles, variant);
      assert.deepEqual(comparable(routedGot), comparable(got), variant.what);
    }
  });

test('the metadata to list by may be named again, as pairs of different keys; nothing else may', async (t) => {
  const { ask, sides } = await openWorld(t);
  const { keys } = sides.acme;
  const list = async (query: string): Promise<Got> => ask({ key: keys.client, method: 'GET', path: `/queue/tasks?${query}` });
  const found = async (query: string): Promise<number> => ((await list(query)).json as { tasks: unknown[] }).tasks.length;
  assert.equal((await ask({ key: keys.client, method: 'POST', path: '/queue/enqueue', body: { type: 'A.B', metadata: { a: '1:2', 'b:c': '' } } })).status, 201);
  assert.deepEqual([await found('metadata=a:1:2'), await found('metadata=a:1%3A2&metadata=b%253ac:'), await found('metadata=a:1')], [1, 1, 0]);
  for (const query of ['metadata=a', 'metadata=:x', 'metadata=', 'metadata=a:1&metadata=a:1', 'metadata=%25zz:1', 'metadata=__proto__:1'])
    assertProblem(await list(query), 422, 'invalid_input');
  assertProblem(await list('limit=1&limit=1'), 400, 'malformed_request');
  assertProblem(await ask({ key: keys.client, method: 'GET', path: '/queue/stats?metadata=a:1' }), 422, 'invalid_input');
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

const idOf = (got: Got): string => (got.json as { task_id: string }).task_id;

async function claimOne({ ask, sides }: World, wanted: string): Promise<{ readonly got: Got; readonly lease: string }> {
  const got = await ask({ key: sides.acme.keys.worker, method: 'POST', path: '/queue/claim', body: { types: ['Mail.Bytes'] } });
  const [task] = (got.json as { tasks: { task_id: string; lease_id: string }[] }).tasks;
  assert.equal(task?.task_id, wanted);
  return { got, lease: task.lease_id };
}

test('payload and result travel byte for byte', async (t) => {
  const world = await openWorld(t);
  const { client, worker } = world.sides.acme.keys;
  for (const text of TEXTS) {
    const has = (got: Got, member: string): void => assert.ok(got.text.includes(`"${member}":${text}`), `${member}: ${got.text} has ${text}`);
    const id = idOf(await world.ask({ key: client, method: 'POST', path: '/queue/enqueue', body: `{"type":"Mail.Bytes","payload":${text} ,"priority":7}` }));
    has(await world.ask({ key: client, method: 'GET', path: `/queue/tasks/${id}` }), 'payload');
    has(await world.ask({ key: client, method: 'GET', path: '/queue/tasks?type=Mail.Bytes&limit=1' }), 'payload');
    const { got, lease } = await claimOne(world, id);
    has(got, 'payload');
    const path = `/queue/tasks/${id}`;
    const progress = await world.ask({ key: worker, method: 'POST', path: `${path}/progress`, body: `{"lease_id":"${lease}","progress":${text}}` });
    assert.equal(progress.status, 204, progress.text);
    has(await world.ask({ key: client, method: 'GET', path }), 'progress');
    const end = await world.ask({ key: worker, method: 'POST', path: `${path}/complete`, body: `{"result":${text},"lease_id":"${lease}"}` });
    assert.equal(end.status, 200, end.text);
    has(await world.ask({ key: client, method: 'GET', path: `${path}/wait` }), 'result');
  }
});

test('they do in bulk, in batches, for children and amended as well', async (t) => {
  const world = await openWorld(t);
  const { client, worker } = world.sides.acme.keys;
  const { held, lease, waits } = world.sides.acme.own;
  for (const text of TEXTS) {
    const read = async (id: string): Promise<string> => (await world.ask({ key: client, method: 'GET', path: `/queue/tasks/${id}` })).text;
    const bulk = await world.ask({ key: client, method: 'POST', path: '/queue/enqueue/bulk', body: `{"tasks":[{"payload":${text},"type":"Mail.Bytes"}]}` });
    const [first] = (bulk.json as { results: { task_id: string }[] }).results;
    assert.ok((await read(first?.task_id as string)).includes(`"payload":${text}`), text);
    const child = await world.ask({
      key: worker,
      method: 'POST',
      path: `/queue/tasks/${held}/children`,
      body: `{"lease_id":"${lease}","type":"Mail.Child","payload":${text}}`,
    });
    assert.ok((await read(idOf(child))).includes(`"payload":${text}`), text);
    const amended = await world.ask({ key: client, method: 'PATCH', path: `/queue/tasks/${waits}`, body: `{"payload":${text}}` });
    assert.ok(amended.text.includes(`"payload":${text}`), amended.text);
    const { lease: taken } = await claimOne(world, first?.task_id as string);
    const item = `{"op":"complete","result":${text},"task_id":"${first?.task_id}","lease_id":"${taken}"}`;
    const settled = await world.ask({ key: worker, method: 'POST', path: '/queue/settle', body: `{"items":[${item}]}` });
    assert.equal(settled.status, 200, settled.text);
    assert.ok((await read(first?.task_id as string)).includes(`"result":${text}`), text);
  }
});

test('members that are named like a payload are the user’s where the user names them', async (t) => {
  const { ask, sides } = await openWorld(t);
  const { client, worker } = sides.acme.keys;
  const names = { payload: 'p', result: 'r', progress: 'g', details: 'd', schema: 's' };
  const enqueued = await ask({ key: client, method: 'POST', path: '/queue/enqueue', body: { type: 'Mail.Named', metadata: names, compatibility: names } });
  assert.equal(enqueued.status, 201, enqueued.text);
  const { metadata, compatibility } = (await ask({ key: client, method: 'GET', path: `/queue/tasks/${idOf(enqueued)}` })).json as Record<string, unknown>;
  assert.deepEqual({ metadata, compatibility }, { metadata: names, compatibility: names });
  const claimed = await ask({ key: worker, method: 'POST', path: '/queue/claim', body: { types: ['Mail.Named'], capabilities: { attributes: names } } });
  assert.equal((claimed.json as { tasks: unknown[] }).tasks.length, 1, claimed.text);
  assertProblem(await ask({ key: client, method: 'POST', path: '/queue/enqueue', body: '{"type":"A","metadata":{"result":"x","result":"y"}}' }), 400);
});
