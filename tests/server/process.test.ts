// The server as a process: what it answers without a key, how it ends while it is asked, what outlives a restart, the first admin.
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createApp } from '../../src/http/app.ts';
import { openQueue } from '../../src/index.ts';
import type { NewKey } from '../../src/service/handles.ts';
import { inside, outside } from '../cli/rig.ts';
import { CERTIFICATE, KEY, OTHER_CERTIFICATE, OTHER_KEY } from './certificates.ts';
import { makeKeys, put, startServer, temporaryFolder } from './rig.ts';

const CLIENT: NewKey = { role: 'client', clientId: 'acme' };
const WORKER: NewKey = { role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] };
const ADMIN: NewKey = { role: 'admin' };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

const open = (url: string, method: string, path: string, key?: string, more: object = {}): ClientRequest =>
  httpRequest(`${url}${path}`, {
    method,
    agent: false,
    ...more,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), 'content-type': 'application/json' },
  });

const answerOf = (request: ClientRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    request.once('error', reject).once('response', (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.once('error', reject).once('end', () => {
        const isJson = response.headers['content-type']?.includes('json') === true;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Answer['json']) : {} });
      });
    });
  });

const ask = (url: string, method: string, path: string, key?: string, body?: object): Promise<Answer> => {
  const request = open(url, method, path, key);
  const answer = answerOf(request);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return answer;
};

/** A request whose body is under way; `end` sends the rest. The server has read the head when this resolves. */
async function halfSent(url: string, key: string): Promise<{ readonly answer: Promise<Answer>; readonly end: () => void }> {
  const body = '{"type":"Mail.Send"}';
  const request = httpRequest(`${url}/queue/enqueue`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
  });
  const answer = answerOf(request);
  answer.catch(() => undefined);
  // Written on once the server says that it has the head.
  await new Promise((resolve) => {
    request.once('continue', resolve);
    request.flushHeaders();
  });
  request.write(body.slice(0, 9));
  return { answer, end: () => void request.end(body.slice(9)) };
}

