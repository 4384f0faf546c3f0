// Real processes on one file: four workers never start a task twice, and one that is killed with -9 loses nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openQueue } from '../../src/index.ts';

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const HANDLERS = `export const handlers = {
  'Work.Quick': (input) => ({ seen: input.i }),
  'Work.Stuck': () => { console.error('STUCK'); return new Promise(() => setInterval(() => {}, 1000)); },
};
`;

function folder(): { readonly db: string; readonly handlers: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'prismq-process-'));
  const handlers = join(path, 'handlers.mjs');
  writeFileSync(handlers, HANDLERS);
  return { db: join(path, 'queue.db'), handlers, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function worker(place: { readonly db: string; readonly handlers: string }, env: Record<string, string> = {}, drain = true): ChildProcess {
  const args = ['--conditions=prismq-source', CLI, 'worker', '--db', place.db, '--handlers', place.handlers, ...(drain ? ['--drain'] : [])];
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
}

/** Resolves when the process has written this to its standard error. */
async function said(child: ChildProcess, text: string): Promise<void> {
  let heard = '';
  while (!heard.includes(text)) heard += String(((await once(child.stderr as NonNullable<ChildProcess['stderr']>, 'data')) as [Buffer])[0]);
}

test('four processes on one file start every task once', async (t) => {
  const place = folder();
  t.after(place.remove);
  await using queue = await openQueue(place.db);
  for (const client of ['acme', 'beta', 'gamma'])
    await queue.client(client).enqueueMany(Array.from({ length: 500 }, (_, i) => ({ type: 'Work.Quick', payload: { i } })));
  const workers = Array.from({ length: 4 }, () => worker(place));
  const codes = await Promise.all(workers.map(async (child) => (await once(child, 'exit'))[0] as number));
  assert.deepEqual(codes, [0, 0, 0, 0]);
  const { enqueued, completed, lost, duplicateStarts, incompleteLogs } = await queue.auditSummary();
  assert.deepEqual(
    { enqueued, completed, lost, duplicateStarts, incompleteLogs },
    { enqueued: 1500, completed: 1500, lost: 0, duplicateStarts: 0, incompleteLogs: 0 },
  );
});

test('a worker killed with -9 in the middle of a task loses nothing', async (t) => {
  const place = folder();
  t.after(place.remove);
  await using queue = await openQueue(place.db, { janitorMs: 100 });
  const acme = queue.client('acme');
  const stuck = await acme.enqueue('Work.Stuck', {});
  const child = worker(place, { PRISMQ_WORKER_LEASE_MS: '1000' }, false);
  t.after(() => child.kill('SIGKILL'));
  await said(child, 'STUCK');
  assert.equal((await acme.get(stuck.taskId)).status, 'leased');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const rescuer = queue.worker('rescuer');
  const [again] = await rescuer.claim({ waitMs: 20_000 });
  assert.equal(again?.taskId, stuck.taskId);
  assert.equal(again?.attempt, 2);
  await rescuer.complete(again as NonNullable<typeof again>, { rescued: true });
  const events = (await acme.logs(stuck.taskId)).items.map((entry) => entry.event);
  assert.deepEqual(events, ['enqueue', 'claim', 'expire', 'retry', 'claim', 'complete']);
  assert.equal((await queue.auditSummary()).unexplainedDuplicates, 0);
});

test('a new database file is for its owner alone', async (t) => {
  const place = folder();
  t.after(place.remove);
  await using queue = await openQueue(place.db);
  await queue.client().enqueue('Work.Quick');
  assert.equal(statSync(place.db).mode & 0o777, 0o600);
});
