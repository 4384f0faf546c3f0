// Enqueue inside the caller's own transaction: there with its commit, gone with its rollback.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openQueue } from '../../src/index.ts';

test('a task that joins a transaction is there when it commits and gone when it rolls back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-tx-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  await using queue = await openQueue(file, { janitorMs: 0 });
  const acme = queue.client('acme');
  using own = new DatabaseSync(file);
  own.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)');

  own.exec('BEGIN IMMEDIATE; INSERT INTO orders VALUES (1)');
  const gone = await acme.enqueue('Order.Ship', { order: 1 }, { tx: own });
  own.exec('ROLLBACK');
  await assert.rejects(acme.get(gone.taskId), { code: 'not_found' });

  own.exec('BEGIN IMMEDIATE; INSERT INTO orders VALUES (2)');
  const kept = await acme.enqueue('Order.Ship', { order: 2 }, { tx: own });
  await assert.rejects(acme.enqueue('Order..Ship', {}, { tx: own }), { code: 'invalid_category' });
  own.exec('COMMIT');
  assert.equal((await acme.get(kept.taskId)).status, 'queued');
  assert.deepEqual(
    (await acme.logs(kept.taskId)).items.map((entry) => [entry.event, entry.actor]),
    [['enqueue', 'client:acme']],
  );
  const [claimed] = await queue.worker('w').claim();
  assert.equal(claimed?.taskId, kept.taskId);

  await assert.rejects(acme.enqueue('Order.Ship', {}, { tx: own }), { code: 'invalid_input' }, 'no transaction is open');
  await assert.rejects(acme.enqueue('Order.Ship', {}, { tx: {} }), { code: 'invalid_input' });
});
