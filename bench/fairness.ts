// `npm run bench -- fairness`: what a flood of one client does to a quiet one, how evenly clients with a backlog are served, and what
// fair share costs a client that is alone.
import { startWorker } from '../src/index.ts';
import type { Queue } from '../src/index.ts';
import { onFile, quantile } from './on-file.ts';
import type { BenchOptions, Row } from './on-file.ts';

export async function fairness({ quick }: BenchOptions): Promise<readonly Row[]> {
  const flood = quick ? 2000 : 100_000;
  const beats = quick ? 3 : 20;
  const alone = await onFile((queue) => waitsOfQuiet(queue, 0, beats));
  const beside = await onFile((queue) => waitsOfQuiet(queue, flood, beats));
  const shares = await onFile((queue) => jain(queue, quick ? 100 : 1000));
  const lone = quick ? 2000 : 40_000;
  const weighted = await onFile((queue) => drainOfOne(queue, lone, 'weighted'));
  const none = await onFile((queue) => drainOfOne(queue, lone, 'none'));
  return [
    { what: `p95 wait of a quiet client, alone, ${beats} tasks`, value: quantile(alone, 0.95), unit: 'ms' },
    { what: `p95 wait of a quiet client beside a flood of ${flood}`, value: quantile(beside, 0.95), unit: 'ms' },
    { what: 'the one by the other', value: quantile(beside, 0.95) / quantile(alone, 0.95), unit: 'x' },
    { what: `Jain's index of service, ${SERVED} clients with a backlog, windows of ${WINDOW}: least`, value: Math.min(...shares), unit: '' },
    { what: `Jain's index of service, the same: median`, value: quantile(shares, 0.5), unit: '' },
    { what: 'rate of a client alone, by fair share against none', value: weighted / none, unit: 'x' },
  ];
}

const WORK_MS = 5;
const SLOTS = 8;
/** A wait of a beat between the quiet client's tasks. */
const BEAT_MS = 1000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** From enqueue to the start of the handler, each, ms. The flood is there before and refilled by nobody: it outlasts the beats. */
async function waitsOfQuiet(queue: Queue, flood: number, beats: number): Promise<readonly number[]> {
  const loud = queue.client('loud');
  for (let from = 0; from < flood; from += 1000) await loud.enqueueMany(Array.from({ length: 1000 }, () => ({ type: 'T', payload: null })));
  const waits: number[] = [];
  const worker = startWorker(
    queue,
    {
      T: () => pause(WORK_MS),
      Q: (sent) => void waits.push(performance.now() - (sent as number)),
    },
    { concurrency: SLOTS, prefetch: 0 },
  );
  for (let i = 0; i < beats; i += 1) {
    await pause(BEAT_MS);
    await queue.client('quiet').enqueue('Q', performance.now());
  }
  while (waits.length < beats) await pause(1);
  await worker.stop({ graceMs: 0 });
  return waits;
}

const SERVED = 28;
const WINDOW = 280;

/** Of each window of claims while every client has a backlog, by batches of sizes that a worker asks for. */
async function jain(queue: Queue, each: number): Promise<readonly number[]> {
  for (let c = 0; c < SERVED; c += 1) await queue.client(`t${c}`).enqueueMany(Array.from({ length: each * (1 + (c % 4)) }, () => ({ type: 'T', payload: c })));
  const worker = queue.worker('slots');
  const indices: number[] = [];
  // The smallest has `each`: while fewer than that were taken of each, all have more.
  for (let window = 0; window < Math.floor((each * SERVED * 0.9) / WINDOW); window += 1) {
    const service = new Map<string, number>();
    for (let taken = 0; taken < WINDOW; ) {
      const tasks = await worker.claim({ max: Math.min([1, 3, 10, 16][window % 4] as number, WINDOW - taken) });
      for (const { clientId } of tasks) service.set(clientId, (service.get(clientId) ?? 0) + 1);
      taken += tasks.length;
    }
    const sum = [...service.values()].reduce((a, b) => a + b, 0);
    indices.push(sum ** 2 / (SERVED * [...service.values()].reduce((a, b) => a + b ** 2, 0)));
  }
  return indices;
}

async function drainOfOne(queue: Queue, tasks: number, fair: 'weighted' | 'none'): Promise<number> {
  for (let from = 0; from < tasks; from += 1000) await queue.client('lone').enqueueMany(Array.from({ length: 1000 }, (_, i) => ({ type: 'T', payload: i })));
  const start = performance.now();
  const { completed } = await startWorker(queue, { T: () => undefined }, { concurrency: 10, prefetch: 500, fairness: fair, drain: true }).done;
  return completed / ((performance.now() - start) / 1000);
}
