// `npm run bench -- growth`: rate, latency and bytes a task as the file grows: the same work with 10³ to 10⁶ tasks queued (10⁷ with
// --long), and the slope.
import { statSync } from 'node:fs';
import type { Queue } from '../src/index.ts';
import { client, fill, onFile, quantile } from './on-file.ts';
import type { BenchOptions, Row } from './on-file.ts';

const MOVED = 4000;
const BATCH = 500;
const SINGLE = 300;

interface Point {
  readonly tasks: number;
  readonly rate: number;
  readonly claimMs: number;
  readonly enqueueMs: number;
  readonly bytes: number;
}

export async function growth({ quick, long }: BenchOptions): Promise<readonly Row[]> {
  const sizes = quick ? [1000, 4000] : [1e3, 1e4, 1e5, 1e6, ...(long ? [1e7] : [])];
  const points: Point[] = await onFile(async (queue, file) => {
    const found: Point[] = [];
    let queued = 0;
    for (const tasks of sizes) {
      await fill(queue, tasks - queued);
      queued = tasks - (await movedBy(queue, file, tasks, found));
    }
    return found;
  });
  return [
    ...points.flatMap(({ tasks, rate, claimMs, enqueueMs, bytes }) => [
      { what: `claim + complete with ${tasks} queued, batches of ${BATCH}`, value: rate, unit: '/s' },
      { what: `claim of one with ${tasks} queued, median`, value: claimMs, unit: 'ms' },
      { what: `enqueue of one with ${tasks} queued, median`, value: enqueueMs, unit: 'ms' },
      { what: `file, a task, with ${tasks} queued`, value: bytes, unit: 'bytes' },
    ]),
    { what: 'slope of the rate (0: flat, -1: halves when the queue doubles)', value: slope(points), unit: '' },
  ];
}

/** Measures at one size; how many tasks it took away. */
async function movedBy(queue: Queue, file: string, tasks: number, found: Point[]): Promise<number> {
  const worker = queue.worker('bench');
  await worker.register();
  const most = Math.min(MOVED, tasks / 2);
  const start = performance.now();
  let moved = 0;
  while (moved < most) {
    const claimed = await worker.claim({ max: Math.min(BATCH, most - moved) });
    await worker.settle(claimed.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId })));
    moved += claimed.length;
  }
  const rate = moved / ((performance.now() - start) / 1000);
  const single = Math.min(SINGLE, tasks / 4);
  const claimMs = await each(single, () => worker.claim({ max: 1 }));
  const enqueueMs = await each(single, (i) => client(queue, i).enqueue('t0', { i }));
  const bytes = [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0) / tasks;
  found.push({ tasks, rate, claimMs, enqueueMs, bytes });
  return moved;
}

async function each(times: number, action: (i: number) => Promise<unknown>): Promise<number> {
  const spent: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const start = performance.now();
    await action(i);
    spent.push(performance.now() - start);
  }
  return quantile(spent, 0.5);
}

/** Least squares of log(rate) over log(tasks). */
function slope(points: readonly Point[]): number {
  const xs = points.map(({ tasks }) => Math.log(tasks));
  const ys = points.map(({ rate }) => Math.log(rate));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  return xs.reduce((sum, x, i) => sum + (x - mx) * ((ys[i] as number) - my), 0) / xs.reduce((sum, x) => sum + (x - mx) ** 2, 0);
}
