// Who asks, over HTTP: everything that does not open answers one way and is put on record, wherever it is put; what opens opens
// beside it. Scopes narrow every row, limits count keys, clients and addresses, and no secret is ever repeated.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { ACCESS } from '../../src/domain/access.ts';
import type { Column, Operation } from '../../src/domain/access.ts';
import { createBuckets } from '../../src/http/buckets.ts';
import type { QueueError } from '../../src/index.ts';
import type { NewKey } from '../../src/service/handles.ts';
import { createTokenVerifier } from '../../src/server/jwt.ts';
import { address, CLAIMS, NAME, signer, token } from '../keys/issuer.ts';
import { START } from '../keys/rig.ts';
import { assertProblem } from './conforms.ts';
import { callOf } from './cube/calls.ts';
import { makeWorld, NOW, open } from './cube/world.ts';
import type { World } from './cube/world.ts';
import { request, send } from './bytes.ts';
import { NOBODY, serve } from './stand.ts';
import type { Answered, Rig } from './stand.ts';

const closing: (() => unknown)[] = [];
const whole = { after: (close: () => unknown) => void closing.unshift(close) } as unknown as TestContext;
let rig: Rig;
let key: string;
let other: string;
before(async () => {
  rig = await serve(whole);
  key = await rig.key({ role: 'client', clientId: 'acme' });
  other = await rig.key({ role: 'client', clientId: 'globex' });
});
after(async () => {
  for (const close of closing) await close();
});

const bodyOf = ({ json }: Answered): unknown => ({ ...json, request_id: '' });
const headsOf = ({ headers }: Answered): unknown => [...headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name));

