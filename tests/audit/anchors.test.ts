// Anchors: what is signed is what is read, what was changed is told, and the database notes only what is on its chains.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { anchorText } from '../../src/domain/audit-anchor.ts';
import type { Anchor } from '../../src/domain/audit-anchor.ts';
import { anchorAll, anchorFile, anchorSigner, newAnchorKey, openQueue, readAnchors, verifyAnchor } from '../../src/index.ts';
import { fileRig, folderOf, openRig, sha256 } from './rig.ts';

test('an anchor has every head that is new, follows the one before it, and is verified with the public key alone', async (t) => {
  const rig = await fileRig(t);
  await rig.work();
  await rig.anchor();
  await rig.anchor();
  assert.equal(rig.lines.length, 1, 'nothing is new');
  await rig.queue.client('acme').enqueue('Mail.Send', 1);
  await rig.queue.system().seal();
  await rig.anchor();
  const [first, second] = rig.lines.map((line) => JSON.parse(line) as Anchor) as [Anchor, Anchor];
  assert.deepEqual(
    first.heads.map(({ client_id, chain }) => `${client_id} ${chain}`),
    [' security', 'acme security', 'acme tasks', 'globex tasks'],
  );
  assert.deepEqual(
    second.heads.map(({ client_id, chain }) => `${client_id} ${chain}`),
    ['acme tasks'],
  );
  assert.deepEqual([first.n, second.n, second.prev], [1, 2, sha256(anchorText(first))]);
  const reading = rig.reading();
  assert.deepEqual([reading.anchors, reading.heads.length, reading.faults, reading.notes], [2, 5, [], []]);
  const verdict = await rig.verify();
  assert.deepEqual([verdict.faults, verdict.anchors], [[], 5]);
});

test('a change of any byte of an anchor is told, and its heads do not count', async (t) => {
  const rig = await fileRig(t);
  await rig.work();
  await rig.anchor();
  const [line = ''] = rig.lines;
  fc.assert(
    fc.property(fc.nat(line.length - 1), fc.constantFrom('0', '1', 'a', 'f', '"', 'x', ','), (at, put) => {
      if (line[at] === put) return;
      rig.lines[0] = line.slice(0, at) + put + line.slice(at + 1);
      const reading = rig.reading();
      assert.equal(reading.anchors, 0, rig.lines[0]);
      assert.equal(reading.faults.length + reading.others, 1);
    }),
    { numRuns: 500 },
  );
});

test('an anchor of another key is no anchor, and one that is missing is told', async (t) => {
  const rig = await fileRig(t);
  for (let step = 0; step < 4; step++) {
    await rig.work();
    await rig.anchor();
  }
  const stranger = anchorSigner(newAnchorKey());
  assert.match(rig.reading([stranger.publicKey]).faults[0] ?? '', /no key that was given/);
  assert.equal(rig.reading([stranger.publicKey, rig.publicKey]).anchors, 4);
  const [a, b, c, d] = rig.lines as [string, string, string, string];
  rig.lines.splice(0, 4, a, d, '{"level":"info","msg":"listening"}', `{"level":"info","anchor":${b},"msg":"audit anchor"}`, '{"kind":"anc');
  const reading = rig.reading();
  assert.deepEqual([reading.anchors, reading.others, reading.notes], [3, 2, ['the anchors from 3 to 3 are not here']]);
  rig.lines.splice(0, 5, c, d);
  assert.deepEqual(rig.reading().notes, ['the anchors before 3 are not here']);
});

test('two anchors of one row that differ show a chain that was made anew between them', async (t) => {
  const rig = await fileRig(t);
  await rig.work();
  await rig.anchor();
  const { heads } = rig.reading();
  const [head] = heads;
  const verdict = await rig.queue.admin().audit.verify({ anchors: [...heads, { ...(head as (typeof heads)[number]), hash: '0'.repeat(64) }] });
  assert.match(verdict.faults[0]?.why ?? '', /two anchors/);
});

test('the database notes an anchor only when its heads are on their chains and its number is the next', async (t) => {
  const rig = await fileRig(t);
  await rig.work();
  const system = rig.queue.system();
  const next = await system.nextAnchor();
  const digest = '0'.repeat(64);
  for (const wrong of [
    { ...next, digest, n: 3 },
    { ...next, digest, heads: next.heads.map((head) => ({ ...head, seq: head.seq + 1 })) },
    { ...next, digest, heads: next.heads.map((head) => ({ ...head, clientId: 'globex' })) },
  ])
    await assert.rejects(system.anchored(wrong), { code: 'invalid_input' });
  assert.deepEqual(await system.nextAnchor(), next);
  await system.anchored({ ...next, digest });
  assert.deepEqual(await system.nextAnchor(), { n: 2, prev: digest, heads: [] });
  await assert.rejects(rig.queue.as({ role: 'admin', clientId: 'acme' }).audit.nextAnchor(), { code: 'forbidden' });
});

test('a file of anchors is appended to, and a line that a crash tore costs no other', async (t) => {
  const path = join(folderOf(t), 'anchors.jsonl');
  const signer = anchorSigner(newAnchorKey());
  const rig = await openRig((options) => openQueue(':memory:', options));
  t.after(() => rig.queue.close());
  for (const torn of ['', '{"kind":"anchor","n":7']) {
    if (torn !== '') appendFileSync(path, torn);
    await rig.work();
    await anchorAll(rig.queue.system(), { signer, sink: anchorFile(path) }, () => rig.clock.now);
  }
  const reader = readAnchors(sha256, verifyAnchor, [signer.publicKey]);
  for (const line of readFileSync(path, 'utf8').split('\n')) reader.take(line);
  const { anchors, others, notes } = reader.end();
  assert.deepEqual([anchors, others, notes], [2, 1, []]);
  assert.equal(statSync(path).mode & 0o007, 0, 'others may not read it');
});

test('a process that has a queue open anchors by itself', async (t) => {
  const path = join(folderOf(t), 'queue.db');
  const anchored = Promise.withResolvers<Anchor>();
  const queue = await openQueue(path, { anchors: { signer: anchorSigner(newAnchorKey()), sink: (anchor) => anchored.resolve(anchor), everyMs: 1000 } });
  t.after(() => queue.close());
  await queue.client('acme').enqueue('Mail.Send', 1);
  assert.equal((await anchored.promise).heads[0]?.client_id, 'acme');
});
