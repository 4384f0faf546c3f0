// What the audit says of itself: a summary that could not tell a loss, a double start or a gap would be worth nothing, so each is
// written into a file by hand and must be found.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { AuditReport, Queue } from '../../src/index.ts';
import { only } from './conformance/rig.ts';

const START = 1_800_000_000_000;

/** Two tasks that were completed, one of them at the second attempt, and one that waits. */
async function summaryAfter(t: TestContext, forgery: string): Promise<AuditReport> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const open = (): Promise<Queue> => openQueue(file, { now: () => START, janitorMs: 0, synchronous: 'NORMAL' });
  {
    await using queue = await open();
    const worker = queue.worker('w');
    for (const type of ['T.First', 'T.Second']) await queue.client('acme').enqueue(type);
    await worker.fail(only(await worker.claim()), 'once more', { retryInMs: 0 });
    for (let i = 0; i < 2; i++) await worker.complete(only(await worker.claim()), i);
    await queue.client('other').enqueue('T.Third');
  }
  const db = new DatabaseSync(file);
  db.exec(forgery);
  db.close();
  await using queue = await open();
  return queue.auditSummary();
}

const TRUE: AuditReport = {
  enqueued: 3,
  completed: 2,
  deadLetter: 0,
  cancelled: 0,
  lost: 1,
  duplicateStarts: 1,
  unexplainedDuplicates: 0,
  incompleteLogs: 0,
  clients: 2,
  categories: 3,
};

const event = (task: number, name: string, from: string, to: string): string =>
  `INSERT INTO task_events (client_id, task_no, at_utc, event, from_status, to_status, actor) VALUES ('acme', ${task}, 1, '${name}', '${from}', '${to}', 'nobody');`;

test('the summary of a queue that did what it should', async (t) => assert.deepEqual(await summaryAfter(t, ''), TRUE));

test('a task that was claimed twice in a row is a duplicate that nothing explains', async (t) => {
  const claims = event(3, 'claim', 'queued', 'leased') + event(3, 'claim', 'leased', 'leased');
  assert.deepEqual(await summaryAfter(t, claims), { ...TRUE, duplicateStarts: 2, unexplainedDuplicates: 1 });
});

test('what happens in between explains a second claim only if it ended the first', async (t) => {
  const change = event(3, 'claim', 'queued', 'leased') + event(3, 'reprioritise', 'leased', 'leased') + event(3, 'claim', 'leased', 'leased');
  assert.equal((await summaryAfter(t, change)).unexplainedDuplicates, 1);
  const release = event(3, 'claim', 'queued', 'leased') + event(3, 'release', 'leased', 'queued') + event(3, 'claim', 'queued', 'leased');
  assert.equal((await summaryAfter(t, release)).unexplainedDuplicates, 0);
});

test('an event that does not begin where the one before it ended makes a log incomplete', async (t) => {
  assert.deepEqual(await summaryAfter(t, event(3, 'complete', 'leased', 'completed')), { ...TRUE, completed: 3, lost: 0, incompleteLogs: 1 });
});

test('what was purged counts as it ended', async (t) => {
  const purge = `INSERT INTO task_events (client_id, task_no, at_utc, event, from_status, actor) VALUES ('acme', 1, 1, 'purge', 'completed', 'system')`;
  assert.deepEqual(await summaryAfter(t, purge), TRUE);
});