const flip = (text: string, i: number): string => `${text.slice(0, i)}${text[i] === 'a' ? 'b' : 'a'}${text.slice(i + 1)}`;
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Made of two keys that open; each is the whole value behind `Bearer `. */
const FORGED: Readonly<Record<string, (mine: string, theirs: string) => string>> = {
  'a letter off in the secret': (mine) => flip(mine, mine.length - 20),
  'a letter off in the id': (mine) => flip(mine, 17),
  'a letter off in the checksum': (mine) => flip(mine, mine.length - 1),
  'the secret of another': (mine, theirs) => mine.slice(0, -49) + theirs.slice(-49),
  'the id of another': (mine, theirs) => [...mine.split('_').slice(0, 2), theirs.split('_')[2], mine.split('_')[3]].join('_'),
  'the kind of an admin': (mine) => mine.replace('_client_', '_admin_'),
  'the kind of a worker': (mine) => mine.replace('_client_', '_worker_'),
  'the kind of nobody': (mine) => mine.replace('_client_', '_root_'),
  'the kind of a one-time secret': (mine) => `prismq_bootstrap_${mine.slice(-49)}`,
  'another product': (mine) => mine.replace('prismq', 'prismz'),
  'all in capitals': (mine) => mine.toUpperCase(),
  'all in small letters': (mine) => mine.toLowerCase(),
  'its last letter missing': (mine) => mine.slice(0, -1),
  'its first letter missing': (mine) => mine.slice(1),
  'a letter more': (mine) => `${mine}a`,
  'a dot behind it': (mine) => `${mine}.`,
  'in quotes': (mine) => `"${mine}"`,
  'in brackets': (mine) => `<${mine}>`,
  'in base64': (mine) => Buffer.from(mine).toString('base64'),
  'in base64 with a user': (mine) => Buffer.from(`user:${mine}`).toString('base64'),
  'in percent': (mine) => mine.replace(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`),
  'its digest, as it is stored': (mine) => createHash('sha256').update(mine).digest('hex'),
  'its id alone': (mine) => mine.split('_')[2] ?? '',
  'its secret alone': (mine) => mine.split('_')[3] ?? '',
  'twice, with a comma': (mine) => `${mine},${mine}`,
  'two keys with a comma': (mine, theirs) => `${mine},${theirs}`,
  'a star': () => '*',
  'a word of the language': () => 'undefined',
  'another word': () => 'null',
  'a member of every object': () => '__proto__',
  'another member of every object': () => 'constructor',
  'a condition of SQL': () => "'OR'1'='1",
  'a comment of SQL': () => "x'--",
  'a path': () => '../../etc/passwd',
  'a number': () => '1',
  'thousands of letters': () => 'a'.repeat(9000),
  'a token without a signature': () => `${b64({ alg: 'none', typ: 'at+jwt' })}.${b64({ sub: 'acme' })}.`,
  'a token of nobody': () => `${b64({ alg: 'ES256', typ: 'at+jwt' })}.${b64({ iss: 'x', sub: 'acme' })}.AAAA`,
};

describe('what does not open', () => {
  for (const [what, forge] of Object.entries(FORGED))
    test(what, async () => {
      const credential = forge(key, other);
      const answer = await rig.call('GET', '/queue/stats', { key: credential });
      assertProblem(answer, 'unauthenticated');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="prismq"');
      const unknown = await rig.call('GET', '/queue/stats', { key: 'x' });
      assert.deepEqual([bodyOf(answer), headsOf(answer)], [bodyOf(unknown), headsOf(unknown)], 'ways not to open are told apart');
      assert.ok((await rig.events('authenticate')).length > 0);
      assert.equal((await rig.call('GET', '/queue/stats', { key })).status, 200);
    });

  for (const [what, value] of Object.entries<() => string>({
    nothing: () => '',
    'the scheme alone': () => 'Bearer',
    'the scheme and a blank': () => 'Bearer ',
    'no scheme': () => key,
    'another scheme': () => `Basic ${Buffer.from(`acme:${key}`).toString('base64')}`,
    'a scheme of others': () => `Token ${key}`,
    'a scheme that begins like it': () => `Bearerx ${key}`,
    'two schemes': () => `Bearer Bearer ${key}`,
    'two keys with a blank': () => `Bearer ${key} ${other}`,
    'two blanks': () => `Bearer  ${key}`,
    'a tab': () => `Bearer\t${key}`,
    'a key with parameters': () => `Bearer ${key}; client=globex`,
    'letters beyond ASCII': () => `Bearer ${key}\u00e9`,
  }))
    test(`an authorization of ${what}`, async () => {
      const answer = await rig.call('GET', '/queue/stats', { headers: { authorization: value() } });
      assertProblem(answer, 'unauthenticated');
      assert.equal((await rig.call('GET', '/queue/stats', { headers: { authorization: `bearer ${key}` } })).status, 200, 'the scheme has no case');
    });

  for (const [what, make] of Object.entries({
    'the query as key': () => ({ path: `/queue/stats?key=${key}` }),
    'the query as access_token': () => ({ path: `/queue/stats?access_token=${key}` }),
    'the query as Authorization': () => ({ path: `/queue/stats?Authorization=Bearer%20${key}` }),
    'the user of the URL': () => ({ path: '/queue/stats', headers: { 'x-user': key } }),
    'X-Api-Key': () => ({ path: '/queue/stats', headers: { 'x-api-key': key } }),
    'a cookie': () => ({ path: '/queue/stats', headers: { cookie: `authorization=Bearer ${key}; key=${key}` } }),
    'Proxy-Authorization': () => ({ path: '/queue/stats', headers: { 'proxy-authorization': `Bearer ${key}` } }),
    'X-Forwarded-Authorization': () => ({ path: '/queue/stats', headers: { 'x-forwarded-authorization': `Bearer ${key}` } }),
    'X-Authorization': () => ({ path: '/queue/stats', headers: { 'x-authorization': `Bearer ${key}` } }),
  } satisfies Record<string, () => { path: string; headers?: Record<string, string> }>))
    test(`a key in ${what}`, async () => {
      const { path, headers } = make() as { path: string; headers?: Record<string, string> };
      assertProblem(await rig.call('GET', path, headers === undefined ? {} : { headers }), 'unauthenticated');
    });

  test('a key in the query beside the right place is refused, not ignored', async () => {
    assertProblem(await rig.call('GET', `/queue/stats?key=${key}`, { key }), 'invalid_input');
  });

  test('who says that it comes from here, or from a proxy that vouches for it, is nobody', async () => {
    const headers = {
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-user': 'admin',
      'x-client-id': 'acme',
      'x-ssl-client-verify': 'SUCCESS',
    };
    assertProblem(await rig.call('GET', '/queue/stats', { headers }), 'unauthenticated');
    const answer = await rig.call('GET', '/queue/stats', { key, headers: { ...headers, 'x-client-id': 'globex', 'x-tenant': 'globex' } });
    assert.equal(answer.status, 200);
    assert.equal(rig.told.at(-1)?.clientId, 'acme');
    assert.equal(rig.told.at(-1)?.address, '127.0.0.1');
  });
});

describe('keys in time', () => {
  test('a key opens until it expires, and not after', async (t) => {
    const clock = { now: NOW };
    const here = await serve(t, { open: { now: () => clock.now } });
    const short = await here.key({ role: 'client', clientId: 'acme', expiresInMs: 60_000 });
    assert.equal((await here.call('GET', '/queue/stats', { key: short })).status, 200);
    clock.now += 60_000;
    const expired = await here.call('GET', '/queue/stats', { key: short });
    assertProblem(expired, 'unauthenticated');
    assert.deepEqual(bodyOf(expired), bodyOf(await here.call('GET', '/queue/stats', { key: 'x' })));
    assert.equal((await here.events('authenticate')).filter((event) => event.details['because'] === 'expired').length, 1);
  });

  test('a revoked key is refused from the next request on', async (t) => {
    const here = await serve(t);
    const admin = await here.key({ role: 'admin', clientId: 'acme' });
    const made = await here.call('POST', '/queue/admin/keys', { key: admin, body: { role: 'client' } });
    const fresh = made.json['key'] as string;
    assert.equal((await here.call('GET', '/queue/stats', { key: fresh })).status, 200);
    assert.equal((await here.call('DELETE', `/queue/admin/keys/${made.json['key_id'] as string}`, { key: admin })).status, 204);
    const revoked = await here.call('GET', '/queue/stats', { key: fresh });
    assertProblem(revoked, 'unauthenticated');
    assert.deepEqual(bodyOf(revoked), bodyOf(await here.call('GET', '/queue/stats', { key: 'x' })));
    assert.equal((await here.call('GET', '/queue/stats', { key: admin })).status, 200);
  });

  test('a rotated key opens until the overlap has passed, the new one from the start', async (t) => {
    const clock = { now: NOW };
    const here = await serve(t, { open: { now: () => clock.now } });
    const admin = await here.key({ role: 'admin', clientId: 'acme' });
    const old = await here.queue.admin().keys.create({ role: 'client', clientId: 'acme', scopes: ['read'] });
    const rotated = await here.call('POST', `/queue/admin/keys/${old.keyId}/rotate`, { key: admin, body: { overlap_ms: 10_000 } });
    const fresh = rotated.json['key'] as string;
    assert.deepEqual([rotated.json['scopes'], rotated.json['rotated_from']], [['read'], old.keyId]);
    for (const one of [old.key, fresh]) assert.equal((await here.call('GET', '/queue/stats', { key: one })).status, 200);
    clock.now += 10_000;
    assertProblem(await here.call('GET', '/queue/stats', { key: old.key }), 'unauthenticated');
    assert.equal((await here.call('GET', '/queue/stats', { key: fresh })).status, 200);
    assertProblem(await here.call('POST', '/queue/enqueue', { key: fresh, body: { type: 'A.B' } }), 'forbidden');
  });

  test('a suspended client is out at once, and back when it is let in', async (t) => {
    const here = await serve(t);
    const admin = await here.key({ role: 'admin' });
    const mine = await here.key({ role: 'client', clientId: 'acme' });
    const theirs = await here.key({ role: 'client', clientId: 'globex' });
    const set = (status: string): Promise<Answered> => here.call('PATCH', '/queue/admin/clients/acme', { key: admin, body: { status } });
    assert.equal((await here.call('POST', '/queue/enqueue', { key: mine, body: { type: 'A.B' } })).status, 201);
    await set('suspended');
    assertProblem(await here.call('POST', '/queue/enqueue', { key: mine, body: { type: 'A.B' } }), 'client_suspended');
    assertProblem(await here.call('GET', '/queue/stats', { key: mine }), 'client_suspended');
    assert.equal((await here.call('GET', '/queue/stats', { key: theirs })).status, 200);
    await set('active');
    assert.equal((await here.call('GET', '/queue/stats', { key: mine })).status, 200);
  });

  test('a one-time secret is no key', async (t) => {
    const here = await serve(t);
    const opened = await here.queue.system().openBootstrap();
    assertProblem(await here.call('GET', '/queue/admin/keys', { key: opened?.secret }), 'unauthenticated');
    const { key: first } = await here.queue.bootstrap(opened?.secret ?? '');
    assert.equal((await here.call('GET', '/queue/admin/keys', { key: first })).status, 200);
  });
});

describe('tokens of other issuers', () => {
  test('a token opens what its issuer may speak for, and nothing else', async (t) => {
    const by = await signer('k1');
    const at = await address(t, [by.jwk]);
    const settings = { issuer: NAME, audience: 'prismq', keys: { url: at.url }, roles: ['client' as const], clients: ['acme'] };
    const here = await serve(t, { open: { now: () => START, verifyToken: createTokenVerifier([settings], () => START) } });
    assert.equal((await here.call('POST', '/queue/enqueue', { key: await token(by), body: { type: 'A.B' } })).status, 201);
    const unknown = await here.call('GET', '/queue/stats', { key: 'x' });
    for (const bad of [
      await token(by, { aud: 'other' }),
      await token(by, { iss: 'https://evil.example' }),
      await token(by, { exp: START / 1000 - 60 }),
      await token(by, {}, { typ: 'JWT' }),
      await token({ ...(await signer('k1')), kid: by.kid }),
      `${b64({ alg: 'none', typ: 'at+jwt' })}.${b64(CLAIMS)}.AA`,
      `${'a'.repeat(3000)}.${'b'.repeat(3000)}.${'c'.repeat(3000)}`,
    ]) {
      const answer = await here.call('GET', '/queue/stats', { key: bad });
      assertProblem(answer, 'unauthenticated');
      assert.deepEqual(bodyOf(answer), bodyOf(unknown));
    }
    assertProblem(await here.call('GET', '/queue/admin/keys', { key: await token(by) }), 'forbidden');
  });

  test('an issuer that can not be reached is an outage, not a refusal', async (t) => {
    const by = await signer('k1');
    const at = await address(t, [by.jwk]);
    at.answer((_, response) => void response.writeHead(500).end());
    const settings = { issuer: NAME, audience: 'prismq', keys: { url: at.url }, roles: ['client' as const], clients: ['acme'] };
    const here = await serve(t, { open: { now: () => START, verifyToken: createTokenVerifier([settings], () => START) } });
    const answer = await here.call('GET', '/queue/stats', { key: await token(by) });
    assertProblem(answer, 'issuer_unavailable');
    assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
  });
});

describe('who asks comes before what is asked', () => {
  const broken = { '{': 'no JSON', '{"nonsense":1}': 'an unknown member', '{"a":1,"a":2}': 'a key twice', [`[${'['.repeat(100)}`]: 'a deep one' } as const;
  for (const [body, what] of Object.entries(broken)) {
    test(`without a key, a body with ${what} answers 401`, async () => {
      for (const path of ['/queue/enqueue', '/queue/settle', '/queue/admin/keys', '/queue/enqueue/bulk'])
        assertProblem(await rig.call('POST', path, { body }), 'unauthenticated');
      assertProblem(await rig.call('PATCH', `/queue/tasks/${NOBODY}`, { body }), 'unauthenticated');
    });
    test(`for who may not, a body with ${what} answers 403`, async () => {
      for (const path of ['/queue/settle', '/queue/claim', '/queue/admin/keys']) assertProblem(await rig.call('POST', path, { key, body }), 'forbidden');
      const auditor = await rig.key({ role: 'auditor' });
      assertProblem(await rig.call('PATCH', `/queue/tasks/${NOBODY}`, { key: auditor, body }), 'forbidden');
    });
  }

  test('a body without end is not read for who is nobody', async () => {
    for (const target of ['/queue/enqueue', '/queue/enqueue?', '/queue/admin/keys']) {
      const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{"type":`;
      const { answers, closed } = await send(rig.listening.port, [head]);
      assert.deepEqual([answers.map(({ status }) => status), closed], [[401], true]);
    }
  });
});

