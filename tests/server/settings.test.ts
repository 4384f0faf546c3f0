// Where the settings of a server come from, and what `config print` says of them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CONFIG } from '../../src/server/config.ts';
import { SERVER_SETTINGS, findSettings, serverSettings } from '../../src/server/settings.ts';
import type { SettingSources } from '../../src/server/settings.ts';
import { inside, json } from '../cli/rig.ts';
import { temporaryFolder } from './rig.ts';
import type { Files } from './rig.ts';

interface Printed {
  readonly settings: Readonly<Record<string, { readonly value: unknown; readonly from: string }>>;
}

const settled = async (files: Files, sources: Partial<SettingSources> = {}) =>
  serverSettings(await findSettings({ flags: {}, env: {}, base: temporaryFolder(files), ...sources }));

describe('a setting of a server', () => {
  it('is that of the flag, else of the environment, else of the file, else the default', async () => {
    const files = { 'prismq.config.json': '{"port":3,"grace_ms":3,"logLevel":"warn"}' };
    const env = { PRISMQ_PORT: '2', PRISMQ_GRACE_MS: '2' };
    const { port, graceMs, logLevel, maxConnections } = await settled(files, { flags: { port: '1' }, env });
    assert.deepEqual([port, graceMs, logLevel, maxConnections], [1, 2, 'warn', 10_000]);
  });

  it('is the default where a variable is empty', async () => {
    assert.equal((await settled({}, { env: { PRISMQ_PORT: '', PRISMQ_HOST: ' ' } })).port, CONFIG.port.default);
  });

  it('comes from a file of any form', async () => {
    const forms: Files = {
      'prismq.config.ts': 'export const config: { readonly port: number } = { port: 9 };\n',
      'prismq.config.mjs': 'export default { port: 9 };\n',
      'prismq.config.json': '{"port":9}',
      'prismq.config.yaml': 'port: 9\n',
      'prismq.config.toml': 'port = 9\n',
    };
    for (const [name, text] of Object.entries(forms)) assert.equal((await settled({ [name]: text })).port, 9, name);
    assert.equal((await settled({ 'a/b.json': '{"port":9}' }, { configFile: 'a/b.json' })).port, 9);
    assert.equal((await settled({ 'prismq.config.json': '{"port":9}' }, { configFile: null })).port, 7800);
  });

  it('that is a path starts where it was written', async () => {
    const base = temporaryFolder({ 'conf/server.json': '{"db":"q.db","tlsCert":"../cert.pem","issuers":[{"keys":{"file":"keys.json"}}]}' });
    const found = await findSettings({ flags: {}, env: { PRISMQ_TLS_KEY: 'key.pem' }, base, configFile: 'conf/server.json' });
    const { db, tlsCert, tlsKey, issuers } = serverSettings(found);
    assert.deepEqual(
      [db, tlsCert, tlsKey, issuers],
      [join(base, 'conf/q.db'), join(base, 'cert.pem'), join(base, 'key.pem'), [{ keys: { file: join(base, 'conf/keys.json') } }]],
    );
  });

  it('that is a rate says a burst, or has twice its rate', async () => {
    const { rateKey, rateClient, rateAddress } = await settled({ 'prismq.config.json': '{"rateKey":50}' }, { env: { PRISMQ_RATE_CLIENT: '5/400' } });
    assert.deepEqual(
      [rateKey, rateClient, rateAddress],
      [
        { perSecond: 50, burst: 100 },
        { perSecond: 5, burst: 400 },
        { perSecond: 5, burst: 50 },
      ],
    );
    assert.equal((await settled({}, { env: { PRISMQ_RATE_ADDRESS: 'none' } })).rateAddress, null);
  });

  it('that is secret comes from the environment or a file that it names, without the end of its line', async () => {
    assert.equal((await settled({}, { env: { PRISMQ_TLS_PASSPHRASE: ' x ' } })).tlsPassphrase, ' x ');
    assert.equal((await settled({ p: 'x y\r\n' }, { env: { PRISMQ_TLS_PASSPHRASE_FILE: 'p' } })).tlsPassphrase, 'x y');
    for (const name of SERVER_SETTINGS)
      if ('secret' in CONFIG[name]) assert.deepEqual([CONFIG[name].flag, CONFIG[name].file], ['', ''], `${name} is given in the open`);
  });
});

describe('config print', () => {
  const base = temporaryFolder({ 'prismq.config.json': '{"port":8080}', pass: 'opensesame\n' });
  const env = { PRISMQ_TLS_PASSPHRASE_FILE: 'pass', PRISMQ_LOG_LEVEL: 'warn', PRISMQ_DB: 'postgres://user:hush@db.example/queue' };

  it('has every setting with where it comes from', async () => {
    const { settings } = await json<Printed>(['config', 'print', '--host', '::1'], { base, env });
    assert.deepEqual(Object.keys(settings), SERVER_SETTINGS);
    assert.deepEqual(settings['host'], { value: '::1', from: '--host' });
    assert.deepEqual(settings['port'], { value: 8080, from: join(base, 'prismq.config.json') });
    assert.deepEqual(settings['logLevel'], { value: 'warn', from: 'PRISMQ_LOG_LEVEL' });
    assert.deepEqual(settings['graceMs'], { value: 10_000, from: 'default' });
  });

  it('hides what is secret, unless it is told not to', async () => {
    for (const argv of [
      ['config', 'print'],
      ['config', 'print', '--redact'],
      ['config', 'print', '--redact', '--json'],
    ]) {
      const { out, err, code } = await inside(argv, { base, env });
      assert.equal(code, 0, err);
      assert.doesNotMatch(out + err, /opensesame|hush/);
      assert.match(out, /\[hidden\]/);
      assert.match(out, /postgres:\/\/user:\[hidden\]@db\.example\/queue/);
    }
    assert.match((await inside(['config', 'print', '--no-redact'], { base, env })).out, /opensesame/);
  });

  it('refuses what `serve` would', async () => {
    const { code, err } = await inside(['config', 'print'], { base, env: { PRISMQ_PORT: 'x' } });
    assert.deepEqual([code, /PRISMQ_PORT/.test(err)], [78, true]);
  });
});
