// What a server does not start with: each refusal with the setting that is named, beside what is next to it and starts.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { DEV_NAME, isLoopback } from '../../src/server/guard.ts';
import type { NewKey } from '../../src/service/handles.ts';
import { CERTIFICATE, ENDED, KEY, LATER, LOCKED_KEY, OTHER_KEY, PASSPHRASE } from './certificates.ts';
import { attempt, makeKeys, temporaryFolder } from './rig.ts';
import type { Attempt, Files } from './rig.ts';

interface Start {
  readonly argv?: readonly string[];
  readonly env?: Files;
  readonly files?: Files;
  /** In the file of the queue before the start. */
  readonly keys?: readonly NewKey[];
  /** Whether they were ended before, too. */
  readonly revoked?: boolean;
}
interface Row extends Start {
  readonly says: RegExp;
  /** What is changed to start after all, `{}` is everything; null where nothing sensible is near. */
  readonly instead: Start | null;
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const jwks = (key: object): string => JSON.stringify({ keys: [{ ...key, kid: '1' }] });
const ISSUER = { issuer: 'https://id.example', audience: 'prismq', keys: { file: 'keys.json' }, roles: ['client'], clients: ['acme'] };
const issuers = (...given: readonly object[]): Files => ({ PRISMQ_ISSUERS: JSON.stringify(given) });
const KEYS: Files = { 'keys.json': jwks(publicKey.export({ format: 'jwk' })) };
const ADMIN: readonly NewKey[] = [{ role: 'admin' }];
const TLS: Files = { 'cert.pem': CERTIFICATE, 'key.pem': KEY };
const WITH_TLS = ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'];
const PUBLIC = ['--host', '0.0.0.0'];
const env = (name: string, bad: string, good: string, says: RegExp): Row => ({ env: { [name]: bad }, says, instead: { env: { [name]: good } } });

const FORMS: Readonly<Record<string, Row>> = {
  'a port that is no number': { argv: ['--port', 'http'], says: /^--port: "http" is no whole number$/, instead: {} },
  'a port beyond all ports': { argv: ['--port', '70000'], says: /^--port: 70000 is not from 0 to 65535$/, instead: {} },
  'a port below all ports': { argv: ['--port=-1'], says: /^--port: -1 is not from 0/, instead: {} },
  'half a port': { argv: ['--port', '80.5'], says: /^--port: "80\.5" is no whole number$/, instead: {} },
  'a port of the environment that is no number': env('PRISMQ_PORT', '80a', '0', /^PRISMQ_PORT: "80a" is no whole number$/),
  'a level that is none': {
    argv: ['--log-level', 'loud'],
    says: /^--log-level: "loud" is not known: there are trace, debug/,
    instead: { argv: ['--log-level', 'info'] },
  },
  'a format that is none': env('PRISMQ_LOG_FORMAT', 'xml', 'json', /^PRISMQ_LOG_FORMAT: "xml" is not known: there are auto, json, pretty$/),
  'metrics for everybody': env('PRISMQ_METRICS', 'public', 'key', /^PRISMQ_METRICS: "public" is not known: there are loopback, key, off$/),
  'commits that are not synced': env('PRISMQ_SYNCHRONOUS', 'OFF', 'NORMAL', /^PRISMQ_SYNCHRONOUS: "OFF" is not known: there are FULL, NORMAL$/),
  'more proxies than there can be': { argv: ['--proxies', '11'], says: /^--proxies: 11 is not from 0 to 10$/, instead: { argv: ['--proxies', '1'] } },
  'a rate in words': env('PRISMQ_RATE_KEY', 'fast', '50/400', /^PRISMQ_RATE_KEY: "fast" is no rate: give so many a second like 50/),
  'a rate of nothing': env('PRISMQ_RATE_CLIENT', '0', '1', /^PRISMQ_RATE_CLIENT: "0" is no rate/),
  'a rate without a burst': env('PRISMQ_RATE_ADDRESS', '10/0', '10/1', /^PRISMQ_RATE_ADDRESS: "10\/0" is no rate/),
  'a grace below nothing': env('PRISMQ_GRACE_MS', '-5', '0', /^PRISMQ_GRACE_MS: -5 is not from 0 to 600000$/),
  'a body of nothing': env('PRISMQ_MAX_BODY_BYTES', '10', '1000000', /^PRISMQ_MAX_BODY_BYTES: 10 is not from 1000/),
  'a body smaller than a payload': env(
    'PRISMQ_MAX_BODY_BYTES',
    '100000',
    '300000',
    /^PRISMQ_MAX_BODY_BYTES: 100000 leaves no room for a payload of PRISMQ_PAYLOAD_BYTES \(256000\)/,
  ),
  'a payload beyond the most': env('PRISMQ_PAYLOAD_BYTES', '2000000', '1000000', /^PRISMQ_PAYLOAD_BYTES: 2000000 is not from 1 to 1000000$/),
  'no connection at all': env('PRISMQ_MAX_CONNECTIONS', '0', '10', /^PRISMQ_MAX_CONNECTIONS: 0 is not from 1/),
  'a retention below nothing': env('PRISMQ_RETENTION_MS', '-1', '0', /^PRISMQ_RETENTION_MS: -1 is not from 0/),
};

const NAMES: Readonly<Record<string, Row>> = {
  'a variable with a slip': {
    env: { PRISMQ_PROT: '0' },
    says: /^PRISMQ_PROT: is no setting: did you mean PRISMQ_PORT\?$/,
    instead: { env: { PRISMQ_PORT: '0' } },
  },
  'a variable that nobody reads': {
    env: { PRISMQ_TURBO: '1' },
    says: /^PRISMQ_TURBO: is no setting: docs\/generated\/config\.md lists/,
    instead: { env: { TURBO: '1' } },
  },
  'a port that Kubernetes sets': env('PRISMQ_PORT', 'tcp://10.0.0.1:80', '0', /^PRISMQ_PORT: Kubernetes sets it .* `enableServiceLinks: false`/),
  'a host that Kubernetes sets': { env: { PRISMQ_SERVICE_HOST: '10.0.0.1' }, says: /^PRISMQ_SERVICE_HOST: Kubernetes sets it/, instead: {} },
  'a key of the file with a slip': {
    files: { 'prismq.config.json': '{"prot":0}' },
    says: /^--config: .*prismq\.config\.json: "prot" is unknown: there are db, host, port/,
    instead: { files: { 'prismq.config.json': '{"port":0}' } },
  },
  'a key of the file that is of a worker': {
    files: { 'prismq.config.yaml': 'concurrency: 3\n' },
    says: /"concurrency" is unknown/,
    instead: { files: { 'prismq.config.yaml': 'graceMs: 3\n' } },
  },
  'a secret in the file': { files: { 'prismq.config.json': '{"tlsPassphrase":"x"}' }, says: /"tlsPassphrase" is unknown/, instead: {} },
  'a text where a number belongs': {
    files: { 'prismq.config.json': '{"port":"80"}' },
    says: /^port: "80" is not a whole number$/,
    instead: { files: { 'prismq.config.json': '{"port":0}' } },
  },
  'a file that is a list': {
    files: { 'prismq.config.json': '[]' },
    says: /holds no settings: it is an object like/,
    instead: { files: { 'prismq.config.json': '{}' } },
  },
  'a file that is broken': {
    files: { 'prismq.config.toml': 'port = \n' },
    says: /^--config: .*prismq\.config\.toml is not well-formed/,
    instead: { files: { 'prismq.config.toml': 'port = 0\n' } },
  },
  'a file that throws': {
    files: { 'prismq.config.ts': `throw new Error('no secrets here');\n` },
    says: /^--config: .*prismq\.config\.ts can not be loaded: Error: no secrets here$/,
    instead: { files: { 'prismq.config.ts': 'export const config: object = { port: 0 };\n' } },
  },
  'a file that is not there': {
    argv: ['--config', 'nope.json'],
    says: /^--config: there is no file .*nope\.json$/,
    instead: { argv: ['--config', 'yes.json'], files: { 'yes.json': '{}' } },
  },
  'a file of another form': { argv: ['--config', 'a.ini'], files: { 'a.ini': 'port=0' }, says: /^--config: .*a\.ini: the name must end in/, instead: {} },
  'two files': {
    files: { 'prismq.config.json': '{}', 'prismq.config.yaml': '{}' },
    says: /^--config: there are .*prismq\.config\.json and .*prismq\.config\.yaml: name one, or keep one$/,
    instead: { argv: ['--config', 'prismq.config.json'] },
  },
};

const TOKENS: Readonly<Record<string, Row>> = {
  'issuers that are no JSON': { env: { PRISMQ_ISSUERS: '[{]' }, says: /^PRISMQ_ISSUERS: is not JSON/, instead: { env: issuers(ISSUER), files: KEYS } },
  'one issuer without its list': {
    env: { PRISMQ_ISSUERS: '{}' },
    says: /^PRISMQ_ISSUERS: give a JSON list of objects$/,
    instead: { env: { PRISMQ_ISSUERS: '[]' } },
  },
  'an issuer for everybody': {
    env: issuers({ ...ISSUER, audience: undefined }),
    files: KEYS,
    says: /^issuers\[0\]\.audience: /,
    instead: { env: issuers(ISSUER) },
  },
  'a shared secret as an algorithm': {
    env: issuers({ ...ISSUER, algorithms: ['HS256'] }),
    files: KEYS,
    says: /^issuers\[0\]\.algorithms\.0: /,
    instead: { env: issuers(ISSUER) },
  },
  'keys that come in the clear': {
    env: issuers({ ...ISSUER, keys: { url: 'http://id.example/keys' } }),
    says: /^issuers\[0\]\.keys/,
    instead: { env: issuers({ ...ISSUER, keys: { url: 'https://id.example/keys' } }) },
  },
  'keys in a file that is not there': {
    env: issuers({ ...ISSUER, keys: { file: 'none.json' } }),
    says: /none\.json: can not be read as JSON/,
    instead: { env: issuers(ISSUER), files: KEYS },
  },
  'a private key among the public ones': {
    env: issuers(ISSUER),
    files: { 'keys.json': jwks(privateKey.export({ format: 'jwk' })) },
    says: /keys\.json: has a secret or private key/,
    instead: { files: KEYS },
  },
  'an issuer twice': {
    env: issuers(ISSUER, ISSUER),
    files: KEYS,
    says: /^issuers\[1\]\.issuer: https:\/\/id\.example is there twice$/,
    instead: { env: issuers(ISSUER) },
  },
  'any certificate will do for an issuer': {
    env: { ...issuers(ISSUER), NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    files: KEYS,
    says: /^NODE_TLS_REJECT_UNAUTHORIZED: 0 lets anybody pose as the issuer/,
    instead: { env: issuers(ISSUER) },
  },
};

const CERTIFICATES: Readonly<Record<string, Row>> = {
  'a certificate without its key': {
    argv: ['--tls-cert', 'cert.pem'],
    files: TLS,
    says: /^--tls-key: a certificate is given without its key/,
    instead: { argv: WITH_TLS },
  },
  'a key without its certificate': {
    argv: ['--tls-key', 'key.pem'],
    files: TLS,
    says: /^--tls-cert: a key is given without its certificate/,
    instead: { argv: WITH_TLS },
  },
  'a passphrase that opens nothing': { env: { PRISMQ_TLS_PASSPHRASE: 'x' }, says: /^PRISMQ_TLS_PASSPHRASE: there is no key for it to open/, instead: {} },
  'a certificate that is not there': { argv: WITH_TLS, files: { 'key.pem': KEY }, says: /^--tls-cert: there is no file .*cert\.pem$/, instead: { files: TLS } },
  'a key that is not there': { argv: WITH_TLS, files: { 'cert.pem': CERTIFICATE }, says: /^--tls-key: there is no file .*key\.pem$/, instead: { files: TLS } },
  'a folder for a certificate': {
    argv: ['--tls-cert', 'd', '--tls-key', 'key.pem'],
    files: { 'd/x': '', 'key.pem': KEY },
    says: /^--tls-cert: .* can not be read/,
    instead: null,
  },
  'a certificate that is none': {
    argv: WITH_TLS,
    files: { ...TLS, 'cert.pem': 'hello' },
    says: /^--tls-cert: .*cert\.pem is no certificate in PEM$/,
    instead: { files: TLS },
  },
  'a key that is none': {
    argv: WITH_TLS,
    files: { ...TLS, 'key.pem': 'hello' },
    says: /^--tls-key: .*key\.pem is no private key in PEM$/,
    instead: { files: TLS },
  },
  'the key of another certificate': {
    argv: WITH_TLS,
    files: { ...TLS, 'key.pem': OTHER_KEY },
    says: /^--tls-key: .*key\.pem is not the key of the certificate$/,
    instead: { files: TLS },
  },
  'a certificate that has ended': {
    argv: WITH_TLS,
    files: { ...TLS, 'cert.pem': ENDED },
    says: /^--tls-cert: the certificate of .* ended on 2021-01-01.*: renew it$/,
    instead: { files: TLS },
  },
  'a certificate from the future': {
    argv: WITH_TLS,
    files: { ...TLS, 'cert.pem': LATER },
    says: /^--tls-cert: the certificate of .* begins on 2119/,
    instead: { files: TLS },
  },
  'a locked key': {
    argv: WITH_TLS,
    files: { ...TLS, 'key.pem': LOCKED_KEY },
    says: /^PRISMQ_TLS_PASSPHRASE: .*key\.pem is locked: set this, or PRISMQ_TLS_PASSPHRASE_FILE$/,
    instead: { env: { PRISMQ_TLS_PASSPHRASE: PASSPHRASE } },
  },
  'a locked key and another passphrase': {
    argv: WITH_TLS,
    env: { PRISMQ_TLS_PASSPHRASE: 'closesesame' },
    files: { ...TLS, 'key.pem': LOCKED_KEY },
    says: /^PRISMQ_TLS_PASSPHRASE: it does not open .*key\.pem$/,
    instead: { env: { PRISMQ_TLS_PASSPHRASE_FILE: 'pass' }, files: { pass: `${PASSPHRASE}\n` } },
  },
  'a passphrase said twice': {
    argv: WITH_TLS,
    env: { PRISMQ_TLS_PASSPHRASE: PASSPHRASE, PRISMQ_TLS_PASSPHRASE_FILE: 'pass' },
    files: { ...TLS, 'key.pem': LOCKED_KEY, pass: PASSPHRASE },
    says: /^PRISMQ_TLS_PASSPHRASE: PRISMQ_TLS_PASSPHRASE_FILE is set too: unset one/,
    instead: { env: { PRISMQ_TLS_PASSPHRASE_FILE: 'pass' } },
  },
  'a passphrase in a file that is not there': {
    argv: WITH_TLS,
    env: { PRISMQ_TLS_PASSPHRASE_FILE: 'none' },
    files: TLS,
    says: /^PRISMQ_TLS_PASSPHRASE_FILE: there is no file .*none$/,
    instead: { env: {} },
  },
  'a passphrase in an empty file': {
    argv: WITH_TLS,
    env: { PRISMQ_TLS_PASSPHRASE_FILE: 'pass' },
    files: { ...TLS, pass: '\n' },
    says: /^PRISMQ_TLS_PASSPHRASE_FILE: .*pass is empty$/,
    instead: { env: {} },
  },
};

const REACH = /is reached from other machines, and keys would go there in the clear: give --tls-cert and --tls-key, or say with --proxies/;
const UNSAFE: Readonly<Record<string, Row>> = {
  'every address, in the clear': { argv: PUBLIC, keys: ADMIN, says: REACH, instead: { argv: [...PUBLIC, '--proxies', '1'] } },
  'every address of version 6, in the clear': { argv: ['--host', '::'], keys: ADMIN, says: REACH, instead: null },
  'an address of this machine for others': { argv: ['--host', '192.0.2.1'], keys: ADMIN, says: REACH, instead: null },
  'an address of version 4 within version 6': {
    argv: ['--host', '::ffff:10.0.0.1'],
    keys: ADMIN,
    says: REACH,
    instead: { argv: ['--host', '::ffff:127.0.0.1'] },
  },
  'a name': { argv: ['--host', 'queue.example.org'], keys: ADMIN, says: REACH, instead: { argv: ['--host', 'localhost'] } },
  'a name that only looks like this machine': {
    argv: ['--host', 'localhost.example.org'],
    keys: ADMIN,
    says: REACH,
    instead: { argv: ['--host', '127.0.0.2'] },
  },
  'every address by the environment': {
    env: { PRISMQ_HOST: '0.0.0.0' },
    keys: ADMIN,
    says: REACH,
    instead: { env: { PRISMQ_HOST: '0.0.0.0', PRISMQ_TLS_CERT: 'cert.pem', PRISMQ_TLS_KEY: 'key.pem' }, files: TLS },
  },
  'a short form of an address': { argv: ['--host', '127.1'], says: /^--host: "127\.1" is no address/, instead: { argv: ['--host', '127.0.0.1'] } },
  'an address with a port': { argv: ['--host', 'localhost:80'], says: /^--host: "localhost:80" is no address: .* without a port$/, instead: {} },
  'a whole URL': { argv: ['--host', 'http://localhost'], says: /^--host: "http:\/\/localhost" is no address/, instead: {} },
  'nobody can log in': {
    argv: [...PUBLIC, ...WITH_TLS],
    files: TLS,
    says: /^--host: there is no key yet, and 0\.0\.0\.0 is reached from other machines: make the first with `prismq keys create --role admin --db /,
    instead: { keys: ADMIN },
  },
  'nobody can log in any more': {
    argv: [...PUBLIC, '--proxies', '1'],
    keys: ADMIN,
    revoked: true,
    says: /^--host: there is no key yet/,
    instead: { env: issuers(ISSUER), files: KEYS },
  },
  'a key for play': {
    argv: [...PUBLIC, '--proxies', '1'],
    keys: [...ADMIN, { role: 'client', clientId: 'acme', name: DEV_NAME }],
    says: /^--host: the key \w{11} is one of `prismq dev`: end it with `prismq keys revoke/,
    instead: { argv: ['--proxies', '1'] },
  },
  'logins that may be guessed without end': {
    argv: [...PUBLIC, '--proxies', '1'],
    env: { PRISMQ_RATE_ADDRESS: 'none' },
    keys: ADMIN,
    says: /^PRISMQ_RATE_ADDRESS: failed logins must be bounded on 0\.0\.0\.0/,
    instead: { env: { PRISMQ_RATE_ADDRESS: '1/10' } },
  },
  'a queue in memory': {
    argv: ['--db', ':memory:'],
    says: /^--db: a server keeps what it acknowledges: name a file$/,
    instead: { argv: ['--db', 'other.db'] },
  },
  'the address of a server for a file': {
    argv: ['--url', 'https://queue.example.org'],
    says: /^--db: this is the address of a server/,
    instead: { argv: ['--url', 'sqlite:prismq.db'] },
  },
  'a parser that lets requests be smuggled': {
    env: { NODE_OPTIONS: '--max-old-space-size=100 --insecure-http-parser' },
    says: /^NODE_OPTIONS: --insecure-http-parser lets requests be smuggled/,
    instead: { env: { NODE_OPTIONS: '--max-old-space-size=100' } },
  },
};

async function start({ argv = [], env: given = {}, files = {}, keys = [], revoked = false }: Start, base = temporaryFolder(files)): Promise<Attempt> {
  if (keys.length > 0) await makeKeys(base, keys, { revoked });
  const port =
    argv.some((one) => one.startsWith('--port')) || 'PRISMQ_PORT' in given || Object.values(files).some((text) => /port/.test(text)) ? [] : ['--port', '0'];
  return attempt([...port, ...argv], { base, env: given });
}

/** Nothing of the row where nothing is said; else what is said over it. */
const over = (row: Start, more: Start): Start => {
  if (Object.keys(more).length === 0) return {};
  const argv = more.argv ?? row.argv;
  return { ...row, ...more, ...(argv === undefined ? {} : { argv }), files: { ...row.files, ...more.files } };
};

for (const [title, rows] of Object.entries({ FORMS, NAMES, TOKENS, CERTIFICATES, UNSAFE }))
  describe(`a server does not start with (${title.toLowerCase()})`, () => {
    for (const [name, row] of Object.entries(rows))
      it(name, async () => {
        const base = temporaryFolder(row.files ?? {});
        const { code, out, err, url } = await start(row, base);
        assert.deepEqual([code, out, url], [78, '', null], err);
        const [line = '', ...rest] = err.split('\n');
        assert.deepEqual(rest, [''], 'one line');
        assert.match(line, /^error \[config_refused\]: /);
        assert.match(line.slice('error [config_refused]: '.length), row.says);
        if (row.keys === undefined && !/no key yet/.test(line)) assert.ok(!existsSync(join(base, 'prismq.db')), 'nothing was made');
        if (row.instead === null) return;
        const good = await start(over(row, row.instead));
        assert.deepEqual([good.code, good.url === null], [0, false], good.err);
      });
  });

describe('a server that may start and can not', () => {
  const ended = async (given: Start, says: RegExp, exit = 7): Promise<void> => {
    const { code, url, out, err } = await start(given);
    assert.deepEqual([code, url, out], [exit, null, ''], err);
    assert.match(err, says);
    assert.equal(
      err
        .trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('error')).length,
      1,
    );
    assert.doesNotMatch(err, /\n\s+at |SELECT/);
  };

  it('where the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    after(() => taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await ended(
      { argv: ['--port', String(port)] },
      /^error \[address_unavailable\]: port \d+ of 127\.0\.0\.1 is in use: stop what uses it, or give another with --port/,
    );
  });

