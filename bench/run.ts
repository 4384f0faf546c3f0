// `npm run bench`: a quick look at the rates of this machine, with isolation, audit and full durability on. Only ratios of one
// run mean anything; nothing here passes or fails.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openQueue, startWorker } from '../src/index.ts';
import type { Queue } from '../src/index.ts';

const PAD = 'x'.repeat(96);
const CLIENTS = 28;
const DRAINED = 60_000;
const BULK = 1000;
const SECONDS = 2;

const client = (queue: Queue, i: number): ReturnType<Queue['client']> => queue.client(`t${i % CLIENTS}`);

async function enqueueFor(queue: Queue, callers: number): Promise<number> {
  const end = performance.now() + SECONDS * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < end) await client(queue, caller + count++).enqueue('t0', { i: count, pad: PAD });
    }),
  );
  return count / SECONDS;
}

async function fill(queue: Queue, tasks: number): Promise<number> {
  const start = performance.now();
  for (let from = 0; from < tasks; from += BULK) {
    const batch = Array.from({ length: Math.min(BULK, tasks - from) }, (_, i) => ({ type: 't0', payload: { i: from + i, pad: PAD } }));
    await Promise.all(Array.from({ length: CLIENTS }, (_, c) => client(queue, c).enqueueMany(batch.filter((_, i) => i % CLIENTS === c))));
  }
  return tasks / ((performance.now() - start) / 1000);
}

async function drain(queue: Queue): Promise<number> {
  const start = performance.now();
  const worker = startWorker(queue, { t0: () => undefined }, { concurrency: 10, prefetch: 500, drain: true });
  const { completed } = await worker.done;
  return completed / ((performance.now() - start) / 1000);
}

const WIDE = { clients: 28, types: 170, tasks: 100_000, claims: 1000 };

/** Median of a claim of one among many lanes, commit included, ms. */
async function claimOne(queue: Queue): Promise<number> {
  const types = Array.from({ length: WIDE.types }, (_, i) => `Grid.Site${i}`);
  const each = Math.ceil(WIDE.tasks / WIDE.clients);
  for (let c = 0; c < WIDE.clients; c++)
    for (let from = 0; from < each; from += BULK)
      await client(queue, c).enqueueMany(
        Array.from({ length: Math.min(BULK, each - from) }, (_, i) => ({ type: types[(from + i) % WIDE.types] as string, payload: {} })),
      );
  const worker = queue.worker('bench');
  await worker.register();
  const times: number[] = [];
  for (let i = 0; i < WIDE.claims; i++) {
    const start = performance.now();
    await worker.claim({ max: 1 });
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[WIDE.claims / 2] as number;
}

const ROUNDS = { tasks: 40_000, batch: 100, loops: 4 };
type Batch = readonly { readonly taskId: string; readonly leaseId: string; readonly clientId?: string }[];

/** Loops that claim and complete in batches until all are done; tasks per second. */
async function claimAndComplete(claim: () => Promise<Batch>, complete: (tasks: Batch) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let left = ROUNDS.tasks;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left -= ROUNDS.batch;
      const tasks = await claim();
      if (tasks.length !== ROUNDS.batch) throw new Error(`a claim gave ${tasks.length} of ${ROUNDS.batch}`);
      await complete(tasks);
    }
  };
  await Promise.all(Array.from({ length: ROUNDS.loops }, loop));
  return ROUNDS.tasks / ((performance.now() - start) / 1000);
}

async function inProcess(queue: Queue): Promise<number> {
  await fill(queue, ROUNDS.tasks);
  const worker = queue.worker('bench');
  return claimAndComplete(
    () => worker.claim({ max: ROUNDS.batch }),
    (tasks) => worker.settle(tasks.map(({ clientId = '', taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' }))),
  );
}

/** The same over HTTP, in the wire's own form: the server is a process of its own. */
async function overHttp(queue: Queue, file: string): Promise<number> {
  const { key } = await queue.admin().keys.create({ role: 'worker', name: 'http', grants: [{ clientId: '*', pattern: '*' }] });
  await fill(queue, ROUNDS.tasks);
  const server = fork(new URL('./http-server.mjs', import.meta.url), ['0', file], { execArgv: ['--conditions=prismq-source'] });
  const [{ url }] = (await once(server, 'message')) as [{ url: string }];
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as T;
  };
  const rate = await claimAndComplete(
    async () => {
      const { tasks } = await post<{ tasks: { task_id: string; lease_id: string }[] }>('/queue/claim', { max: ROUNDS.batch });
      return tasks.map(({ task_id: taskId, lease_id: leaseId }) => ({ taskId, leaseId }));
    },
    (tasks) => post('/queue/settle', { items: tasks.map(({ taskId, leaseId }) => ({ op: 'complete', task_id: taskId, lease_id: leaseId })) }),
  );
  server.send('stop');
  await once(server, 'exit');
  return rate;
}

async function on<T>(action: (queue: Queue, file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-bench-'));
  try {
    const file = join(folder, 'queue.db');
    await using queue = await openQueue(file);
    return await action(queue, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rows: Record<string, number> = {
  'enqueue, one awaiting caller': await on((queue) => enqueueFor(queue, 1)),
  'enqueue, 32 concurrent callers': await on((queue) => enqueueFor(queue, 32)),
};
await on(async (queue) => {
  rows[`bulk enqueue of ${DRAINED}, ${CLIENTS} clients`] = await fill(queue, DRAINED);
  rows[`drain of ${DRAINED}, one worker`] = await drain(queue);
});
const what = `claim + complete, batches of ${ROUNDS.batch}, ${ROUNDS.loops} loops`;
rows[`${what}, in process`] = await on(inProcess);
rows[`${what}, over HTTP`] = await on(overHttp);
const claim = await on(claimOne);
console.log(`node ${process.version}, ${CLIENTS} clients, synchronous=FULL, tasks per second:`);
for (const [name, rate] of Object.entries(rows)) console.log(`${name.padEnd(56)} ${Math.round(rate).toLocaleString('en')}`);
console.log(
  `claim of one among ${WIDE.clients} clients x ${WIDE.types} types, ${WIDE.tasks.toLocaleString('en')} queued, commit included: median ${claim.toFixed(2)} ms`,
);
