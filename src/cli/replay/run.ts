// A replay: the jobs of a workload are enqueued as they came, a crew works them, and it ends when nothing is left.
import { QueueError } from '../../domain/errors.ts';
import { STATES, ENDED } from '../../domain/lifecycle.ts';
import type { EnqueueItem, Queue } from '../../service/handles.ts';
import { pause } from '../signals.ts';
import type { Crew } from './crew.ts';
import { arrivalMs, clientOf } from './mapping.ts';
import { readJobs } from './swf.ts';
import type { SwfJob } from './swf.ts';

const BATCH = 1000;
const LOOK_MS = 20;
/** When nothing ended for so long, the store is asked as well. */
const STILL_MS = 3000;

export interface FeedOptions {
  readonly file: string;
  readonly limit: number;
  readonly speed: number;
  readonly item: (job: SwfJob) => EnqueueItem;
  readonly signal: AbortSignal;
  /** How many are enqueued so far. */
  readonly fed: (enqueued: number) => void;
}

/** Enqueues the jobs in their order, none before it is due. Answers how many. */
export async function feed(queue: Queue, options: FeedOptions): Promise<number> {
  const { speed, signal } = options;
  const started = performance.now();
  let enqueued = 0;
  for await (const batch of batches(options)) {
    if (signal.aborted) return enqueued;
    const due = started + arrivalMs(batch.at(-1)?.submitS ?? 0, speed);
    if (due > performance.now()) await pause(due - performance.now(), signal);
    if (signal.aborted) return enqueued;
    await enqueueBatch(queue, batch, options.item);
    options.fed((enqueued += batch.length));
  }
  return enqueued;
}

/** Up to 1,000 jobs; with a speed, those that are due within a tenth of a second. */
async function* batches({ file, limit, speed }: FeedOptions): AsyncGenerator<readonly SwfJob[]> {
  let batch: SwfJob[] = [];
  let taken = 0;
  for await (const jobs of readJobs(file)) {
    for (const job of jobs) {
      if (taken >= limit) break;
      const first = batch[0];
      if (first !== undefined && (batch.length >= BATCH || arrivalMs(job.submitS, speed) - arrivalMs(first.submitS, speed) > 100)) {
        yield batch;
        batch = [];
      }
      batch.push(job);
      taken++;
    }
    if (taken >= limit) break;
  }
  if (batch.length > 0) yield batch;
}

async function enqueueBatch(queue: Queue, batch: readonly SwfJob[], item: FeedOptions['item']): Promise<void> {
  const groups = Map.groupBy(batch, clientOf);
  await Promise.all(
    [...groups].map(async ([clientId, jobs]) => {
      const answers = await queue.client(clientId).enqueueMany(jobs.map(item));
      const at = answers.findIndex((answer) => !answer.ok);
      const answer = answers[at];
      if (answer?.ok === false)
        throw new QueueError(answer.code, `the job of line ${jobs[at]?.line ?? 0} was refused: ${answer.message}`, { ...answer.details, line: jobs[at]?.line });
    }),
  );
}

/**
 * Waits until nothing of a replay is left in the store, or the signal fires. Answers how many ended, and when. The counts of the
 * crew only say when to ask: a killed process did not tell its last ones, and tasks of an earlier replay may be among them.
 */
export async function untilDone(queue: Queue, crew: Crew, enqueued: number, signal: AbortSignal, look: (ended: number) => void): Promise<Done> {
  let ended = -1;
  let at = performance.now();
  let asked = at;
  while (!signal.aborted) {
    if (crew.ended() !== ended) {
      ended = crew.ended();
      at = performance.now();
      look(ended);
    }
    if ((ended >= enqueued && asked <= at) || performance.now() - Math.max(at, asked) > STILL_MS) {
      if (!(await hasUnfinished(queue, 'Grid.*'))) return { ended: Math.max(ended, enqueued), at };
      asked = performance.now();
    }
    await Promise.race([pause(LOOK_MS, signal), crew.broken]);
  }
  return { ended: crew.ended(), at: performance.now() };
}

export interface Done {
  readonly ended: number;
  /** By the monotonic clock. */
  readonly at: number;
}

/** Whether a task has not ended, of these types or of all. */
export async function hasUnfinished(queue: Queue, type?: string): Promise<boolean> {
  for (const status of STATES) {
    if (ENDED.includes(status)) continue;
    const { items } = await queue.admin().list({ status, limit: 1, ...(type === undefined ? {} : { type }) });
    if (items.length > 0) return true;
  }
  return false;
}