describe('a server that is told to stop', () => {
  it('answers what waits, finishes what runs, takes nothing new and leaves with 0', async () => {
    const base = temporaryFolder();
    const [client, worker] = (await makeKeys(base, [CLIENT, WORKER, ADMIN])).map(({ key }) => key) as [string, string];
    const server = await startServer(base, ['--log-level', 'debug']);
    const { task_id: id } = (await ask(server.url, 'POST', '/queue/enqueue', client, { type: 'Other.Work' })).json;
    const events = open(server.url, 'GET', '/queue/events', client);
    const streamed = answerOf(events);
    const opened = new Promise((resolve) => events.once('response', resolve));
    events.end();
    await opened;
    const waits = [
      ask(server.url, 'POST', '/queue/claim', worker, { wait_ms: 30_000, types: ['Mail.*'] }),
      ask(server.url, 'GET', `/queue/tasks/${String(id)}/wait?wait_ms=30000`, client),
    ];
    const upload = await halfSent(server.url, client);
    server.kill('SIGTERM');
    await server.hasSaid(/"draining"/);
    const [claimed, waited] = await Promise.all(waits);
    assert.deepEqual([claimed?.status, claimed?.json['tasks']], [200, []]);
    assert.deepEqual([waited?.status, waited?.json['status']], [200, 'queued']);
    assert.deepEqual([(await streamed).status, (await streamed).text.startsWith(': open')], [200, true]);
    await assert.rejects(ask(server.url, 'GET', '/livez'), /ECONNREFUSED/);
    upload.end();
    const { status, headers, json } = await upload.answer;
    assert.deepEqual([status, headers.connection], [201, 'close']);
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.match(server.said.out, /"stopped"/);
    assert.doesNotMatch(server.said.out, /"level":"error"/);

    await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
    assert.equal((await queue.client('acme').get(String(json['task_id']))).type, 'Mail.Send');
  });

  it('ends at once when it is told a second time', async () => {
    const base = temporaryFolder();
    const [key] = (await makeKeys(base, [CLIENT, ADMIN])).map((made) => made.key) as [string];
    const server = await startServer(base, [], { PRISMQ_GRACE_MS: '600000' });
    await halfSent(server.url, key);
    server.kill('SIGTERM');
    await server.hasSaid(/once more to stop at once/);
    server.kill('SIGTERM');
    assert.deepEqual(await server.ended, { code: 143, signal: null });
  });

  it('waits no longer than its grace for one that never ends', async () => {
    const base = temporaryFolder();
    const [key] = (await makeKeys(base, [CLIENT, ADMIN])).map((made) => made.key) as [string];
    const server = await startServer(base, [], { PRISMQ_GRACE_MS: '100' });
    const { answer } = await halfSent(server.url, key);
    server.kill('SIGINT');
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    await assert.rejects(answer, /hang up|ECONNRESET/);
  });

  it('waits for nobody who has not asked anything', async () => {
    const base = temporaryFolder();
    await makeKeys(base, [ADMIN]);
    const server = await startServer(base, [], { PRISMQ_GRACE_MS: '600000' });
    const { port } = new URL(server.url);
    const { connect } = await import('node:net');
    const silent = connect(Number(port), '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    const agent = new Agent({ keepAlive: true });
    const idle = open(server.url, 'GET', '/livez', undefined, { agent });
    const answered = answerOf(idle);
    idle.end();
    await answered;
    server.kill('SIGTERM');
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    silent.destroy();
    agent.destroy();
  });
});

it('what was claimed of a server is completed at the next one on its file', async () => {
  const base = temporaryFolder();
  const [client, worker, other] = (await makeKeys(base, [CLIENT, WORKER, { ...WORKER, name: 'v' }, ADMIN])).map(({ key }) => key) as [string, string, string];
  const first = await startServer(base);
  const { task_id: id } = (await ask(first.url, 'POST', '/queue/enqueue', client, { type: 'Mail.Send' })).json;
  const { tasks } = (await ask(first.url, 'POST', '/queue/claim', worker, {})).json as { readonly tasks: readonly [{ readonly lease_id: string }] };
  const [{ lease_id }] = tasks;
  first.kill('SIGKILL');
  await first.ended;
  const next = await startServer(base);
  const path = `/queue/tasks/${String(id)}/complete`;
  assert.equal((await ask(next.url, 'POST', path, other, { lease_id, result: 1 })).json['code'], 'lease_lost');
  assert.equal((await ask(next.url, 'POST', path, worker, { lease_id: `${lease_id.slice(0, -2)}AA`, result: 1 })).json['code'], 'lease_lost');
  assert.equal((await ask(next.url, 'POST', path, worker, { lease_id, result: { done: true } })).status, 200);
  assert.deepEqual((await ask(next.url, 'GET', `/queue/tasks/${String(id)}`, client)).json['result'], { done: true });
  next.kill('SIGTERM');
  assert.equal((await next.ended).code, 0);
});

describe('without a key', () => {
  it('there are /livez, /readyz and the document of the interface, and nothing else', async () => {
    const base = temporaryFolder();
    await makeKeys(base, [ADMIN]);
    // There are more routes than one address has failed logins at once.
    const { url, kill, ended } = await startServer(base, [], { PRISMQ_RATE_ADDRESS: '1000/1000' });
    for (const path of ['/livez', '/readyz', '/openapi.json']) assert.equal((await ask(url, 'GET', path)).status, 200, path);
    assert.deepEqual((await ask(url, 'GET', '/livez')).json, { status: 'ok' });
    const { paths } = (await ask(url, 'GET', '/openapi.json')).json as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: readonly unknown[] }>>>>;
    };
    for (const [path, methods] of Object.entries(paths))
      for (const [method, { security }] of Object.entries(methods)) {
        const { status } = await ask(url, method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'), undefined, method === 'post' ? {} : undefined);
        const isOpen = security?.length === 0 || path === '/metrics';
        assert.ok(isOpen ? status === 200 || status === 422 : status === 401, `${method} ${path}: ${status}`);
      }
    kill('SIGTERM');
    await ended;
  });
});

