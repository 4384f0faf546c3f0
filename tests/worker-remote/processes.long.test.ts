// Real processes over real sockets: a server that is killed with -9 under load, and a worker that is stopped past its lease.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/connect.ts';
import { openQueue } from '../../src/index.ts';
import { start as startCommand } from '../cli/rig.ts';
import type { Started } from '../cli/rig.ts';
import { serve } from '../client/served.ts';

const SERVER = fileURLToPath(new URL('./server-process.ts', import.meta.url));
const HANDLERS = `export const handlers = {
  'Work.Quick': async (input) => ({ seen: input.n }),
  'Work.Held': async () => { console.error('STARTED'); await new Promise((resolve) => setTimeout(resolve, 500)); return 'late'; },
};
`;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'prismq-remote-'));
  writeFileSync(join(path, 'handlers.mjs'), HANDLERS);
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Run {
  readonly child: ChildProcess;
  readonly port: number;
}
async function runServer(file: string, port: number): Promise<Run> {
  const child = spawn(process.execPath, ['--conditions=prismq-source', SERVER, file, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(String(said)) };
}
async function kill({ child }: Run): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function worker(t: TestContext, base: string, url: string, key: string, leaseMs: number): Started {
  const env = { PRISMQ_KEY: key, PRISMQ_WORKER_LEASE_MS: String(leaseMs) };
  const started = startCommand(['worker', '--url', url, '--handlers', 'handlers.mjs', '--json'], { base, env });
  t.after(() => started.child.kill('SIGKILL'));
  return started;
}
async function summaryOf({ child, ended }: Started): Promise<Readonly<Record<string, number>>> {
  child.kill('SIGTERM');
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  return JSON.parse(out) as Readonly<Record<string, number>>;
}

test('a server killed with -9 twice under load loses nothing that it accepted, and accepts nothing twice', async (t) => {
  const TASKS = 600;
  const base = folder(t);
  const file = join(base, 'queue.db');
  await using queue = await openQueue(file, { janitorMs: 0 });
  const { clients, keys } = queue.admin();
  await clients.create('acme');
  const { key } = await keys.create({ role: 'client', clientId: 'acme' });
  let server = await runServer(file, 0);
  t.after(() => server.child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${server.port}`;
  const workers = [];
  for (const name of ['w-1', 'w-2']) {
    const made = await keys.create({ role: 'worker', name, grants: [{ clientId: 'acme', pattern: 'Work.*' }] });
    workers.push(worker(t, base, url, made.key, 3_000));
  }
  await Promise.all(workers.map((started) => started.hasSaid('is ready')));
  const acme = connect({ url, key, retries: 100, timeoutMs: 5_000 }).client();
  const accepted = new Set<string>();
  const kills = [TASKS / 3, (TASKS * 2) / 3];
  let sent = 0;
  const send = async (): Promise<void> => {
    while (sent < TASKS) {
      const n = sent++;
      accepted.add((await acme.enqueue('Work.Quick', { n })).taskId);
      if (accepted.size < (kills[0] ?? TASKS + 1)) continue;
      kills.shift();
      await kill(server);
      server = await runServer(file, server.port);
    }
  };
  await Promise.all(Array.from({ length: 8 }, send));
  assert.equal(accepted.size, TASKS);
  assert.deepEqual(kills, []);
  await Promise.all([...accepted].map((taskId) => acme.wait(taskId, { timeoutMs: 120_000 })));
  const summaries = await Promise.all(workers.map(summaryOf));
  const { enqueued, completed, lost, unexplainedDuplicates, incompleteLogs } = await queue.auditSummary();
  assert.deepEqual(
    { enqueued, completed, lost, unexplainedDuplicates, incompleteLogs },
    { enqueued: TASKS, completed: TASKS, lost: 0, unexplainedDuplicates: 0, incompleteLogs: 0 },
  );
  const seen = new Set<number>();
  for (const taskId of accepted) {
    const task = await queue.client('acme').get(taskId);
    seen.add((task.result as { seen: number }).seen);
    const ends = (await queue.client('acme').logs(taskId)).items.filter((entry) => entry.event === 'complete');
    assert.equal(ends.length, 1, taskId);
  }
  assert.equal(seen.size, TASKS);
  const counted = (name: string): number => summaries.reduce((sum, summary) => sum + (summary[name] ?? 0), 0);
  assert.ok(counted('completed') <= TASKS && counted('completed') + counted('lost') >= TASKS, JSON.stringify(summaries));
});

test('a worker that is stopped past its lease and goes on is refused, and what it held runs elsewhere', async (t) => {
  const base = folder(t);
  await using served = await serve({ janitorMs: 100 });
  const key = await served.key({ role: 'worker', name: 'sleeper', grants: [{ clientId: 'acme', pattern: 'Work.*' }] });
  const sleeper = worker(t, base, served.url, key, 1_000);
  await sleeper.hasSaid('is ready');
  const task = await served.queue.client('acme').enqueue('Work.Held');
  await sleeper.hasSaid('STARTED');
  sleeper.child.kill('SIGSTOP');
  const rescuer = served.queue.worker('rescuer');
  const [again] = await rescuer.claim({ waitMs: 30_000 });
  assert.deepEqual([again?.taskId, again?.attempt], [task.taskId, 2]);
  await rescuer.complete(again as NonNullable<typeof again>, 'rescued');
  sleeper.child.kill('SIGCONT');
  await sleeper.hasSaid(`Task ${task.taskId}:`);
  const summary = await summaryOf(sleeper);
  assert.deepEqual([summary['lost'], summary['completed']], [1, 0]);
  const acme = served.queue.client('acme');
  assert.equal((await acme.get(task.taskId)).result, 'rescued');
  assert.deepEqual(
    (await acme.logs(task.taskId)).items.map((entry) => entry.event),
    ['enqueue', 'claim', 'expire', 'retry', 'claim', 'complete'],
  );
});

test('a worker process whose server is killed for good still stops when it is told to', async (t) => {
  const base = folder(t);
  const file = join(base, 'queue.db');
  await using queue = await openQueue(file, { janitorMs: 0 });
  await queue.admin().clients.create('acme');
  const { key } = await queue.admin().keys.create({ role: 'worker', name: 'w-1', grants: [{ clientId: 'acme', pattern: 'Work.*' }] });
  const server = await runServer(file, 0);
  const started = worker(t, base, `http://127.0.0.1:${server.port}`, key, 30_000);
  await started.hasSaid('is ready');
  await kill(server);
  await started.hasSaid('warning: ');
  assert.equal((await summaryOf(started))['claimed'], 0);
});