const COLUMNS = {
  client: 'client',
  worker: 'worker',
  client_admin: 'client_admin',
  platform_admin: 'platform_admin',
  auditor: 'auditor',
} as const satisfies Record<string, Column>;
type ScopedRole = keyof typeof COLUMNS;

describe('scopes', () => {
  let world: World;
  let here: Rig;
  before(async () => {
    world = await makeWorld(whole);
    here = await open(whole, world.file);
  });
  const keyOf = (role: ScopedRole, scopes: string[]): NewKey =>
    ({
      client: { role: 'client', clientId: 'acme', scopes },
      worker: { role: 'worker', name: 'acme:w', scopes },
      client_admin: { role: 'admin', clientId: 'acme', scopes },
      platform_admin: { role: 'admin', scopes },
      auditor: { role: 'auditor', scopes },
    })[role] as NewKey;
  const accessOf = (name: OperationName): readonly Operation[] => {
    const { access } = rowOf(name);
    return access === 'public' ? [] : typeof access === 'string' ? [access as Operation] : (access as readonly Operation[]);
  };

  for (const role of Object.keys(COLUMNS) as ScopedRole[])
    for (const name of OPERATION_LIST)
      if (accessOf(name).some((one) => ACCESS[one].reach[COLUMNS[role]] !== 'no'))
        test(`a ${role} without the scope of ${name} is refused`, async () => {
          const mine = accessOf(name);
          const given = (Object.keys(ACCESS) as Operation[]).filter((one) => !mine.includes(one) && ACCESS[one].reach[COLUMNS[role]] !== 'no');
          const narrow = await here.key(keyOf(role, given));
          const { path, body } = callOf(name, world.subjects.acme);
          const answer = await here.call(rowOf(name).method, path, { key: narrow, ...(body === undefined ? {} : { body }) });
          assertProblem(answer, 'forbidden');
        });

  test('a scope gives no more than its own kind of end', async (t) => {
    const fresh = await open(t, world.file);
    const { heldId, lease } = world.subjects.acme;
    const item = { task_id: heldId, lease_id: lease };
    const narrow = await fresh.key(keyOf('worker', ['lease.complete']));
    assertProblem(await fresh.call('POST', '/queue/settle', { key: narrow, body: { items: [{ op: 'fail', ...item, error: 'no' }] } }), 'forbidden');
    assertProblem(
      await fresh.call('POST', '/queue/settle', {
        key: narrow,
        body: {
          items: [
            { op: 'complete', ...item },
            { op: 'release', ...item },
          ],
        },
      }),
      'forbidden',
    );
    assertProblem(await fresh.call('POST', `/queue/tasks/${heldId}/fail`, { key: narrow, body: { lease_id: lease, error: 'no' } }), 'forbidden');
    const done = await fresh.call('POST', '/queue/settle', { key: narrow, body: { items: [{ op: 'complete', ...item }] } });
    assert.equal((done.json['results'] as { ok: boolean }[])[0]?.ok, true);
  });

  test('a change of priority does not give the right to amend, nor the other way round', async (t) => {
    const fresh = await open(t, world.file);
    const path = `/queue/tasks/${world.subjects.acme.taskId}`;
    for (const [scope, may, mayNot] of [
      ['task.reprioritise', { priority: 2 }, { payload: 1 }],
      ['task.amend', { payload: 1 }, { priority: 2 }],
    ] as const) {
      const narrow = await fresh.key(keyOf('client', [scope]));
      assertProblem(await fresh.call('PATCH', path, { key: narrow, body: mayNot }), 'forbidden');
      assert.equal((await fresh.call('PATCH', path, { key: narrow, body: may })).status, 200);
    }
  });

  test('both changes of a client need both scopes, or nothing is changed', async (t) => {
    const fresh = await open(t, world.file);
    const narrow = await fresh.key(keyOf('platform_admin', ['client.weight', 'client.list']));
    assertProblem(await fresh.call('PATCH', '/queue/admin/clients/acme', { key: narrow, body: { weight: 9, status: 'suspended' } }), 'forbidden');
    assert.equal((await fresh.queue.admin().clients.list()).find(({ clientId }) => clientId === 'acme')?.weight, 1);
    assert.equal((await fresh.call('PATCH', '/queue/admin/clients/acme', { key: narrow, body: { weight: 9 } })).json['weight'], 9);
  });

  test('a key makes none that is wider, over HTTP as well', async (t) => {
    const fresh = await open(t, world.file);
    const narrow = await fresh.key(keyOf('client_admin', ['key.create', 'task.get']));
    const make = (body: unknown): Promise<Answered> => fresh.call('POST', '/queue/admin/keys', { key: narrow, body });
    assertProblem(await make({ role: 'client' }), 'forbidden');
    assertProblem(await make({ role: 'admin' }), 'forbidden');
    assertProblem(await make({ role: 'client', client_id: 'globex', scopes: ['task.get'] }), 'not_found');
    assert.equal((await make({ role: 'client', scopes: ['task.get'] })).status, 201);
    const whole = world.keys.acme.client_admin;
    const platform = await fresh.call('POST', '/queue/admin/keys', { key: whole, body: { role: 'admin' } });
    assert.deepEqual([platform.status, platform.json['client_id']], [201, 'acme'], 'an admin of a client makes no admin of the platform');
  });
});

