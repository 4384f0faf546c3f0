// A queue's file in the hands of another, older SQLite: tables and views answer there too, with nothing of ours loaded.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { only } from './conformance/rig.ts';

/** So late that what is scheduled after it is not due by the real clock, which the view of the inbox asks. */
const START = 4_000_000_000_000;
const HOUR_MS = 3_600_000;
const found = spawnSync('sqlite3', ['--version'], { encoding: 'utf8' });
const skip = found.status === 0 ? false : 'no sqlite3 binary at hand';

type Row = Readonly<Record<string, unknown>>;

interface Left {
  readonly file: string;
  /** The name that the test gave each task id. */
  readonly nameOf: (taskId: unknown) => string;
}

/** One task in each state that lasts, in a file that is closed. */
async function fileOfEveryState(t: TestContext): Promise<Left> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-other-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const clock = { now: START };
  await using queue = await openQueue(file, { now: () => clock.now, random: () => 0.5, janitorMs: 0, synchronous: 'NORMAL' });
  const shop = queue.client('shop');
  const names = new Map<string, string>();
  const enqueue = async (name: string, options: Parameters<typeof shop.enqueue>[2] = {}): Promise<string> => {
    const { taskId } = await shop.enqueue('Mail.Send', { name }, options);
    names.set(taskId, name);
    return taskId;
  };
  for (const [i, name] of ['done', 'again', 'dead', 'held'].entries()) await enqueue(name, { priority: i + 1 });
  const worker = queue.worker('w1');
  await worker.register({ capabilities: { categories: ['Mail.*'] } });
  const claim = async (): Promise<ReturnType<typeof only>> => only(await worker.claim());
  const [done, again, dead] = [await claim(), await claim(), await claim()];
  await claim();
  clock.now += 3000;
  await worker.complete(done, { sent: true }, { startedAfterMs: 500 });
  await worker.fail(again, new Error('try again'), { retryInMs: HOUR_MS });
  await worker.fail(dead, new Error('never again'), { retry: false });
  await enqueue('next', { priority: 10 });
  await enqueue('later', { priority: 20, delayMs: HOUR_MS });
  await shop.cancel(await enqueue('dropped', { priority: 30 }), 'not needed');
  // What another client has must be told apart.
  await queue.client('other').enqueue('Video.Cut', { name: 'foreign' });
  return { file, nameOf: (taskId) => names.get(String(taskId)) ?? 'unknown' };
}

const STATUS = { again: 'failed', dead: 'dead_letter', done: 'completed', dropped: 'cancelled', held: 'leased', later: 'queued', next: 'queued' };
const ATTEMPTS = { again: 1, dead: 1, done: 1, dropped: 0, held: 1, later: 0, next: 0 };
const STATES = { cancelled: 1, completed: 1, dead_letter: 1, failed: 1, leased: 1, queued: 2 };

const pairs = (rows: readonly Row[], key: (row: Row) => unknown, value: string): Row =>
  Object.fromEntries(rows.map((row) => [String(key(row)), row[value]] as const).sort(([a], [b]) => (a < b ? -1 : 1)));

function asker(file: string): (sql: string) => Row[] {
  return (sql) => JSON.parse(execFileSync('sqlite3', ['-readonly', '-json', file, sql], { encoding: 'utf8' }) || '[]') as Row[];
}

