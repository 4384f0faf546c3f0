// The log: a line a request with who and what, and never a secret, a payload or a query, wherever a caller puts one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { formatBootstrap, formatKey } from '../../src/domain/api-key.ts';
import { QueueError } from '../../src/domain/errors.ts';
import { createLog, requestLogger, withoutSecrets } from '../../src/server/log.ts';
import { CERTIFICATE, LOCKED_KEY, PASSPHRASE } from './certificates.ts';
import { makeKeys, startServer, temporaryFolder } from './rig.ts';
import { request as httpRequest } from 'node:http';

/** Words that are nowhere else: each says where it was put. */
const CANARIES = [
  'PayloadCanary',
  'ResultCanary',
  'ErrorCanary',
  'StackCanary',
  'QueryCanary',
  'PathCanary',
  'HeaderCanary',
  'CookieCanary',
  'MetadataCanary',
  'KeyCanary',
  'LogCanary',
  'ProgressCanary',
  'BrokenCanary',
];
const TOKEN = `eyJhbGciOiJub25lIn0.${Buffer.from('{"iss":"TokenCanary"}').toString('base64url')}.c2lnbmF0dXJlQ2FuYXJ5`;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
function ask(url: string, { method, path, headers = {}, body }: Asked): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${path}`, {
      method,
      agent: false,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    request.once('error', reject).once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.end(body);
  });
}

for (const format of ['json', 'pretty'])
  it(`a run with a secret in every place leaves none in the ${format} log`, async () => {
    const base = temporaryFolder();
    const [client, worker, admin] = await makeKeys(base, [
      { role: 'client', clientId: 'acme' },
      { role: 'worker', name: 'w', grants: [{ clientId: 'acme', pattern: '*' }] },
      { role: 'admin' },
    ]);
    const keys = [client?.key ?? '', worker?.key ?? '', admin?.key ?? ''] as const;
    const [clientKey, workerKey, adminKey] = keys;
    const { url, said, kill, ended } = await startServer(base, ['--log-level', 'trace', '--log-format', format]);
    const as = (key: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${key}` });
    const unknown = formatKey('admin', randomBytes(8).toString('hex'), randomBytes(32).toString('hex')).key;
    const bootstrap = formatBootstrap(randomBytes(32).toString('hex'));

    const made = await ask(url, {
      method: 'POST',
      path: '/queue/enqueue',
      headers: { ...as(clientKey), 'idempotency-key': 'KeyCanary', 'x-api-key': 'HeaderCanary', cookie: 'session=CookieCanary' },
      body: JSON.stringify({ type: 'Mail.Send', payload: { card: 'PayloadCanary' }, metadata: { note: 'MetadataCanary' } }),
    });
    assert.equal(made.status, 201, made.text);
    const claimed = JSON.parse((await ask(url, { method: 'POST', path: '/queue/claim', headers: as(workerKey), body: '{}' })).text) as {
      readonly tasks: readonly [{ readonly task_id: string; readonly lease_id: string }];
    };
    const [{ task_id, lease_id }] = claimed.tasks;
    const task = `/queue/tasks/${task_id}`;
    const requests: readonly (readonly [number, Asked])[] = [
      [204, { method: 'POST', path: `${task}/progress`, headers: as(workerKey), body: JSON.stringify({ lease_id, progress: 'ProgressCanary' }) }],
      [204, { method: 'POST', path: `${task}/logs`, headers: as(workerKey), body: JSON.stringify({ lease_id, message: 'LogCanary' }) }],
      [
        422,
        {
          method: 'POST',
          path: `${task}/complete`,
          headers: as(workerKey),
          body: JSON.stringify({ lease_id, result: { ['__proto__x']: 'ResultCanary' }, more: 1 }),
        },
      ],
      [
        200,
        {
          method: 'POST',
          path: `${task}/fail`,
          headers: as(workerKey),
          body: JSON.stringify({ lease_id, error: { message: 'ErrorCanary', stack: 'at StackCanary' } }),
        },
      ],
      [400, { method: 'POST', path: '/queue/enqueue', headers: as(clientKey), body: '{"type":"Mail.Send","payload":BrokenCanary}' }],
      [422, { method: 'POST', path: '/queue/enqueue', headers: as(clientKey), body: '{"type":"Mail.Send","PayloadCanary":1}' }],
      [422, { method: 'GET', path: `/queue/tasks?token=QueryCanary&key=${clientKey}`, headers: as(clientKey) }],
      [401, { method: 'GET', path: `/queue/tasks?key=${clientKey}` }],
      [404, { method: 'GET', path: `/queue/tasks/PathCanary`, headers: as(clientKey) }],
      [404, { method: 'GET', path: `/PathCanary/${adminKey}?QueryCanary` }],
      [401, { method: 'GET', path: '/queue/tasks', headers: as(unknown) }],
      [401, { method: 'GET', path: '/queue/tasks', headers: as(`${clientKey.slice(0, -1)}0`) }],
      [401, { method: 'GET', path: '/queue/tasks', headers: as(TOKEN) }],
      [401, { method: 'GET', path: '/queue/tasks', headers: { authorization: `Basic ${Buffer.from(`HeaderCanary:${clientKey}`).toString('base64')}` } }],
      [403, { method: 'GET', path: '/queue/admin/keys', headers: as(clientKey) }],
      [401, { method: 'POST', path: '/queue/admin/bootstrap', body: JSON.stringify({ secret: bootstrap }) }],
      [201, { method: 'POST', path: '/queue/admin/keys', headers: as(adminKey), body: '{"role":"auditor"}' }],
      [400, { method: 'GET', path: '/queue/tasks', headers: { ...as(adminKey), 'prismq-protocol': 'HeaderCanary' } }],
    ];
    const shown: string[] = [];
    for (const [status, asked] of requests) {
      const answer = await ask(url, asked);
      assert.equal(answer.status, status, `${asked.method} ${asked.path}: ${answer.text}`);
      shown.push(...(/"key":"(prismq_[^"]+)"/.exec(answer.text)?.slice(1) ?? []));
    }
    kill('SIGTERM');
    assert.deepEqual(await ended, { code: 0, signal: null });

    const log = said.out + said.err;
    for (const key of [...keys, unknown, bootstrap, ...shown]) {
      assert.ok(key.length > 40, 'there is a secret to look for');
      assert.ok(!log.includes(key.slice(-30, -6)), `the secret of ${key.slice(0, 24)} is in the log`);
    }
    for (const canary of [...CANARIES, 'TokenCanary', TOKEN.split('.')[1] ?? '', 'c2lnbmF0dXJlQ2FuYXJ5', lease_id.slice(0, 30)])
      assert.ok(!log.includes(canary), `${canary} is in the log: ${log.split('\n').find((line) => line.includes(canary))}`);
    // What is to be there is there, so that an empty log would not do.
    for (const wanted of [client?.keyId, 'client:acme', 'worker:w', 'enqueue', 'forbidden', 'unauthenticated', '127.0.0.1'])
      assert.ok(log.includes(wanted ?? '?'), wanted);
    assert.equal(said.err.replace(/SIGTERM:[^\n]*\n/, ''), '');
  });

