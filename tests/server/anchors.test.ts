// A server with a key signs the heads of the audit, into its log or a file, and refuses what would lose them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { anchorSigner, newAnchorKey, openQueue, readAnchors, verifyAnchor } from '../../src/index.ts';
import { attempt, makeKeys, startServer, temporaryFolder } from './rig.ts';

const pem = newAnchorKey();

describe('the anchors of a server', () => {
  it('go to its log, as lines that the verification reads among all others', async () => {
    const base = temporaryFolder({ 'anchor.pem': pem });
    await makeKeys(base, [{ role: 'client', clientId: 'acme' }]);
    const server = await startServer(base, [], { PRISMQ_AUDIT_KEY_FILE: 'anchor.pem', PRISMQ_AUDIT_ANCHOR_MS: '1000' });
    await server.hasSaid(/"msg":"audit anchor"/);
    server.kill('SIGTERM');
    await server.ended;
    const reader = readAnchors((text) => createHash('sha256').update(text).digest('hex'), verifyAnchor, [anchorSigner(pem).publicKey]);
    for (const line of server.said.out.split('\n')) reader.take(line);
    const { anchors, others, heads, faults } = reader.end();
    assert.ok(anchors >= 1 && others >= 1, `${anchors} anchors, ${others} other lines`);
    assert.deepEqual(faults, []);
    await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
    assert.deepEqual((await queue.admin().audit.verify({ anchors: heads })).faults, []);
    assert.ok(!server.said.out.includes('PRIVATE'));
  });

  it('go to a file, where one is named', async () => {
    const base = temporaryFolder({ 'anchor.pem': pem });
    await makeKeys(base, [{ role: 'client', clientId: 'acme' }]);
    const server = await startServer(base, [], {
      PRISMQ_AUDIT_KEY: pem,
      PRISMQ_AUDIT_ANCHORS: 'anchors.jsonl',
      PRISMQ_AUDIT_ANCHOR_MS: '1000',
    });
    const path = join(base, 'anchors.jsonl');
    const anchored = async (): Promise<number> => {
      await using queue = await openQueue(join(base, 'prismq.db'), { janitorMs: 0 });
      return (await queue.system().nextAnchor()).n;
    };
    while ((await anchored()) < 2);
    server.kill('SIGTERM');
    await server.ended;
    assert.equal((JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '') as { n: number }).n, 1);
  });

  it('are refused with a key that is none, and in a log that leaves them out', async () => {
    for (const [env, why] of [
      [{ PRISMQ_AUDIT_KEY: 'no key' }, /no private key/],
      [{ PRISMQ_AUDIT_KEY: pem, PRISMQ_LOG_LEVEL: 'warn' }, /PRISMQ_AUDIT_ANCHORS/],
      [{ PRISMQ_AUDIT_RETENTION_MS: '1000' }, /PRISMQ_AUDIT_RETENTION_MS/],
    ] as const) {
      const { code, url, err, out } = await attempt(['--port', '0'], { base: temporaryFolder(), env });
      assert.deepEqual([code, url], [78, null], out + err);
      assert.match(err, why);
    }
  });
});
