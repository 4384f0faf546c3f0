// The chain over the audit: what was sealed is found changed, however it was changed; what was not touched is never reported.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { AnchoredHead, AuditVerdict, Queue } from '../../src/index.ts';

const CLIENTS = ['acme', 'globex'] as const;

/** Work of two clients, sealed in several steps; answers the file and the heads that were anchored. */
async function sealed(t: TestContext): Promise<{ readonly file: string; readonly anchors: readonly AnchoredHead[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const queue = await openQueue(file, { janitorMs: 0, synchronous: 'NORMAL' });
  const worker = queue.worker('w');
  await worker.register();
  for (let step = 0; step < 4; step++) {
    for (const client of CLIENTS) await queue.client(client).enqueueMany(Array.from({ length: 5 }, (_, n) => ({ type: 'Mail.Send', payload: n })));
    for (const task of await worker.claim({ max: 6 })) await (task.payload === '3' ? worker.fail(task, new Error('no')) : worker.complete(task));
    await queue.system().seal();
  }
  const anchors = await queue.admin().audit.heads();
  await queue.close();
  return { file, anchors };
}

/** Changes the file as its owner could, with every guard taken away first. */
function tamper(file: string, ...statements: readonly string[]): void {
  const db = new DatabaseSync(file);
  for (const { name } of db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger'`).all() as { name: string }[]) db.exec(`DROP TRIGGER ${name}`);
  db.exec('PRAGMA foreign_keys = OFF');
  for (const sql of statements) {
    db.exec(sql);
    assert.ok((db.prepare('SELECT changes() AS n').get() as { n: number }).n > 0, `${sql} changes something`);
  }
  db.close();
}

async function verify(file: string, anchors: readonly AnchoredHead[] = []): Promise<AuditVerdict> {
  const queue = await openQueue(file, { janitorMs: 0 });
  try {
    return await queue.admin().audit.verify({ anchors });
  } finally {
    await queue.close();
  }
}

test('what nobody touched holds, with every row sealed and its anchors met', async (t) => {
  const { file, anchors } = await sealed(t);
  const verdict = await verify(file, anchors);
  assert.deepEqual(verdict.faults, []);
  assert.ok(verdict.sealed > 80);
  assert.equal(verdict.sealed, verdict.rows);
  assert.equal(verdict.anchors, anchors.length);
  assert.ok(anchors.length >= 3, 'a chain of each client, and one of security');
});

test('rows that were not sealed yet are told as such and are no fault', async (t) => {
  const { file } = await sealed(t);
  const queue = await openQueue(file, { janitorMs: 0 });
  await queue.client('acme').enqueue('Mail.Send', 1);
  await queue.close();
  const { faults, unsealed } = await verify(file);
  assert.deepEqual(faults, []);
  assert.equal(unsealed, 1);
});

const COLUMNS = ['client_id', 'at_utc', 'event', 'from_status', 'to_status', 'actor', 'attempt', 'details'] as const;
const changed = (column: string): string =>
  column === 'at_utc' || column === 'attempt'
    ? `${column} = ${column} + 1`
    : column === 'client_id'
      ? `client_id = 'initech'`
      : `${column} = coalesce(${column}, '') || 'x'`;

for (const at of ['first', 'middle', 'last'] as const) {
  const id = {
    first: '(SELECT min(log_id) FROM task_events)',
    middle: '(SELECT max(log_id) / 2 FROM task_events)',
    last: '(SELECT max(log_id) FROM task_events)',
  }[at];
  for (const column of COLUMNS)
    test(`a change of ${column} of the ${at} row is found, and the row is named`, async (t) => {
      const { file } = await sealed(t);
      // The number in its chain: where the table has it is nobody's business.
      const number = `SELECT count(*) FROM task_events e WHERE e.log_id <= ${id} AND e.client_id = (SELECT client_id FROM task_events WHERE log_id = ${id})`;
      const wanted = Number(Object.values(new DatabaseSync(file).prepare(number).get() as object)[0]);
      tamper(file, `UPDATE task_events SET ${changed(column)} WHERE log_id = ${id}`);
      const { faults } = await verify(file);
      assert.ok(faults.length > 0);
      // A row under another client is missing in one chain and too many in another.
      if (column !== 'client_id')
        assert.deepEqual(
          faults.map((fault) => fault.id),
          [wanted],
        );
    });
  test(`the ${at} row taken out is found`, async (t) => {
    const { file } = await sealed(t);
    tamper(file, `DELETE FROM task_events WHERE log_id = ${id}`);
    assert.equal((await verify(file)).faults.length, 1);
  });
}

test('rows that changed places are found', async (t) => {
  const { file } = await sealed(t);
  tamper(
    file,
    `UPDATE task_events SET log_id = 1000000 WHERE log_id = 10`,
    `UPDATE task_events SET log_id = 10 WHERE log_id = 12`,
    `UPDATE task_events SET log_id = 12 WHERE log_id = 1000000`,
  );
  assert.ok((await verify(file)).faults.length > 0);
});

test('a row that was put in, copied, or taken from another client is found', async (t) => {
  const COPY = `INSERT INTO task_events (log_id, client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)`;
  for (const sql of [
    `${COPY} SELECT 99999, client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details FROM task_events WHERE log_id = 7`,
    `${COPY} SELECT max(log_id) + 1, client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details FROM task_events`,
  ]) {
    const { file } = await sealed(t);
    // The sealer is beyond it already.
    tamper(file, sql, `UPDATE audit_passed SET sealed_id = 100000 WHERE chain = 'tasks'`);
    assert.ok((await verify(file)).faults.length > 0, sql);
  }
  const { file } = await sealed(t);
  tamper(
    file,
    `DELETE FROM task_events WHERE log_id = 30`,
    `${COPY} SELECT 30, 'acme', task_no, at_utc, event, from_status, to_status, actor, attempt, details FROM task_events WHERE client_id = 'globex' LIMIT 1`,
  );
  assert.ok((await verify(file)).faults.length > 0);
});

test('a seal that was changed, taken out or moved is found', async (t) => {
  for (const sql of [
    `UPDATE audit_seals SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE client_id = 'acme' AND chain = 'tasks' AND seq = (SELECT min(seq) FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks')`,
    `UPDATE audit_seals SET marks = substr(marks, 1, 16) || '0000000000000000' || substr(marks, 33) WHERE client_id = 'acme' AND chain = 'tasks' AND rows > 2`,
    `DELETE FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' AND seq = (SELECT min(seq) FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks')`,
    `UPDATE audit_seals SET seq = seq + 1 WHERE client_id = 'acme' AND chain = 'tasks' AND seq = (SELECT max(seq) FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks')`,
  ]) {
    const { file } = await sealed(t);
    tamper(file, sql);
    assert.ok((await verify(file)).faults.length > 0, sql);
  }
});

test('an end that was cut off with its seals is shown by the anchors, and by nothing else', async (t) => {
  const { file, anchors } = await sealed(t);
  const from = `(SELECT max(seq) FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks')`;
  tamper(
    file,
    `DELETE FROM task_events WHERE client_id = 'acme' AND log_id > (SELECT last_id FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' AND seq < ${from} ORDER BY seq DESC LIMIT 1)`,
    `DELETE FROM audit_seals WHERE client_id = 'acme' AND chain = 'tasks' AND seq = ${from}`,
  );
  assert.deepEqual((await verify(file)).faults, []);
  const { faults } = await verify(file, anchors);
  assert.deepEqual(
    faults.map(({ clientId, why }) => [clientId, why.startsWith('the end was cut off')]),
    [['acme', true]],
  );
});

test('a chain that its owner made anew is shown by the anchors', async (t) => {
  const { file, anchors } = await sealed(t);
  tamper(file, `UPDATE task_events SET actor = 'somebody else' WHERE log_id = 5`, 'DELETE FROM audit_seals', `UPDATE audit_passed SET sealed_id = 0`);
  const queue = await openQueue(file, { janitorMs: 0 });
  await queue.system().seal();
  await queue.close();
  assert.deepEqual((await verify(file)).faults, []);
  assert.ok((await verify(file, anchors)).faults.length > 0);
});

test('a client reads, verifies and exports its own chain and no other', async (t) => {
  const { file } = await sealed(t);
  const queue = await openQueue(file, { janitorMs: 0 });
  t.after(() => queue.close());
  const of = (clientId: string) => queue.as({ role: 'admin', clientId }).audit;
  const [mine, all] = [await of('acme').verify(), await queue.admin().audit.verify()];
  assert.deepEqual([mine.faults, all.faults], [[], []]);
  assert.ok(mine.rows < all.rows / 2);
  const seen = new Set<string | null>();
  for await (const record of of('acme').export()) if (record.kind !== 'end') seen.add(record.clientId);
  assert.deepEqual([...seen], ['acme']);
  await assert.rejects(of('acme').verify({ clientId: 'globex' }), { code: 'not_found' });
  const { items } = await queue.admin().securityEvents({ limit: 1 });
  assert.equal(items[0]?.action, 'audit.export');
});

test('many sealers at once make one chain', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const queues: Queue[] = [];
  for (let i = 0; i < 4; i++) queues.push(await openQueue(file, { janitorMs: 0, synchronous: 'NORMAL' }));
  await Promise.all(
    queues.map(async (queue, i) => {
      for (let n = 0; n < 50; n++) await Promise.all([queue.client(CLIENTS[i % 2]).enqueue('Mail.Send', n), queue.system().seal()]);
    }),
  );
  await queues[0]?.system().seal();
  const verdict = await queues[1]?.admin().audit.verify();
  assert.deepEqual(verdict?.faults, []);
  assert.ok((verdict?.sealed ?? 0) >= 200);
  for (const queue of queues) await queue.close();
});