test('another SQLite reads task_queue, task_logs and worker_inbox', { skip }, async (t) => {
  const { file, nameOf } = await fileOfEveryState(t);
  const ask = asker(file);
  const tasks = ask(`SELECT * FROM task_queue WHERE client_id = 'shop'`);
  const name = (row: Row): string => nameOf(row['id']);
  assert.deepEqual(pairs(tasks, name, 'status'), STATUS);
  assert.deepEqual(pairs(tasks, name, 'attempts'), ATTEMPTS);
  assert.deepEqual(pairs(tasks, name, 'error_message'), {
    again: 'try again',
    dead: 'never again',
    done: null,
    dropped: 'not needed',
    held: null,
    later: null,
    next: null,
  });
  assert.deepEqual(pairs(tasks, name, 'priority'), { again: 2, dead: 3, done: 1, dropped: 30, held: 4, later: 20, next: 10 });
  for (const row of tasks) assert.deepEqual(JSON.parse(String(row['payload'])), { name: name(row) });
  const done = tasks.find((row) => name(row) === 'done');
  assert.deepEqual(
    ['type', 'result', 'locked_by', 'reserved_at_utc', 'processing_started_utc', 'finished_at_utc'].map((column) => done?.[column]),
    ['Mail.Send', '{"sent":true}', 'w1', START, START + 500, START + 3000],
  );

  const logs = ask(`SELECT * FROM task_logs WHERE client_id = 'shop' ORDER BY log_id`);
  const last = new Map(logs.map((row) => [nameOf(row['task_id']), row['to_status']]));
  assert.deepEqual(Object.fromEntries([...last].sort(([a], [b]) => (a < b ? -1 : 1))), STATUS);
  const events = logs
    .filter((row) => nameOf(row['task_id']) === 'dead')
    .map((row) => [row['event'], row['level'], row['from_status'], row['to_status'], row['actor']]);
  assert.deepEqual(events, [
    ['enqueue', 'INFO', null, 'queued', 'client:shop'],
    ['claim', 'DEBUG', 'queued', 'leased', 'worker:w1'],
    ['fail', 'WARNING', 'leased', 'failed', 'worker:w1'],
    ['bury', 'ERROR', 'failed', 'dead_letter', 'system'],
  ]);

  assert.deepEqual(
    ask('SELECT * FROM worker_inbox').map((row) => [row['worker_id'], name(row), row['client_id'], row['type'], row['priority'], row['attempts']]),
    [['w1', 'next', 'shop', 'Mail.Send', 10, 0]],
  );
  assert.deepEqual(ask('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  assert.deepEqual(ask('PRAGMA foreign_key_check'), []);
});

test('another SQLite reads the five summaries', { skip }, async (t) => {
  const { file, nameOf } = await fileOfEveryState(t);
  const ask = asker(file);
  const status = (row: Row): unknown => row['status'];
  const byStatus = ask(`SELECT * FROM v_queue_status_summary WHERE client_id = 'shop'`);
  assert.deepEqual(pairs(byStatus, status, 'task_count'), STATES);
  assert.deepEqual(pairs(byStatus, status, 'oldest_task'), {
    cancelled: START + 3000,
    completed: START,
    dead_letter: START,
    failed: START,
    leased: START,
    queued: START + 3000,
  });
  const byType = ask('SELECT * FROM v_queue_type_summary');
  assert.deepEqual(
    pairs(byType, (row) => `${String(row['client_id'])} ${String(row['type'])} ${String(row['status'])}`, 'task_count'),
    {
      'other Video.Cut queued': 1,
      ...Object.fromEntries(Object.entries(STATES).map(([state, count]) => [`shop Mail.Send ${state}`, count])),
    },
  );
  assert.equal(byType.find((row) => row['client_id'] === 'shop' && row['status'] === 'queued')?.['avg_priority'], 15);
  const [worker, ...others] = ask('SELECT * FROM v_worker_status');
  assert.deepEqual([worker?.['worker_id'], worker?.['status'], worker?.['active_tasks'], others], ['w1', 'ready', 1, []]);
  assert.equal(typeof worker?.['seconds_since_heartbeat'], 'number');
  const performance = ask('SELECT * FROM v_task_performance');
  assert.deepEqual(pairs(performance, status, 'task_count'), { cancelled: 1, completed: 1, dead_letter: 1 });
  assert.equal(performance.find((row) => row['status'] === 'completed')?.['avg_processing_seconds'], 2.5);
  const failures = ask('SELECT * FROM v_recent_failures');
  assert.deepEqual(
    pairs(failures, (row) => nameOf(row['id']), 'status'),
    { again: 'failed', dead: 'dead_letter' },
  );
  assert.deepEqual(
    pairs(failures, (row) => nameOf(row['id']), 'error_message'),
    { again: 'try again', dead: 'never again' },
  );
});