describe('the first admin', () => {
  it('comes of a secret that is shown once, over HTTP, and only while there is none', async () => {
    const base = temporaryFolder();
    const server = await startServer(base, ['--log-level', 'trace']);
    const [secret = ''] = await server.hasSaid(/prismq_bootstrap_\w{49}/);
    assert.match(server.said.err, new RegExp(`printf %s ${secret} \\| prismq keys bootstrap --use --url ${server.url}\\n`));
    assert.doesNotMatch(server.said.out, /prismq_bootstrap/);

    const wrong = await ask(server.url, 'POST', '/queue/admin/bootstrap', undefined, { secret: secret.replace(/.$/, (last) => (last === '0' ? '1' : '0')) });
    assert.deepEqual([wrong.status, wrong.json['code']], [401, 'unauthenticated']);
    assert.equal((await ask(server.url, 'POST', '/queue/admin/bootstrap', undefined, { secret, role: 'admin' })).status, 422);

    const redeemed = await outside(['keys', 'bootstrap', '--use', '--url', server.url, '--json'], { base, stdin: `${secret}\n` });
    assert.equal(redeemed.code, 0, redeemed.err);
    const { key, role, client_id } = JSON.parse(redeemed.out) as { readonly key: string; readonly role: string; readonly client_id: null };
    assert.deepEqual([role, client_id], ['admin', null]);
    assert.equal((await ask(server.url, 'GET', '/queue/admin/clients', key)).status, 200);

    const again = await inside(['keys', 'bootstrap', '--use', '--url', server.url], { base, stdin: secret });
    assert.equal(again.code, 4);
    assert.match(again.err, /the one-time secret is unknown, was used or has expired, or there is an admin already/);
    server.kill('SIGTERM');
    await server.ended;

    const next = await startServer(base);
    next.kill('SIGTERM');
    await next.ended;
    assert.doesNotMatch(next.said.err, /prismq_bootstrap|No admin/);
  });

  it('is not guessed: what fails of one address runs out, and the right secret is not kept out by it', async () => {
    await using queue = await openQueue(':memory:', { janitorMs: 0 });
    const secret = (await queue.system().openBootstrap())?.secret ?? assert.fail();
    const app = await createApp({ queue, rates: { address: { perSecond: 0.001, burst: 3 } } });
    const tried = async (given: string, address: string): Promise<number> => {
      const body = JSON.stringify({ secret: given });
      const request = new Request('http://localhost/queue/admin/bootstrap', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      return (await app.fetch(request, { address })).status;
    };
    const tries: number[] = [];
    for (let i = 0; i < 4; i++) tries.push(await tried(`prismq_bootstrap_${'0'.repeat(48)}${i}`, '192.0.2.1'));
    assert.deepEqual([...tries, await tried(secret, '192.0.2.1')], [401, 401, 401, 429, 201]);
    assert.equal(await tried(secret, '192.0.2.2'), 401);
  });
});

describe('TLS', () => {
  const files = { 'cert.pem': CERTIFICATE, 'key.pem': KEY };
  const WITH_TLS = ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'];
  const get = (url: string, ca: string): Promise<Answer> => {
    const request = httpsRequest(`${url}/livez`, { agent: false, ca });
    const answer = answerOf(request);
    request.end();
    return answer;
  };

  it('is spoken, with its header, and nothing old or clear', async () => {
    const base = temporaryFolder(files);
    await makeKeys(base, [ADMIN]);
    const server = await startServer(base, WITH_TLS);
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:/);
    const { status, headers } = await get(server.url, CERTIFICATE);
    assert.deepEqual([status, headers['strict-transport-security']], [200, 'max-age=31536000']);
    await assert.rejects(get(server.url, OTHER_CERTIFICATE), /certificate/i);
    await assert.rejects(ask(server.url.replace('https', 'http'), 'GET', '/livez'), /hang up|ECONNRESET|socket/);
    const { port } = new URL(server.url);
    const old = connectTls({
      port: Number(port),
      host: '127.0.0.1',
      ca: CERTIFICATE,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(new Promise((resolve, reject) => void old.once('secureConnect', resolve).once('error', reject)), /protocol|alert|handshake/i);
    server.kill('SIGTERM');
    assert.equal((await server.ended).code, 0);
  });

  it('has the certificate read again at SIGHUP, and keeps the old one when the new is wrong', async () => {
    const base = temporaryFolder(files);
    await makeKeys(base, [ADMIN]);
    const server = await startServer(base, WITH_TLS);
    put(base, { 'key.pem': OTHER_KEY });
    server.kill('SIGHUP');
    await server.hasSaid(/"level":"error".*is not the key of the certificate.*the old one stays/);
    assert.equal((await get(server.url, CERTIFICATE)).status, 200);
    put(base, { 'cert.pem': OTHER_CERTIFICATE });
    server.kill('SIGHUP');
    await server.hasSaid(/certificate renewed/);
    assert.equal((await get(server.url, OTHER_CERTIFICATE)).status, 200);
    server.kill('SIGTERM');
    assert.equal((await server.ended).code, 0);
  });
});
