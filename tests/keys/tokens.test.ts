// Tokens of other issuers: what a configured issuer may say is taken, everything else is not. The issuer, its keys and the
// address that they are fetched from are real.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import { createTokenVerifier } from '../../src/server/jwt.ts';
import type { IssuerSettings } from '../../src/server/jwt.ts';
import type { Queue } from '../../src/service/handles.ts';
import { CLAIMS, NAME, SECONDS, address, signer, token } from './issuer.ts';
import type { Address, Signer } from './issuer.ts';
import { START, rig, temporaryFile } from './rig.ts';
import type { Rig } from './rig.ts';

interface World extends Rig {
  readonly by: Signer;
  readonly at: Address;
}
async function world(t: TestContext, settings: Partial<IssuerSettings> = {}, more: readonly JWK[] = [], alg = 'ES256'): Promise<World> {
  const by = await signer('k1', alg);
  const at = await address(t, [by.jwk, ...more]);
  const whole = { issuer: NAME, audience: 'prismq', keys: { url: at.url }, roles: ['client'], clients: ['acme'], ...settings } as IssuerSettings;
  const clock = { now: START };
  const made = await rig(t, ':memory:', { verifyToken: createTokenVerifier([whole], () => clock.now), now: () => clock.now });
  return { ...made, clock, by, at };
}
const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const refused = (queue: Queue, credential: string, message?: string): Promise<void> =>
  assert.rejects(queue.principalOf(credential), { code: 'unauthenticated' }, message);
const reasons = async ({ events }: Rig): Promise<unknown[]> => (await events('authenticate')).map((event) => event.details['reason'] ?? null);

for (const alg of ['EdDSA', 'ES256', 'RS256'])
  test(`a token signed with ${alg} stands for the client that its issuer speaks for`, async (t) => {
    const { queue, by } = await world(t, {}, [], alg);
    assert.deepEqual(await queue.principalOf(await token(by)), { role: 'client', clientId: 'acme', keyId: 'jwt:svc-1' });
    const handle = await queue.authenticate(await token(by));
    assert.ok('enqueue' in handle);
    assert.equal((await handle.enqueue('A.B')).status, 'queued');
  });

