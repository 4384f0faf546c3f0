// The table of operations against what hangs on it: the access table, the schemas, the performers, the routes, the form of the wire.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ANSWERS } from '../../src/contract/answers.ts';
import { cutBody } from '../../src/contract/cut.ts';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { REQUESTS } from '../../src/contract/schemas.ts';
import { decode, encode, toCamel, toSnake } from '../../src/contract/wire.ts';
import { ACCESS, OPERATION_NAMES } from '../../src/domain/access.ts';
import type { Operation } from '../../src/domain/access.ts';
import { ERRORS } from '../../src/domain/errors.ts';
import { JsonText, scanJson } from '../../src/domain/json-text.ts';
import { PERFORM } from '../../src/http/perform.ts';
import { serve } from './stand.ts';

/** Operations of the access table that have no route, each with its reason. */
const WITHOUT_A_ROUTE: Readonly<Partial<Record<Operation, string>>> = {
  'key.bootstrap': 'the first admin is made where the server runs',
  'janitor.tick': 'the server does it by itself',
  'audit.seal': 'the sealer does it by itself',
  'audit.cut': 'the janitor does it by itself',
  'schedule.fire': 'the server does it by itself',
};

const accessOf = (name: OperationName): readonly string[] => {
  const { access } = rowOf(name);
  return typeof access === 'string' ? [access] : access;
};

describe('the table of operations', () => {
  test('a row’s permissions are rows of the access table', () => {
    for (const name of OPERATION_LIST)
      for (const access of accessOf(name)) assert.ok(access === 'public' || Object.hasOwn(ACCESS, access), `${name} asks for ${access}`);
  });

  test('an operation of the access table has a route, or a reason why not', () => {
    const routed = new Set(OPERATION_LIST.flatMap(accessOf));
    // Extending a lease goes with the sign of life.
    if (routed.has('worker.heartbeat')) routed.add('lease.heartbeat');
    for (const operation of OPERATION_NAMES)
      assert.equal(routed.has(operation), WITHOUT_A_ROUTE[operation] === undefined, `${operation}: ${WITHOUT_A_ROUTE[operation] ?? 'no route'}`);
  });

  test('what is public tells nothing: it has no id, no query and, but for the one-time secret, no body', () => {
    const open = OPERATION_LIST.filter((one) => rowOf(one).access === 'public');
    for (const name of open.filter((one) => one !== 'bootstrap')) {
      const { path, query, body, method } = rowOf(name);
      assert.ok(!path.includes('{') && query === undefined && body === undefined && method === 'GET', name);
    }
    assert.deepEqual(open, ['bootstrap', 'livez', 'readyz', 'openapi']);
  });

  test('every row is performed, and nothing else is', () => {
    const rows = OPERATION_LIST.filter((name) => rowOf(name).access !== 'public');
    assert.deepEqual(Object.keys(PERFORM).sort(), [...rows].sort());
  });

  test('the schemas and errors that a row names are there, and all schemas are named', () => {
    const named = new Set<string>();
    for (const name of OPERATION_LIST) {
      const { query, body, answer, errors } = rowOf(name);
      for (const request of [query, body].filter((one) => one !== undefined)) {
        named.add(request);
        assert.ok(Object.hasOwn(REQUESTS, request), request);
      }
      if (answer !== null) {
        named.add(answer);
        assert.ok(Object.hasOwn(ANSWERS, answer), answer);
      }
      for (const code of errors) assert.ok(Object.hasOwn(ERRORS, code), `${name}: ${code}`);
    }
    for (const name of [...Object.keys(REQUESTS), ...Object.keys(ANSWERS)]) assert.ok(named.has(name) || name === 'Problem', `nobody asks for ${name}`);
  });

  test('two rows have no request in common', () => {
    const requests = OPERATION_LIST.map((name) => `${rowOf(name).method} ${rowOf(name).path.replace(/\{\w+\}/g, '{}')}`);
    assert.equal(new Set(requests).size, requests.length);
  });

  test('where an admin of the platform must name a client, it can', () => {
    // A look at a payload names its client by the task, and its reason in the body.
    for (const name of OPERATION_LIST.filter((one) => one !== 'taskPayload'))
      if (accessOf(name).some((access) => access !== 'public' && ACCESS[access as Operation].reach.platform_admin === 'named'))
        assert.equal(rowOf(name).inside, true, name);
  });

  test('every row is a route of the server, and the document has the same', async (t) => {
    const rig = await serve(t);
    const document = (await rig.call('GET', '/openapi.json')).json as { paths: Record<string, Record<string, { operationId: string }>> };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(documented.sort(), OPERATION_LIST.map((name) => `${name} ${rowOf(name).method} ${rowOf(name).path}`).sort());
    for (const name of OPERATION_LIST) {
      const { method, path, access } = rowOf(name);
      const { status } = await rig.call(method, path.replace(/\{\w+\}/g, 'x'));
      assert.equal(status, access === 'public' ? (name === 'bootstrap' ? 422 : 200) : 401, `${method} ${path}`);
      assert.equal(rig.told.at(-1)?.operation, name);
    }
  });
});

