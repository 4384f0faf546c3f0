// The retention of the audit on SQLite, and what its owner can not do with cuts of his own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { retentionSuite } from './retention.ts';
import { DAY, fileRig, tamper } from './rig.ts';

retentionSuite((options) => openQueue(':memory:', options));

test('a cut that retention did not make is found: without its record, with a false one, and where no anchor was', async (t) => {
  const sealOf = `(SELECT seq FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' ORDER BY seq LIMIT 1 OFFSET 1)`;
  const column = (name: string): string => `(SELECT ${name} FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' AND seq = ${sealOf})`;
  const CUT = [
    `INSERT INTO audit_cuts VALUES ('acme', 'tasks', ${sealOf}, ${column('hash')}, ${column('last_id')}, 1)`,
    `DELETE FROM task_events WHERE client_id = 'acme' AND log_id <= (SELECT last_id FROM audit_cuts)`,
    `DELETE FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' AND seq <= (SELECT seq FROM audit_cuts)`,
  ];
  const RECORD = `INSERT INTO security_events (at_utc, actor, action, client_id, object, outcome, details) SELECT ${Date.now()}, 'system', 'audit.cut', 'acme', 'tasks', 'done', json_object('seq', seq, 'hash', hash, 'last_id', last_id) FROM audit_cuts`;
  for (const [name, statements, anchorAt, why] of [
    ['without its record', CUT, 2, /not on record/],
    ['with its record, where no anchor was', [...CUT, RECORD], 3, /no anchor has/],
    [
      'where the anchor was of another chain',
      [...CUT, RECORD, `UPDATE audit_cuts SET hash = replace(hash, substr(hash, 1, 1), 'x')`],
      2,
      /not what was anchored/,
    ],
  ] as const) {
    const rig = await fileRig(t);
    for (let step = 1; step <= 5; step++) {
      await rig.work();
      if (step === anchorAt) await rig.anchor();
    }
    assert.deepEqual((await rig.verify()).faults, [], 'the control');
    tamper(rig.file, ...statements);
    const { faults } = await rig.verify();
    assert.ok(
      faults.some((fault) => fault.clientId === 'acme' && why.test(fault.why)),
      `${name}: ${JSON.stringify(faults)}`,
    );
  }
});

test('a seal that was changed since it was anchored is no place to cut', async (t) => {
  const rig = await fileRig(t, { auditRetentionMs: DAY });
  for (let step = 0; step < 3; step++) {
    await rig.work();
    await rig.anchor();
    rig.clock.now += DAY;
  }
  rig.clock.now += 3 * DAY;
  tamper(rig.file, `UPDATE audit_seals SET hash = '${'0'.repeat(64)}' WHERE client_id = 'acme' AND chain = 'tasks'`);
  await rig.cut();
  const { items } = await rig.queue.admin().audit.trail({ action: 'audit.cut' });
  const cutOf = (clientId: string): number => items.filter((entry) => entry.clientId === clientId && entry.object === 'tasks').length;
  assert.deepEqual([cutOf('acme'), cutOf('globex')], [0, 1]);
});

test('the audit stays append-only for everybody else: nothing goes that no cut covers, and a cut is not taken back', async (t) => {
  const rig = await fileRig(t, { auditRetentionMs: DAY });
  for (let step = 0; step < 3; step++) {
    await rig.work();
    await rig.anchor();
    rig.clock.now += 2 * DAY;
  }
  await rig.cut();
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(rig.file);
  t.after(() => db.close());
  for (const sql of [
    'DELETE FROM task_events WHERE log_id = (SELECT min(log_id) FROM task_events)',
    'DELETE FROM security_events WHERE event_id = (SELECT max(event_id) FROM security_events)',
    `DELETE FROM audit_seals WHERE seq = (SELECT max(seq) FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks') AND client_id = 'acme' AND chain = 'tasks'`,
    'UPDATE audit_cuts SET seq = seq + 1',
    'DELETE FROM audit_cuts',
    'INSERT OR REPLACE INTO audit_cuts SELECT client_id, chain, seq, hash, last_id + 1000, at_utc FROM audit_cuts',
    `UPDATE audit_anchors SET hash = 'x'`,
    'DELETE FROM audit_anchors',
    'INSERT OR REPLACE INTO audit_seals SELECT * FROM audit_seals',
  ])
    assert.throws(() => db.exec(sql), /append-only/, sql);
});

test('of an edge whose tasks are gone nothing is left', async (t) => {
  const rig = await fileRig(t, { auditRetentionMs: DAY });
  const client = rig.queue.client('acme');
  const parent = (await client.enqueue('Mail.Send', 'parent')).taskId;
  const child = (await client.enqueue('Mail.Send', 'child', { dependsOn: [{ taskId: parent, policy: 'ignore' }] })).taskId;
  for (const taskId of [parent, child]) await client.cancel(taskId);
  for (const taskId of [parent, child]) await rig.queue.as({ role: 'admin', clientId: 'acme' }).purge(taskId);
  const { DatabaseSync } = await import('node:sqlite');
  const edges = (): unknown => {
    const db = new DatabaseSync(rig.file, { readOnly: true });
    const [row] = db.prepare('SELECT count(*) AS n FROM task_dependencies').all();
    db.close();
    return row?.['n'];
  };
  for (let step = 0; step < 3; step++) {
    assert.equal(edges(), 1, 'the control: as long as their audit is kept');
    await rig.work();
    await rig.anchor();
    rig.clock.now += 2 * DAY;
  }
  await rig.cut();
  assert.equal(edges(), 0);
});