it('a passphrase is not shown, by a start or by a look at the settings', async () => {
  const base = temporaryFolder({ 'cert.pem': CERTIFICATE, 'key.pem': LOCKED_KEY });
  await makeKeys(base, [{ role: 'admin' }]);
  const server = await startServer(base, ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem', '--log-level', 'trace'], { PRISMQ_TLS_PASSPHRASE: PASSPHRASE });
  server.kill('SIGTERM');
  assert.deepEqual(await server.ended, { code: 0, signal: null });
  assert.ok(!(server.said.out + server.said.err).includes(PASSPHRASE));
});

describe('a line of the log', () => {
  const lines: string[] = [];
  const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (line) => lines.push(line) });
  const logged = (status: number, more: object = {}): Readonly<Record<string, unknown>> => {
    lines.length = 0;
    requestLogger(log)({ operation: 'enqueue', status, ms: 1.23456, requestId: 'r-1', address: '192.0.2.7', ...more });
    return JSON.parse(lines.join('')) as Readonly<Record<string, unknown>>;
  };

  it('says who asked what, how it ended and how long it took', () => {
    const { time, ...rest } = logged(201, { actor: 'client:acme', keyId: 'k1', clientId: 'acme' });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, {
      level: 'debug',
      operation: 'enqueue',
      status: 201,
      ms: 1.235,
      request_id: 'r-1',
      actor: 'client:acme',
      key_id: 'k1',
      client_id: 'acme',
      address: '192.0.2.7',
      msg: 'request',
    });
  });

  it('is louder the worse it is', () => {
    assert.deepEqual(
      [200, 304, 404, 429, 500, 507].map((status) => logged(status)['level']),
      ['debug', 'debug', 'info', 'info', 'error', 'error'],
    );
    assert.equal(logged(503, { code: 'store_unavailable' })['level'], 'info');
  });

  it('has what was behind a fault of ours, without what a caller wrote', () => {
    const { key } = formatKey('client', 'ab'.repeat(8), 'cd'.repeat(32));
    const cause = new TypeError(`can not read ${key}`, { cause: new SyntaxError('Unexpected token in "PayloadCanary"') });
    const { err } = logged(500, { code: 'internal', cause }) as {
      readonly err: { readonly type: string; readonly message: string; readonly at: readonly string[]; readonly cause: object };
    };
    assert.deepEqual(
      [err.type, err.message.startsWith('can not read prismq_client_'), err.message.endsWith('[hidden]'), err.at.length > 0],
      ['TypeError', true, true, true],
    );
    assert.ok(!lines.join('').includes(key.slice(-20)) && !lines.join('').includes('PayloadCanary'));
    assert.ok(!lines.join('').includes(new QueueError('internal', '').stack?.split('\n')[0] ?? '?'));
  });

  it('that is pretty is one line, whatever a caller wrote', () => {
    const pretty: string[] = [];
    const write = (line: string): void => void pretty.push(line);
    createLog({ logLevel: 'info', logFormat: 'pretty' }, { write, isTTY: true }).info({ address: 'a\u001b[2Jb\nc\u202ed' }, 'request');
    const plain: string[] = [];
    createLog({ logLevel: 'info', logFormat: 'pretty' }, { write: (line) => plain.push(line) }).info({ address: 'x', n: 1 }, 'request');
    assert.match(plain.join(''), /^\d\d:\d\d:\d\d\.\d{3} info {2}request address=x n=1\n$/);
    const [line = '', ...rest] = pretty.join('').split('\n');
    assert.deepEqual([rest, line.includes('\u001b[2J'), line.includes('\u202e')], [[''], false, false]);
  });
});

it('what looks like a secret is hidden, and ids and words are not', () => {
  const { key, keyId } = formatKey('worker', '12'.repeat(8), '34'.repeat(32));
  assert.equal(withoutSecrets(`a ${key}, b`), `a prismq_worker_${keyId}_[hidden], b`);
  assert.equal(withoutSecrets(`x="${formatBootstrap('56'.repeat(32))}"`), 'x="prismq_bootstrap_[hidden]"');
  assert.equal(withoutSecrets(TOKEN), '[hidden token]');
  for (const text of ['prismq_worker', `the key ${keyId}`, 'prismq_tasks{status="queued"}', 'eyJust.text']) assert.equal(withoutSecrets(text), text);
});
