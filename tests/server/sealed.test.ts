// A server with a master key, as operators start it: from a file, and not without it once a client is sealed.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '../../src/client/entry.ts';
import { attempt, makeKeys, startServer, temporaryFolder } from './rig.ts';

const KEY = 'e'.repeat(64);

test('a server reads the master key from its file, seals, and does not start without it', async () => {
  const base = temporaryFolder({ 'master.key': `${KEY}\n` });
  const [admin, client] = await makeKeys(base, [{ role: 'admin' }, { role: 'client', clientId: 'acme' }]);
  const server = await startServer(base, [], { PRISMQ_MASTER_KEY_FILE: 'master.key' });
  await connect({ url: server.url, key: admin?.key ?? '' })
    .admin()
    .clients.encrypt('acme');
  const acme = connect({ url: server.url, key: client?.key ?? '' }).client();
  const { taskId } = await acme.enqueue('T.One', { word: 'pelargonium' });
  assert.deepEqual((await acme.get(taskId)).payload, { word: 'pelargonium' });
  server.kill('SIGTERM');
  await server.ended;
  assert.ok(!server.said.out.includes(KEY));
  for (const file of readdirSync(base).filter((name) => name.startsWith('prismq.db')))
    assert.ok(!readFileSync(join(base, file), 'latin1').includes('pelargonium'), file);
  for (const [env, code, why] of [
    [{}, 7, /master key/],
    [{ PRISMQ_MASTER_KEY: 'no key' }, 78, /64 hex digits/],
    [{ PRISMQ_MASTER_KEY: KEY, PRISMQ_MASTER_KEY_FILE: 'master.key' }, 78, /unset one/],
  ] as const) {
    const refused = await attempt(['--port', '0'], { base, env });
    assert.deepEqual([refused.url, refused.code], [null, code], refused.err);
    assert.match(refused.err, why);
  }
});