  it('where the address is of another machine, or a name leads nowhere', async () => {
    await ended({ argv: ['--host', '192.0.2.1', '--proxies', '1'], keys: ADMIN }, /^error \[address_unavailable\]: 192\.0\.2\.1 is no address of this machine/);
    await ended(
      { argv: ['--host', 'no-such-host.invalid', '--proxies', '1'], keys: ADMIN },
      /^error \[address_unavailable\]: the name no-such-host\.invalid leads to no address/,
    );
  });

  it('where the file is none, is in no folder, or is of another engine', async () => {
    await ended({ argv: ['--db', 'a.db'], files: { 'a.db': 'this is no database at all, not even a little' } }, /^error \[store_corrupt\]/);
    await ended({ argv: ['--db', 'none/a.db'] }, /^error \[store_unavailable\]: the folder of .* does not exist/);
    await ended({ argv: ['--db', 'd'], files: { 'd/x': '' } }, /^error \[store_\w+\]/);
    await ended({ argv: ['--url', 'postgres://u:secret@h/d'] }, /^error \[store_unavailable\]/);
  });

  it('where the command itself is wrong', async () => {
    await ended({ argv: ['--prot', '1'] }, /^error \[invalid_input\]: unknown option '--prot' \(Did you mean --port\?\)/, 2);
    await ended({ argv: ['--db', 'a.db', '--url', 'b.db'] }, /give --db or --url, not both/, 2);
    await ended({ argv: ['--key-file', 'k'] }, /^error \[invalid_input\]: --key-file: a server has no key of its own/, 2);
  });
});

it('this machine is known by its addresses, not by what looks like them', () => {
  const here = ['127.0.0.1', '127.255.255.254', '::1', 'localhost', 'LOCALHOST', '[::1]', '::ffff:127.0.0.1'];
  const elsewhere = [
    '0.0.0.0',
    '::',
    '',
    '127.0.0.1.example.org',
    '128.0.0.1',
    '10.0.0.1',
    '::2',
    '::ffff:10.0.0.1',
    'localhost.',
    '127.1',
    '0x7f000001',
    '2130706433',
  ];
  assert.deepEqual(
    here.filter((host) => !isLoopback(host)),
    [],
  );
  assert.deepEqual(
    elsewhere.filter((host) => isLoopback(host)),
    [],
  );
});
