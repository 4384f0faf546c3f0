// What the benchmarks share: a queue on a file of its own, and tasks in it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openQueue } from '../src/index.ts';
import type { Queue } from '../src/index.ts';

export interface BenchOptions {
  /** So small that it only shows that it runs. */
  readonly quick: boolean;
  readonly long: boolean;
}
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

export const PAD = 'x'.repeat(96);
export const CLIENTS = 28;
const BULK = 1000;

/** The folder for the files: BENCH_DATA, or one of the system's. */
export async function onFile<T>(action: (queue: Queue, file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(process.env['BENCH_DATA'] ?? tmpdir(), 'prismq-bench-'));
  try {
    const file = join(folder, 'queue.db');
    await using queue = await openQueue(file);
    return await action(queue, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const client = (queue: Queue, i: number): ReturnType<Queue['client']> => queue.client(`t${i % CLIENTS}`);

/** Enqueues so many, of all clients in turn; tasks per second. */
export async function fill(queue: Queue, tasks: number, options: { readonly delayMs?: number } = {}): Promise<number> {
  const start = performance.now();
  for (let from = 0; from < tasks; from += BULK) {
    const batch = Array.from({ length: Math.min(BULK, tasks - from) }, (_, i) => ({ type: 't0', payload: { i: from + i, pad: PAD }, ...options }));
    await Promise.all(Array.from({ length: CLIENTS }, (_, c) => client(queue, c).enqueueMany(batch.filter((_, i) => i % CLIENTS === c))));
  }
  return tasks / ((performance.now() - start) / 1000);
}

/** The value below which the share `q` of them is. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
