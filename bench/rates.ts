// The rates of this machine, with isolation, audit and full durability on.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startWorker } from '../src/index.ts';
import type { Queue } from '../src/index.ts';
import { CLIENTS, PAD, client, fill, onFile } from './on-file.ts';
import type { BenchOptions, Row } from './on-file.ts';

const DRAINED = 60_000;
const SECONDS = 2;

async function enqueueFor(queue: Queue, callers: number, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < end) await client(queue, caller + count++).enqueue('t0', { i: count, pad: PAD });
    }),
  );
  return count / seconds;
}

async function drain(queue: Queue): Promise<number> {
  const start = performance.now();
  const worker = startWorker(queue, { t0: () => undefined }, { concurrency: 10, prefetch: 500, drain: true });
  const { completed } = await worker.done;
  return completed / ((performance.now() - start) / 1000);
}

const WIDE = { clients: 28, types: 170, tasks: 100_000, claims: 1000 };

/** Median of a claim of one among many lanes, commit included, ms. */
async function claimOne(queue: Queue, wide: typeof WIDE): Promise<number> {
  const types = Array.from({ length: wide.types }, (_, i) => `Grid.Site${i}`);
  const each = Math.ceil(wide.tasks / wide.clients);
  for (let c = 0; c < wide.clients; c++)
    for (let from = 0; from < each; from += 1000)
      await client(queue, c).enqueueMany(
        Array.from({ length: Math.min(1000, each - from) }, (_, i) => ({ type: types[(from + i) % wide.types] as string, payload: {} })),
      );
  const worker = queue.worker('bench');
  await worker.register();
  const times: number[] = [];
  for (let i = 0; i < wide.claims; i++) {
    const start = performance.now();
    await worker.claim({ max: 1 });
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[wide.claims / 2] as number;
}

const ROUNDS = { tasks: 40_000, batch: 100, loops: 4 };
type Batch = readonly { readonly taskId: string; readonly leaseId: string; readonly clientId?: string }[];

/** Loops that claim and complete in batches until all are done; tasks per second. */
async function claimAndComplete(rounds: typeof ROUNDS, claim: () => Promise<Batch>, complete: (tasks: Batch) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let left = rounds.tasks;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left -= rounds.batch;
      const tasks = await claim();
      if (tasks.length !== rounds.batch) throw new Error(`a claim gave ${tasks.length} of ${rounds.batch}`);
      await complete(tasks);
    }
  };
  await Promise.all(Array.from({ length: rounds.loops }, loop));
  return rounds.tasks / ((performance.now() - start) / 1000);
}

async function inProcess(queue: Queue, rounds: typeof ROUNDS): Promise<number> {
  await fill(queue, rounds.tasks);
  const worker = queue.worker('bench');
  return claimAndComplete(
    rounds,
    () => worker.claim({ max: rounds.batch }),
    (tasks) => worker.settle(tasks.map(({ clientId = '', taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' }))),
  );
}

/** The same over HTTP, in the wire's own form: the server is a process of its own. */
async function overHttp(queue: Queue, file: string, rounds: typeof ROUNDS): Promise<number> {
  const { key } = await queue.admin().keys.create({ role: 'worker', name: 'http', grants: [{ clientId: '*', pattern: '*' }] });
  await fill(queue, rounds.tasks);
  const server = fork(new URL('./http-server.mjs', import.meta.url), ['0', file], { execArgv: ['--conditions=prismq-source'] });
  const [{ url }] = (await once(server, 'message')) as [{ url: string }];
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as T;
  };
  const rate = await claimAndComplete(
    rounds,
    async () => {
      const { tasks } = await post<{ tasks: { task_id: string; lease_id: string }[] }>('/queue/claim', { max: rounds.batch });
      return tasks.map(({ task_id: taskId, lease_id: leaseId }) => ({ taskId, leaseId }));
    },
    (tasks) => post('/queue/settle', { items: tasks.map(({ taskId, leaseId }) => ({ op: 'complete', task_id: taskId, lease_id: leaseId })) }),
  );
  server.send('stop');
  await once(server, 'exit');
  return rate;
}

/** Tasks per second of each, and the time of a claim. */
export async function rates({ quick }: BenchOptions): Promise<readonly Row[]> {
  const drained = quick ? 2000 : DRAINED;
  const seconds = quick ? 0.2 : SECONDS;
  const rows: Row[] = [
    { what: 'enqueue, one awaiting caller', value: await onFile((queue) => enqueueFor(queue, 1, seconds)), unit: '/s' },
    { what: 'enqueue, 32 concurrent callers', value: await onFile((queue) => enqueueFor(queue, 32, seconds)), unit: '/s' },
  ];
  await onFile(async (queue) => {
    rows.push({ what: `bulk enqueue of ${drained}, ${CLIENTS} clients`, value: await fill(queue, drained), unit: '/s' });
    rows.push({ what: `drain of ${drained}, one worker`, value: await drain(queue), unit: '/s' });
  });
  const rounds = { ...ROUNDS, tasks: quick ? 2000 : ROUNDS.tasks };
  const what = `claim + complete, batches of ${rounds.batch}, ${rounds.loops} loops`;
  rows.push({ what: `${what}, in process`, value: await onFile((queue) => inProcess(queue, rounds)), unit: '/s' });
  rows.push({ what: `${what}, over HTTP`, value: await onFile((queue, file) => overHttp(queue, file, rounds)), unit: '/s' });
  const wide = quick ? { ...WIDE, types: 10, tasks: 2000, claims: 50 } : WIDE;
  rows.push({
    what: `claim of one, ${wide.clients} clients x ${wide.types} types, ${wide.tasks} queued, commit included, median`,
    value: await onFile((queue) => claimOne(queue, wide)),
    unit: 'ms',
  });
  return rows;
}
