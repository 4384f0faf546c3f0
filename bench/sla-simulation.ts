// A workload played through a real queue by a clock of its own: jobs come when they came, run as long as they ran, and so many run at
// once. What is measured is the order that a strategy gives them, and what the forecast said of each against what came to pass.
import { openQueue } from '../src/index.ts';
import type { Miss, Queue } from '../src/index.ts';
import type { WorkerHandle } from '../src/service/handles.ts';

export interface SimulatedJob {
  /** ms, from the first one. */
  readonly atMs: number;
  readonly runMs: number;
  readonly priority: number;
  readonly dueMs: number;
}

export interface Simulated {
  readonly job: SimulatedJob;
  readonly startMs: number;
  readonly endMs: number;
  /** Of one in `every`, when it was enqueued: ms from then, and whether it would miss its due time. */
  readonly foretold: { readonly low: number; readonly likely: number; readonly high: number; readonly willMiss: Miss | null } | null;
}

export interface Simulation {
  readonly jobs: readonly SimulatedJob[];
  readonly strategy: string;
  /** How many run at once. */
  readonly slots: number;
  /** One job in so many is foretold; 0: none. */
  readonly every: number;
}

const CLIENT = 'grid';
const START = 1_800_000_000_000;
const LEASE_MS = 3_600_000;
const CLAIM = 500;

interface Stand {
  readonly queue: Queue;
  readonly worker: WorkerHandle;
  readonly clock: { now: number };
}

export async function simulate({ jobs, strategy, slots, every }: Simulation): Promise<readonly Simulated[]> {
  const clock = { now: START };
  await using queue = await openQueue(':memory:', { now: () => clock.now, random: () => 0.5, janitorMs: 0, lanesPerClient: 10 });
  const worker = queue.worker('slots');
  await worker.register({ strategy });
  return await run({ queue, worker, clock }, jobs, slots, every);
}

async function run({ queue, worker, clock }: Stand, jobs: readonly SimulatedJob[], slots: number, every: number): Promise<readonly Simulated[]> {
  const client = queue.client(CLIENT);
  const ends = new Heap<{ readonly at: number; readonly end: () => Promise<void> }>();
  const done: Simulated[] = [];
  const waiting = new Map<string, { readonly job: SimulatedJob; readonly foretold: Simulated['foretold'] }>();
  let next = 0;
  let free = slots;
  const arrive = async (): Promise<void> => {
    // A forecast is of what can run: the slots give their sign of life.
    if (every > 0) await worker.beat('busy');
    const from = next;
    while (next < jobs.length && START + (jobs[next] as SimulatedJob).atMs <= clock.now) next++;
    const batch = jobs.slice(from, next);
    const made = await client.enqueueMany(batch.map((job) => ({ type: 'Grid.Job', priority: job.priority, dueAtUtc: START + job.dueMs })));
    for (const [i, answer] of made.entries()) {
      if (!answer.ok) throw new Error(answer.message);
      const foretold = every > 0 && (from + i) % every === 0 ? await foretell(client.forecast(answer.taskId), clock.now) : null;
      waiting.set(answer.taskId, { job: batch[i] as SimulatedJob, foretold });
    }
  };
  const start = async (): Promise<void> => {
    while (free > 0) {
      const claimed = await worker.claim({ max: Math.min(free, CLAIM), leaseMs: LEASE_MS });
      if (claimed.length === 0) return;
      free -= claimed.length;
      for (const task of claimed) {
        const { job, foretold } = waiting.get(task.taskId) as { job: SimulatedJob; foretold: Simulated['foretold'] };
        waiting.delete(task.taskId);
        const startMs = clock.now - START;
        const endMs = startMs + job.runMs;
        done.push({ job, startMs, endMs, foretold });
        ends.push({ at: START + endMs, end: () => worker.complete(task) });
      }
    }
  };
  while (next < jobs.length || ends.size > 0) {
    const arrival = next < jobs.length ? START + (jobs[next] as SimulatedJob).atMs : Number.POSITIVE_INFINITY;
    clock.now = Math.max(clock.now, Math.min(arrival, ends.head?.at ?? Number.POSITIVE_INFINITY));
    const over: Promise<void>[] = [];
    while (ends.head !== undefined && ends.head.at <= clock.now) over.push((ends.pop() as { end: () => Promise<void> }).end());
    await Promise.all(over);
    free += over.length;
    if (arrival <= clock.now) await arrive();
    await start();
  }
  return done;
}

async function foretell(asking: ReturnType<ReturnType<Queue['client']>['forecast']>, now: number): Promise<Simulated['foretold']> {
  const { startsAtUtc: span, willMiss } = await asking;
  return span === null ? null : { low: span.low - now, likely: span.likely - now, high: span.high - now, willMiss };
}

/** The earliest first. */
class Heap<T extends { readonly at: number }> {
  readonly #items: T[] = [];
  get size(): number {
    return this.#items.length;
  }
  get head(): T | undefined {
    return this.#items[0];
  }
  push(item: T): void {
    const items = this.#items;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((items[parent] as T).at <= item.at) break;
      items[i] = items[parent] as T;
      i = parent;
    }
    items[i] = item;
  }
  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as T).at < (items[child] as T).at) child++;
      if ((items[child] as T).at >= last.at) break;
      items[i] = items[child] as T;
      i = child;
    }
    items[i] = last;
    return first;
  }
}