type Forged = (world: World) => Promise<string>;
const FORGED: Readonly<Record<string, readonly [reason: string | null, make: Forged]>> = {
  'no signature and the algorithm none': ['algorithm', async () => `${b64({ alg: 'none', typ: 'at+jwt' })}.${b64(CLAIMS)}.AA`],
  'an empty signature': [null, async ({ by }) => (await token(by)).replace(/[^.]+$/, '')],
  'the algorithm None in another case': ['algorithm', async () => `${b64({ alg: 'nOnE', typ: 'at+jwt' })}.${b64(CLAIMS)}.AA`],
  'the public key as a shared secret': ['algorithm', async ({ by }) => hmacOf({ alg: 'HS256', typ: 'at+jwt', kid: by.kid }, JSON.stringify(by.jwk))],
  'an algorithm that is not allowed here': ['algorithm', async ({ by }) => forge(await token(by), { alg: 'ES512', kid: by.kid, typ: 'at+jwt' })],
  'claims changed after signing': ['signature', async ({ by }) => (await token(by)).replace(/\.[^.]+\./, `.${b64({ ...CLAIMS, sub: 'root' })}.`)],
  'the signature of a key that is not in the set': ['signature', async ({ by }) => token({ ...(await signer('k1')), kid: by.kid })],
  'a kid that is not in the set': ['key', async () => token(await signer('k9'))],
  'a kid that is a path': ['key', async ({ by }) => token(by, {}, { kid: '../../../../dev/null' })],
  'a kid that is an address': ['key', async ({ by }) => token(by, {}, { kid: 'http://127.0.0.1/keys' })],
  'a kid that is no text': ['key', async ({ by }) => token(by, {}, { kid: 1 })],
  'its own key': ['header', async ({ by }) => token({ ...(await signer('k1')), kid: by.kid }, {}, { jwk: (await signer('k1')).jwk })],
  'the address of its own keys': ['header', async ({ by }) => token(by, {}, { jku: 'http://127.0.0.1:1/keys' })],
  'its own certificate': ['header', async ({ by }) => token(by, {}, { x5c: ['AA=='] })],
  'a header that must be understood': ['algorithm', async ({ by }) => forge(await token(by), { alg: by.alg, kid: by.kid, typ: 'at+jwt', crit: ['x'], x: 1 })],
  'another audience': ['claim aud', async ({ by }) => token(by, { aud: 'other' })],
  'no audience': ['claim aud', async ({ by }) => token(by, { aud: undefined })],
  'an issuer that nobody configured': ['issuer', async ({ by }) => token(by, { iss: 'https://evil.example' })],
  'an issuer that begins like ours': ['issuer', async ({ by }) => token(by, { iss: `${NAME}.evil.example` })],
  'an issuer of every object': ['issuer', async ({ by }) => token(by, { iss: '__proto__' })],
  'no issuer': ['issuer', async ({ by }) => token(by, { iss: undefined })],
  'an end that has passed': ['expired', async ({ by }) => token(by, { exp: SECONDS - 31 })],
  'no end': ['claim exp', async ({ by }) => token(by, { exp: undefined })],
  'a beginning to come': ['claim nbf', async ({ by }) => token(by, { nbf: SECONDS + 60 })],
  'no instant of issue': ['claim iat', async ({ by }) => token(by, { iat: undefined })],
  'an issue to come': ['claim iat', async ({ by }) => token(by, { iat: SECONDS + 60 })],
  'an issue long ago': ['expired', async ({ by }) => token(by, { iat: SECONDS - 90_000 })],
  'no subject': ['claim sub', async ({ by }) => token(by, { sub: undefined })],
  'a subject with a line end': ['claim sub', async ({ by }) => token(by, { sub: 'a\nb' })],
  'a subject without end': ['claim sub', async ({ by }) => token(by, { sub: 'a'.repeat(129) })],
  'the type of an ID token': ['claim typ', async ({ by }) => token(by, {}, { typ: 'JWT' })],
  'no type': ['claim typ', async ({ by }) => token(by, {}, { typ: undefined })],
  'claims that are no JSON': ['malformed', async ({ by }) => (await token(by)).replace(/\.[^.]+\./, `.${b64('{"iss":')}.`)],
  'a header that is no JSON': ['malformed', async ({ by }) => (await token(by)).replace(/^[^.]+/, b64('{'))],
  'claims that are a list': ['malformed', async ({ by }) => (await token(by)).replace(/\.[^.]+\./, `.${b64([1])}.`)],
  'five parts': [null, async ({ by }) => `${await token(by)}.a.b`],
  'more than 8 kB': [null, async ({ by }) => token(by, { filler: 'x'.repeat(9000) })],
};
const forge = (text: string, header: object): string => text.replace(/^[^.]+/, b64(header));
function hmacOf(header: object, secret: string): string {
  const text = `${b64(header)}.${b64(CLAIMS)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

for (const [name, [reason, make]] of Object.entries(FORGED))
  test(`a token with ${name} is answered unauthenticated`, async (t) => {
    const here = await world(t);
    assert.equal((await here.queue.principalOf(await token(here.by))).role, 'client');
    await refused(here.queue, await make(here));
    assert.deepEqual(await reasons(here), [reason]);
  });

test('a public RSA key in the form of a file is no shared secret either', async (t) => {
  const { queue, by } = await world(t, {}, [], 'RS256');
  const { publicKey } = await generateKeyPair('RS256', { extractable: true });
  await refused(queue, hmacOf({ alg: 'HS256', typ: 'at+jwt', kid: by.kid }, await exportSPKI(publicKey)));
  await queue.principalOf(await token(by));
});

test('the tolerance of clocks is what was configured', async (t) => {
  const { queue, by } = await world(t, { clockToleranceMs: 5000 });
  assert.equal((await queue.principalOf(await token(by, { exp: SECONDS - 4 }))).role, 'client');
  assert.equal((await queue.principalOf(await token(by, { nbf: SECONDS + 4 }))).role, 'client');
  await refused(queue, await token(by, { exp: SECONDS - 6 }));
});

test('a token that was taken ends at its instant, and is asked of its issuer once in 5 seconds', async (t) => {
  const { queue, by, clock } = await world(t, { clockToleranceMs: 0 });
  const text = await token(by, { exp: SECONDS + 3 });
  await queue.principalOf(text);
  clock.now += 2999;
  await queue.principalOf(text);
  clock.now += 1;
  await refused(queue, text);
});

test('an issuer speaks for its clients only, by the claim that tells which', async (t) => {
  const { queue, by } = await world(t, { clients: ['acme', 'globex'], clientClaim: 'tenant' });
  for (const tenant of ['acme', 'globex']) {
    const principal = await queue.principalOf(await token(by, { tenant }));
    assert.ok(principal.role === 'client' && principal.clientId === tenant);
  }
  for (const tenant of ['initech', '', 'ACME', '*', ['acme'], { a: 1 }, null, undefined, '__proto__'])
    await refused(queue, await token(by, { tenant }), JSON.stringify(tenant));
});

test("a token that another client's issuer signed does not speak for this one", async (t) => {
  const [ours, theirs] = [await signer('k'), await signer('k')];
  const [one, two] = [await address(t, [ours.jwk]), await address(t, [theirs.jwk])];
  const base = { audience: 'prismq', roles: ['client'] } satisfies Partial<IssuerSettings>;
  const verifyToken = createTokenVerifier(
    [
      { ...base, issuer: NAME, keys: { url: one.url }, clients: ['acme'], clientClaim: 'tenant' },
      { ...base, issuer: 'https://globex.example', keys: { url: two.url }, clients: ['globex'], clientClaim: 'tenant' },
    ],
    () => START,
  );
  const { queue } = await rig(t, ':memory:', { verifyToken });
  await refused(queue, await token(theirs, { tenant: 'acme' }), 'their key under our name');
  await refused(queue, await token(theirs, { iss: 'https://globex.example', tenant: 'acme' }), 'our client under their name');
  const principal = await queue.principalOf(await token(theirs, { iss: 'https://globex.example', tenant: 'globex' }));
  assert.ok('clientId' in principal && principal.clientId === 'globex');
  await queue.principalOf(await token(ours, { tenant: 'acme' }));
});

test('an issuer gives its roles only, by the claim that tells which', async (t) => {
  const { queue, by } = await world(t, { roles: ['client', 'auditor'], roleClaim: 'role' });
  for (const role of ['client', 'auditor']) assert.equal((await queue.principalOf(await token(by, { role }))).role, role);
  for (const role of ['admin', 'system', 'worker', ['client'], undefined]) await refused(queue, await token(by, { role }), String(role));
});

test("a worker's id is the prefix of its issuer and the subject, so that it is nobody else's", async (t) => {
  const { queue, by, admin } = await world(t, { roles: ['worker'], clients: [], workerPrefix: 'acme:' });
  await admin.grants.create('mailer', { clientId: 'globex', pattern: '*' });
  for (const [sub, workerId] of [
    ['mailer', 'acme:mailer'],
    ['globex:mailer', 'acme:globex:mailer'],
  ] as const) {
    const principal = await queue.principalOf(await token(by, { sub }));
    assert.ok(principal.role === 'worker' && principal.workerId === workerId);
  }
  await refused(queue, await token(by, { sub: 'a/b' }));
});

test('the scopes of a token are the words of its claim that are scopes, and it needs one', async (t) => {
  const { queue, by } = await world(t, { scopeClaim: 'scope' });
  assert.deepEqual((await queue.principalOf(await token(by, { scope: 'openid task.enqueue lease.claim task.list' }))).scopes, ['task.enqueue', 'task.list']);
  for (const scope of ['openid', '', undefined, ['task.*'], 'lease.claim', 'task.* '.repeat(0)])
    await refused(queue, await token(by, { scope }), String(scope));
});

test('an issuer may be narrowed to scopes, whatever its tokens say', async (t) => {
  const { queue, by } = await world(t, { scopes: ['task.enqueue'] });
  assert.deepEqual((await queue.principalOf(await token(by, { scope: 'task.*' }))).scopes, ['task.enqueue']);
});

test('the token of a suspended client answers client_suspended', async (t) => {
  const { queue, by, admin } = await world(t);
  const text = await token(by);
  await queue.principalOf(text);
  await admin.clients.suspend('acme');
  await assert.rejects(queue.principalOf(text), { code: 'client_suspended' });
  await admin.clients.resume('acme');
  await queue.principalOf(text);
});

test('a key is still a key where tokens are taken', async (t) => {
  const { queue, make } = await world(t);
  const { key, keyId } = await make();
  assert.equal((await queue.principalOf(key)).keyId, keyId);
  await refused(queue, `${key.slice(0, -6)}000000`);
});

// Where the keys come from

test('made-up kids do not make the address be asked again and again', async (t) => {
  const { queue, by, at } = await world(t);
  for (let i = 0; i < 20; i++) await refused(queue, await token(by, {}, { kid: `made-up-${i}` }));
  assert.equal(at.asked(), 1);
  await queue.principalOf(await token(by));
});

const HOSTILE: Readonly<Record<string, Parameters<Address['answer']>[0]>> = {
  fails: (_, response) => void response.writeHead(500).end('no'),
  'is no JSON': (_, response) => void response.end('<html>'),
  'is no key set': (_, response) => void response.end('{"keys":7}'),
  'moves elsewhere': (_, response) => void response.writeHead(302, { location: '/other' }).end(),
  'breaks off': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"keys":');
    response.socket?.destroy();
  },
};
for (const [name, answer] of Object.entries(HOSTILE))
  test(`a key set whose address ${name} is told as unavailable, not as a wrong token, and asked again only after a pause`, async (t) => {
    const { queue, by, at, clock, make } = await world(t);
    at.answer(answer);
    const text = await token(by);
    for (let i = 0; i < 3; i++) await assert.rejects(queue.principalOf(text), { code: 'issuer_unavailable', retryable: true });
    assert.equal(at.asked(), 1);
    assert.equal((await queue.principalOf((await make()).key)).role, 'client', 'keys open all the while');
    at.answer((_, response) => void response.end(JSON.stringify({ keys: [by.jwk] })));
    clock.now += 2000;
    assert.equal((await queue.principalOf(text)).role, 'client');
  });

test('a key set without end is left after its first part', async (t) => {
  const { queue, by, at } = await world(t);
  let chunks = 0;
  const left = Promise.withResolvers<void>();
  at.answer((_, response) => {
    const more = (): void => {
      chunks += 1;
      if (response.writable) response.write(Buffer.alloc(64_000, ' '), more);
    };
    response.on('close', left.resolve);
    more();
  });
  await assert.rejects(queue.principalOf(await token(by)), { code: 'issuer_unavailable' });
  await left.promise;
  assert.ok(chunks < 300, `${chunks} chunks were taken`);
});

test('keys that are known verify while the address fails, and a kid that is not known is told as unavailable', async (t) => {
  const { queue, by, at, clock } = await world(t);
  await queue.principalOf(await token(by));
  at.answer((_, response) => void response.writeHead(500).end());
  // The library's own pause between two looks for an unknown kid goes by the clock of the machine.
  const later = Date.now() + 31_000;
  t.mock.method(Date, 'now', () => later);
  for (let i = 0; i < 3; i++) {
    await assert.rejects(queue.principalOf(await token(by, { sub: `a${i}` }, { kid: 'new' })), { code: 'issuer_unavailable' });
    await queue.principalOf(await token(by, { sub: `b${i}` }));
  }
  assert.equal(at.asked(), 2);
  const fresh = await signer('new');
  at.answer((_, response) => void response.end(JSON.stringify({ keys: [by.jwk, fresh.jwk] })));
  clock.now += 2000;
  await queue.principalOf(await token(fresh));
});

test('a private or shared key behind the address verifies nothing', async (t) => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const leaked: JWK = { ...(await exportJWK(privateKey)), kid: 'leaked', alg: 'ES256' };
  const shared: JWK = { kty: 'oct', k: b64('secret'), kid: 'shared', alg: 'HS256' };
  const { queue, by } = await world(t, {}, [leaked, shared]);
  await refused(queue, await token({ kid: 'leaked', alg: 'ES256', privateKey, jwk: leaked }));
  await refused(queue, hmacOf({ alg: 'HS256', typ: 'at+jwt', kid: 'shared' }, 'secret'));
  await queue.principalOf(await token(by));
});

test('keys in a file are read at the start, and again when the file has changed', async (t) => {
  const file = `${temporaryFile(t)}.json`;
  const [old, fresh] = [await signer('old'), await signer('new')];
  const write = (keys: readonly JWK[], at: number): void => {
    writeFileSync(file, JSON.stringify({ keys }));
    utimesSync(file, at, at);
  };
  write([old.jwk], 1000);
  const verifyToken = createTokenVerifier([{ issuer: NAME, audience: 'prismq', keys: { file }, roles: ['client'], clients: ['acme'] }], () => START);
  const { queue, clock } = await rig(t, ':memory:', { verifyToken });
  await queue.principalOf(await token(old));
  await refused(queue, await token(fresh));
  write([fresh.jwk], 2000);
  await queue.principalOf(await token(fresh));
  clock.now += 5000;
  await refused(queue, await token(old));
  rmSync(file);
  clock.now += 5000;
  await assert.rejects(queue.principalOf(await token(fresh)), { code: 'issuer_unavailable' });
});

test('a file without keys, or with secret ones, is refused at the start', async (t) => {
  const file = `${temporaryFile(t)}.json`;
  const { jwk } = await signer('k');
  const make = (): unknown => createTokenVerifier([{ issuer: NAME, audience: 'prismq', keys: { file }, roles: ['client'], clients: ['acme'] }], () => START);
  for (const text of ['', '{', '[]', 'null', '{"keys":[]}', JSON.stringify({ keys: [{ ...jwk, d: 'x' }] }), '{"keys":[{"kty":"oct","k":"x"}]}']) {
    writeFileSync(file, text);
    assert.throws(make, { code: 'invalid_input' }, text);
  }
  writeFileSync(file, JSON.stringify({ keys: [jwk] }));
  make();
  rmSync(file);
  assert.throws(make, { code: 'invalid_input' });
});

const GOOD = {
  issuer: NAME,
  audience: 'prismq',
  keys: { url: 'https://login.example/keys' },
  roles: ['client'],
  clients: ['acme'],
} as const satisfies IssuerSettings;
const BAD: Readonly<Record<string, object>> = {
  'an algorithm with a shared secret': { algorithms: ['HS256'] },
  'the algorithm none': { algorithms: ['none'] },
  'no algorithms': { algorithms: [] },
  'keys over http': { keys: { url: 'http://login.example/keys' } },
  'an address that only begins like this machine': { keys: { url: 'http://localhost.example/keys' } },
  'keys of a file address': { keys: { url: 'file:///etc/passwd' } },
  'no audience': { audience: '' },
  'no roles': { roles: [] },
  'the role of the system': { roles: ['system'] },
  'roles without their claim': { roles: ['client', 'admin'] },
  'clients without their claim': { clients: ['acme', 'globex'] },
  'a client that is no id': { clients: ['*'] },
  'a client role without clients': { clients: [] },
  'an admin of nobody named': { roles: ['admin'], clients: [] },
  'clients and the platform': { roles: ['admin'], platform: true },
  'workers without a prefix': { roles: ['worker'] },
  'unknown scopes': { scopes: ['*'] },
  'scopes twice': { scopes: ['read'], scopeClaim: 'scope' },
  'a tolerance of an hour': { clockToleranceMs: 3_600_000 },
  'a misspelt setting': { audiance: 'x' },
};
for (const [name, wrong] of Object.entries(BAD))
  test(`an issuer with ${name} is refused at the start, by its place`, () => {
    createTokenVerifier([GOOD], () => START);
    assert.throws(() => createTokenVerifier([{ ...GOOD, issuer: 'https://other.example' }, { ...GOOD, ...wrong } as IssuerSettings], () => START), {
      code: 'invalid_input',
      message: /^issuers\[1\]/,
    });
  });

test('an issuer that is there twice is refused, and one for the platform has to say so', () => {
  assert.throws(() => createTokenVerifier([GOOD, GOOD], () => START), { code: 'invalid_input', message: /twice/ });
  createTokenVerifier([{ ...GOOD, roles: ['admin'], clients: [], platform: true }], () => START);
});