describe('limits', () => {
  const clock = { ms: 0 };
  const limited = (t: TestContext, rates: Record<string, { perSecond: number; burst: number }>): Promise<Rig> =>
    serve(t, { app: { now: () => clock.ms, rates: { key: null, client: null, address: null, ...rates } } });

  test('failed tries of an address run out; a key that opens is not kept out by them', async (t) => {
    const here = await limited(t, { address: { perSecond: 1, burst: 5 } });
    const mine = await here.key({ role: 'client', clientId: 'acme' });
    for (let i = 0; i < 5; i++) assertProblem(await here.call('GET', '/queue/stats', { key: `x${i}` }), 'unauthenticated');
    const answer = await here.call('GET', '/queue/stats', { key: 'x' });
    assertProblem(answer, 'rate_limited');
    assert.equal(answer.headers.get('retry-after'), '1');
    assertProblem(await here.call('GET', '/queue/stats'), 'rate_limited');
    assert.equal((await here.call('GET', '/queue/stats', { key: mine })).status, 200);
    clock.ms += 1000;
    assertProblem(await here.call('GET', '/queue/stats', { key: 'x' }), 'unauthenticated');
    assertProblem(await here.call('GET', '/queue/stats', { key: 'x' }), 'rate_limited');
  });

  test('a key has its own limit, whatever it asks', async (t) => {
    const here = await limited(t, { key: { perSecond: 2, burst: 3 } });
    const mine = await here.key({ role: 'client', clientId: 'acme' });
    const sister = await here.key({ role: 'client', clientId: 'acme' });
    const ask = (one: string, path = '/queue/stats'): Promise<Answered> => here.call('GET', path, { key: one });
    assert.deepEqual([(await ask(mine)).status, (await ask(mine, '/queue/tasks')).status, (await ask(mine, '/queue/inbox')).status], [200, 200, 403]);
    const answer = await ask(mine);
    assertProblem(answer, 'rate_limited');
    assertProblem(await here.call('POST', '/queue/enqueue', { key: mine, body: { type: 'A.B' } }), 'rate_limited');
    assert.equal((await ask(sister)).status, 200);
    clock.ms += Number(answer.headers.get('retry-after')) * 1000;
    assert.equal((await ask(mine)).status, 200);
  });

  test('a client has a limit over all its keys, and no other client feels it', async (t) => {
    const here = await limited(t, { client: { perSecond: 1, burst: 2 } });
    const [one, two, theirs] = [
      await here.key({ role: 'client', clientId: 'acme' }),
      await here.key({ role: 'admin', clientId: 'acme' }),
      await here.key({ role: 'client', clientId: 'globex' }),
    ];
    for (const mine of [one, two]) assert.equal((await here.call('GET', '/queue/stats', { key: mine })).status, 200);
    for (const mine of [one, two]) assertProblem(await here.call('GET', '/queue/stats', { key: mine }), 'rate_limited');
    assert.equal((await here.call('GET', '/queue/stats', { key: theirs })).status, 200);
  });

  test('an address is the one of the connection, unless proxies are declared', async (t) => {
    const rates = { key: null, client: null, address: { perSecond: 1, burst: 1 } };
    const direct = await serve(t, { app: { now: () => clock.ms, rates } });
    const from = (here: Rig, forwarded: string): Promise<Answered> => here.call('GET', '/queue/stats', { key: 'x', headers: { 'x-forwarded-for': forwarded } });
    assert.equal((await from(direct, '10.0.0.1')).status, 401);
    assert.equal((await from(direct, '10.0.0.2')).status, 429);
    const behind = await serve(t, { app: { now: () => clock.ms, rates }, listen: { proxies: 1 } });
    assert.equal((await from(behind, '10.0.0.1')).status, 401);
    assert.equal((await from(behind, '10.0.0.2')).status, 401);
    assert.equal((await from(behind, '10.0.0.1')).status, 429);
    assert.equal((await from(behind, '10.0.0.9, 10.0.0.2')).status, 429, 'what the caller itself wrote into the list does not count');
  });

  test('what is remembered is bounded', () => {
    const buckets = createBuckets({ perSecond: 1, burst: 1 }, () => 0);
    buckets.take('first');
    assert.throws(
      () => buckets.take('first'),
      (error: QueueError) => error.code === 'rate_limited',
    );
    for (let i = 0; i < 60_000; i++) buckets.take(`k${i}`);
    buckets.take('first');
    assert.throws(() => buckets.take('k59999'));
  });
});

