// Real processes that write, seal and anchor the audit at once and are killed: no event that was answered is missing, none is there
// twice, no chain forks or has a gap, and nothing that nobody changed is called broken.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { crewOf, soak } from '../../scripts/audit-soak/run.ts';
import { folderOf } from './rig.ts';

const MEMBERS = 8;
const EVENTS = 200;

test(`${MEMBERS} processes of ${EVENTS} events each, every one of them killed on the way, leave each event once`, { timeout: 300_000 }, async (t) => {
  const folder = folderOf(t);
  const db = join(folder, 'queue.db');
  const queue = await openQueue(db, { janitorMs: 0, synchronous: 'NORMAL', busyTimeoutMs: 60_000 });
  t.after(() => queue.close());
  for (let id = 0; id < MEMBERS; id++) await queue.admin().clients.create(`client-${id}`);
  const crew = crewOf({ db, folder, clients: MEMBERS });
  const told = Array.from({ length: MEMBERS }, () => [] as number[]);
  let kills = 0;
  const play = async (id: number): Promise<void> => {
    // Killed after a third and after two thirds; what was not answered is done again.
    for (const until of [EVENTS / 4, EVENTS / 2, EVENTS]) {
      const from = told[id]?.at(-1) ?? 0;
      const child = crew.start({ id, mode: 'events', from, count: EVENTS });
      child.on('message', (n: number) => {
        told[id]?.push(n);
        if (n < until || until === EVENTS) return;
        kills += child.kill('SIGKILL') ? 1 : 0;
      });
      await once(child, 'exit');
    }
  };
  await Promise.all(told.map((_, id) => play(id)));
  await queue.system().seal();
  assert.ok(kills >= MEMBERS * 2);
  const { audit } = queue.admin();
  for (let id = 0; id < MEMBERS; id++) {
    const { items } = await audit.trail({ clientId: `client-${id}`, action: 'client.weight', limit: 1000 });
    const weights = items.map(({ details }) => details['weight'] as number).toReversed();
    assert.deepEqual(
      [...new Set(weights)],
      Array.from({ length: EVENTS }, (_, i) => i + 1),
      `client-${id}: each, in order`,
    );
    // One that was committed and not answered before the kill was done once more.
    assert.ok(weights.length - EVENTS <= 2, `${weights.length} events`);
  }
  const anchors = crew.reading();
  assert.deepEqual([anchors.faults, anchors.notes], [[], []]);
  const verdict = await audit.verify({ anchors: anchors.heads });
  assert.deepEqual(verdict.faults, []);
  assert.equal(verdict.unsealed, 0);
  assert.ok(verdict.sealed >= MEMBERS * EVENTS);
});

test('tens of thousands of rows of processes that are killed are whole', { timeout: 300_000 }, async (t) => {
  const folder = folderOf(t);
  const report = await soak({ db: join(folder, 'queue.db'), folder, rows: 30_000, members: 3, clients: 4, killEvery: 5000 });
  assert.deepEqual([report.verdict.faults, report.anchors.faults], [[], []]);
  assert.ok(report.kills >= 6 && report.verdict.rows >= 30_000);
  assert.equal(report.verdict.unsealed, 0);
});