describe('the form of the wire', () => {
  const names = ['taskId', 'createdAtUtc', 'maxRunMs', 'leaseId', 'byStatus', 'p50', 'id', 'processingStartedUtc'];
  test('a name goes and comes back', () => {
    for (const name of names) assert.equal(toCamel(toSnake(name)), name);
    assert.equal(toSnake('createdAtUtc'), 'created_at_utc');
  });

  test('what is the user’s goes through as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        const sent = { type: 'A.B', payload, metadata: { camelCase: 'x', snake_case: 'y' }, maxAttempts: 3 };
        const text = encode(sent);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify({ type: 'A.B', payload, metadata: sent.metadata, max_attempts: 3 })));
        assert.deepEqual(JSON.parse(JSON.stringify(decode(JSON.parse(text)))), JSON.parse(JSON.stringify(sent)));
      }),
    );
  });

  test('what is cut out of a body is the text that was there, byte for byte', () => {
    const spaces = fc.stringMatching(/^[ \n\r\t]{0,3}$/);
    const value = fc.json({ maxDepth: 4 });
    fc.assert(
      fc.property(value, value, spaces, spaces, (payload, result, a, b) => {
        fc.pre(scanJson(payload, { maxBytes: 100_000, maxDepth: 30 }).ok && scanJson(result, { maxBytes: 100_000, maxDepth: 30 }).ok);
        const body = `{${a}"payload"${b}:${a}${payload}${b},"items":[${a}{"op":"x","result":${b}${result}${a}}${b}],"n":1e2}`;
        const cut = cutBody(body);
        assert.ok(cut.ok);
        const { payload: one, items, n } = cut.value as { payload: JsonText; items: { result: JsonText }[]; n: number };
        assert.ok(one instanceof JsonText && items[0]?.result instanceof JsonText);
        assert.deepEqual([one.text.trim(), items[0].result.text.trim(), n], [payload.trim(), result.trim(), 100]);
      }),
    );
  });

  test('a body without what is cut is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(scanJson(text, { maxBytes: 100_000, maxDepth: 30 }).ok && !/"(payload|result|progress|details|schema)"/.test(text));
        const cut = cutBody(text);
        assert.ok(cut.ok);
        assert.deepEqual(JSON.parse(JSON.stringify(cut.value)), JSON.parse(JSON.stringify(JSON.parse(text))));
      }),
    );
  });

  for (const body of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"o":{"a":1,"b":2,"a":3}}', '{"payload":1,"payload":2}', '{"items":[{"op":1,"op":2}]}'])
    test(`a key that comes twice is refused: ${body}`, () => {
      const cut = cutBody(body);
      assert.equal(cut.ok ? 'taken' : cut.refusal.code, 'malformed_request');
    });

  test('a key that comes twice inside a payload is the user’s', () => {
    const cut = cutBody('{"payload":{"a":1,"a":2}}');
    assert.ok(cut.ok);
    assert.equal((cut.value as { payload: JsonText }).payload.text, '{"a":1,"a":2}');
  });
});