describe('secrets', () => {
  test('no secret is told again: not in answers, in what the server tells of requests, or in the file', async (t) => {
    const here = await serve(t);
    const admin = await here.key({ role: 'admin', clientId: 'acme' });
    const made = await here.call('POST', '/queue/admin/keys', { key: admin, body: { role: 'client', name: 'once' } });
    const fresh = made.json['key'] as string;
    const secret = fresh.split('_')[3] ?? '';
    await here.call('GET', '/queue/inbox', { key: fresh });
    await here.call('GET', '/queue/stats', { key: flip(fresh, fresh.length - 9) });
    await here.call('DELETE', `/queue/admin/keys/${made.json['key_id'] as string}`, { key: admin });
    await here.call('GET', '/queue/stats', { key: fresh });
    const listed = await here.call('GET', '/queue/admin/keys', { key: admin });
    const events = await here.call('GET', '/queue/admin/security-events', { key: admin });
    assert.ok(listed.text.includes('once') && events.text.includes('key.create'));
    for (const text of [listed.text, events.text, JSON.stringify(here.told)]) {
      assert.ok(!text.includes(secret.slice(0, 30)));
      assert.ok(!text.includes(createHash('sha256').update(fresh).digest('hex')));
    }
    for (const end of ['', '-wal']) assert.ok(!readFileSync(here.file + end).includes(secret.slice(0, 30)));
  });

  test('a refusal says on record who, what, from where and by which request, and nothing of the secret', async (t) => {
    const here = await serve(t);
    const answer = await here.call('GET', '/queue/stats', { key: key.replace('_client_', '_admin_') });
    const [event] = await here.events('authenticate');
    assert.equal(event?.actor, 'anonymous');
    assert.deepEqual(event.details, { because: 'checksum', address: '127.0.0.1', request_id: answer.headers.get('x-request-id') });
    assert.ok(!JSON.stringify(event).includes(key.split('_')[3] ?? ''));
  });

  test('refusals without end are a few rows with a count', async (t) => {
    const here = await serve(t);
    for (let i = 0; i < 300; i++) await here.call('GET', '/queue/stats', { key: `junk${i}` });
    assert.ok((await here.events('authenticate')).length <= 101);
  });

  test('who listens to requests and throws changes no answer', async (t) => {
    const here = await serve(t);
    const { length } = here.told;
    here.told.push = () => {
      throw new Error('the log is full');
    };
    assert.equal((await here.call('GET', '/livez')).status, 200);
    assertProblem(await here.call('GET', '/queue/stats'), 'unauthenticated');
    assertProblem(await here.call('POST', '/queue/enqueue', { body: {} }), 'unauthenticated');
    assert.equal(here.told.length, length);
  });

  test('a request that is in order opens over a raw connection as well', async () => {
    const { answers } = await send(rig.listening.port, [request({ method: 'GET', target: '/queue/stats', key })], { answers: 1 });
    assert.equal(answers[0]?.status, 200);
  });
});
