// Functions that are not there, or not by this method: every path of the interface by every other method and in every other
// spelling. Nothing answers but the row that was meant, and nothing is changed by asking.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { assertProblem } from './conforms.ts';
import { callOf } from './cube/calls.ts';
import { changed, makeWorld, open, rowsOf } from './cube/world.ts';
import type { Rows, World } from './cube/world.ts';
import { request, send } from './bytes.ts';
import type { Rig } from './stand.ts';

const closing: (() => unknown)[] = [];
let world: World;
let rig: Rig;
let first: Rows;
before(async () => {
  const context = { after: (close: () => unknown) => void closing.unshift(close) } as unknown as TestContext;
  world = await makeWorld(context);
  rig = await open(context, world.file);
  first = rowsOf(rig);
});
after(async () => {
  for (const close of closing) await close();
});

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** Of the subject's own, so that it would do something if it were taken. */
const pathOf = (name: OperationName): string => callOf(name, world.subjects.acme).path;
/** Every row that this path is of: a name may be a word of the table as well. */
const rowsAt = (path: string): readonly OperationName[] =>
  OPERATION_LIST.filter((name) => new RegExp(`^${rowOf(name).path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
const methodsOf = (name: OperationName): string[] => [...new Set(rowsAt(rowOf(name).path).map((other) => rowOf(other).method))];
const PATHS = OPERATION_LIST.filter((name, i) => OPERATION_LIST.findIndex((other) => rowOf(other).path === rowOf(name).path) === i);
const unchanged = (): void =>
  assert.deepEqual(
    changed(first, rowsOf(rig)).filter((table) => !table.startsWith('security_events')),
    [],
  );

describe('by another method', () => {
  for (const name of PATHS)
    for (const method of METHODS.filter((one) => !methodsOf(name).includes(one)))
      for (const role of ['platform_admin', 'anonymous'] as const)
        test(`${method} ${rowOf(name).path} as ${role}`, async () => {
          const answer = await rig.call(method, pathOf(name), { key: world.keys.acme[role] });
          assertProblem(answer, 'method_not_allowed');
          assert.deepEqual(answer.headers.get('allow')?.split(', ').sort(), methodsOf(name).sort());
          assert.equal(answer.headers.get('access-control-allow-origin'), null);
          unchanged();
        });

  for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'LINK'])
    test(`${method} is no method here`, async () => {
      const { answers } = await send(rig.listening.port, [request({ method, target: '/queue/tasks', key: world.keys.acme.client as string })], { answers: 1 });
      assert.equal(answers[0]?.status, 405);
    });

  test('QUERY and what is no method at all end the connection or are refused', async () => {
    for (const method of ['QUERY', 'NOTHING'])
      for (const { status } of (
        await send(rig.listening.port, [request({ method, target: '/queue/tasks', key: world.keys.acme.client as string })], { answers: 1 })
      ).answers)
        assert.ok(status === 405 || status === 400, `${method}: ${status}`);
  });
});

/** Another spelling of the same path. */
const SPELLINGS: Readonly<Record<string, (path: string) => string>> = {
  'a slash at the end': (path) => `${path}/`,
  'in capitals': (path) => path.toUpperCase(),
  'its first letter in a capital': (path) => path.replace(/^\/(\w)/, (_, letter: string) => `/${letter.toUpperCase()}`),
  'a semicolon': (path) => `${path};x=1`,
  'two dots and a semicolon': (path) => path.replace('/', '/..;/'),
  'an extension': (path) => `${path}.json`,
  'a NUL': (path) => `${path}%00`,
  'a blank': (path) => `${path}%20`,
  'a slash in percent': (path) => path.replace(/(?<!^)\//, '%2f'),
  'a letter more': (path) => `${path}x`,
  'a segment more': (path) => `${path}/x`,
  'a segment before': (path) => `/v1${path}`,
};

/** The last segment of these is a name, of which each spelling is a name again. */
const endsInName = (name: OperationName): boolean => rowOf(name).path.endsWith('}');

describe('in another spelling', () => {
  for (const name of PATHS)
    for (const [how, spell] of Object.entries(SPELLINGS))
      test(`${rowOf(name).path} with ${how}`, async () => {
        const { method } = rowOf(name);
        const meant = pathOf(name).replace(/\?.*/, '');
        const path = spell(meant);
        if (path === meant) return;
        // A name that nobody bears is absent like any other; a category of such a name is none.
        const answer = await rig.call(method, path, {
          key: world.keys.acme[method === 'GET' ? 'client' : 'platform_admin'],
          ...(method === 'GET' ? {} : { body: '{}' }),
        });
        const isName = endsInName(name) || /%|;/.test(path) || rowsAt(path).length > 0;
        if (isName) assert.ok([400, 403, 404, 405, 422].includes(answer.status), `${path} answers ${answer.status}`);
        else assertProblem(answer, 'not_found');
        unchanged();
      });
});

describe('what some servers take for a method', () => {
  const wants = { 'x-http-method-override': 'DELETE', 'x-http-method': 'DELETE', 'x-method-override': 'DELETE' };
  for (const header of Object.keys(wants))
    test(`${header} changes nothing`, async () => {
      const path = `/queue/tasks/${world.subjects.acme.endedId}`;
      const answer = await rig.call('GET', path, { key: world.keys.acme.client_admin, headers: { [header]: 'DELETE' } });
      assert.equal(answer.status, 200);
      unchanged();
    });

  test('a method in the query is an unknown member', async () => {
    const path = `/queue/tasks/${world.subjects.acme.endedId}?_method=DELETE`;
    assertProblem(await rig.call('GET', path, { key: world.keys.acme.client_admin }), 'invalid_input');
    unchanged();
  });

  test('a path in the head changes nothing', async () => {
    for (const header of ['x-original-url', 'x-rewrite-url', 'x-forwarded-prefix', 'x-forwarded-path']) {
      const answer = await rig.call('GET', '/queue/stats', { key: world.keys.acme.client, headers: { [header]: '/queue/admin/keys' } });
      assert.ok(answer.status === 200 && 'by_status' in answer.json);
    }
  });
});

describe('HEAD', () => {
  for (const path of ['/livez', '/openapi.json'])
    test(`of ${path} is its head`, async () => {
      const answer = await rig.call('HEAD', path);
      assert.deepEqual([answer.status, answer.text], [200, '']);
    });

  test('of what wants a key wants a key', async () => {
    assert.equal((await rig.call('HEAD', '/queue/tasks')).status, 401);
    const answer = await rig.call('HEAD', '/queue/tasks', { key: world.keys.acme.client });
    assert.deepEqual([answer.status, answer.text], [200, '']);
    assert.equal((await rig.call('HEAD', '/queue/inbox', { key: world.keys.acme.client })).status, 403);
  });

  test('of a row that changes something is refused', async () => {
    for (const path of ['/queue/enqueue', '/queue/claim', '/queue/admin/workers/prune'])
      assert.equal((await rig.call('HEAD', path, { key: world.keys.acme.platform_admin })).status, 405);
    unchanged();
  });
});

describe('other sites', () => {
  test('no page of another site may ask: a preflight is refused, and no answer bears a header of CORS', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
    assertProblem(await rig.call('OPTIONS', '/queue/enqueue', { headers }), 'method_not_allowed');
    for (const path of ['/queue/tasks', '/livez', '/openapi.json']) {
      const answer = await rig.call('GET', path, { key: world.keys.acme.client, headers: { origin: 'https://evil.example' } });
      assert.equal(answer.status, 200);
      assert.deepEqual(
        [...answer.headers.keys()].filter((name) => name.startsWith('access-control')),
        [],
      );
    }
  });

  test('every answer bears the headers that keep a browser from using it', async () => {
    const { client } = world.keys.acme;
    const answers = [
      await rig.call('GET', '/queue/tasks', { key: client }),
      await rig.call('GET', '/queue/tasks'),
      await rig.call('GET', '/nothing'),
      await rig.call('POST', '/queue/enqueue', { key: client, body: '{' }),
      await rig.call('POST', '/queue/claim', { key: client, body: {} }),
      await rig.call('PUT', '/queue/claim', { key: client, body: {} }),
      await rig.call('GET', '/livez'),
      await rig.call('GET', '/queue/./tasks;'),
    ];
    for (const { headers } of answers) {
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
      assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'");
      assert.match(headers.get('x-request-id') ?? '', /^[\w-]{8,64}$/);
      for (const name of ['server', 'x-powered-by', 'set-cookie', 'access-control-allow-origin']) assert.equal(headers.get(name), null);
    }
    assert.equal(new Set(answers.map(({ headers }) => headers.get('x-request-id'))).size, answers.length);
  });
});

test('what is meant is still done', async () => {
  const answer = await rig.call('DELETE', `/queue/tasks/${world.subjects.acme.endedId}`, { key: world.keys.acme.client_admin });
  assert.equal(answer.status, 204);
  assert.throws(unchanged);
});
