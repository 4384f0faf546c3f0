// Attacks on the second wall on SQLite, with the rights of each class: refused, or blind to the other client, and nothing of
// the other client changes. Each group starts with the same thing done rightly.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asOwner, attack, BOUND, control, openBench, REFUSAL, tellsOfB } from './attacks/bench.ts';
import { CLOSED } from './attacks/closed.ts';
import { ENGINE_ROOM } from './attacks/engine-room.ts';
import { READING } from './attacks/reading.ts';
import { WRITING } from './attacks/writing.ts';

const bench = openBench();
after(() => bench.close());
const groups = [...READING, ...WRITING, ...ENGINE_ROOM, ...CLOSED];

for (const group of groups) {
  test(group.title, async (t) => {
    for (const { cls, sql } of group.controls) await t.test(`control of ${cls}: ${sql}`, () => control(bench, cls, sql, group.scope));
    for (const { name, cls, sql, expected } of group.attacks)
      await t.test(`${name} (${cls})`, () => attack(bench, cls, sql, expected ?? 'refused', group.scope));
  });
}

test('the suite sees rows of b when they are bound, so that its silence means something', () => {
  bench.wall.bind({ clients: ['b'] });
  for (const [cls, view] of [
    ['client', 'shown.task_queue'],
    ['sealer', 'shown.task_logs'],
    ['admin', 'walled.worker_grants'],
  ] as const)
    assert.ok(tellsOfB(bench.ask(cls, `select client_id from ${view}`)), view);
});

test('the snapshot tells a change of b', () => {
  bench.wall.bind({ clients: '*' });
  const before = bench.snapshot();
  asOwner(bench.wall, () => bench.db.exec('SAVEPOINT change'));
  bench.ask('engine', `update main.tasks set payload = 'x' where task_no = 7001`);
  assert.notEqual(bench.snapshot(), before);
  asOwner(bench.wall, () => bench.db.exec('ROLLBACK TO change; RELEASE change'));
  assert.equal(bench.snapshot(), before);
});

test('nobody bound is nothing seen', () => {
  bench.wall.bind({ clients: [] });
  for (const cls of ['client', 'admin', 'platform'] as const) assert.deepEqual(bench.ask(cls, 'select id from shown.task_queue'), []);
});

// Outside of the savepoint that the other attacks run in: inside of one SQLite itself refuses these.
test('nobody but the owner copies the database or opens a transaction', () => {
  bench.wall.bind(BOUND);
  const before = bench.snapshot();
  for (const cls of ['client', 'worker', 'admin', 'platform', 'auditor', 'engine', 'registry', 'none'] as const)
    for (const sql of [`vacuum into 'file:copy?mode=memory'`, 'vacuum', 'begin', 'begin immediate', 'pragma foreign_keys = off'])
      assert.throws(() => bench.ask(cls, sql), REFUSAL, `${sql} of ${cls}`);
  assert.equal(bench.db.isTransaction, false);
  assert.equal(bench.snapshot(), before);
  assert.doesNotThrow(() => asOwner(bench.wall, () => bench.db.exec('BEGIN; ROLLBACK')));
});
