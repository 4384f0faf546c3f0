// A replay: the jobs of a workload are enqueued as they came, a crew works them, and it ends when nothing is left.
import { QueueError } from '../../domain/errors.ts';
import { STATES, ENDED } from '../../domain/lifecycle.ts';
import type { Task } from '../../domain/task.ts';
import type { EnqueueItem, ListFilter, Page, Queue } from '../../service/handles.ts';
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
 * Waits until nothing that the crew can work is left in the store, or the signal fires. Answers how many ended, and when. The counts
 * of the crew only say when to ask: a killed process did not tell its last ones, and tasks of an earlier replay may be among them.
 */
export async function untilDone(
  queue: Queue,
  crew: Crew,
  regions: readonly string[],
  enqueued: number,
  signal: AbortSignal,
  look: (ended: number) => void,
): Promise<Done> {
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
      if (!(await isAnyLeft(queue, regions))) return { ended: Math.max(ended, enqueued), at };
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

/** Whether a task has not ended. */
export async function hasUnfinished(queue: Queue): Promise<boolean> {
  for await (const _ of unfinished(queue, {})) return true;
  return false;
}

/** The regions that jobs of an earlier replay ask for, which are to be worked too. */
export async function regionsLeft(queue: Queue): Promise<Set<string>> {
  const regions = new Set<string>();
  for await (const { compatibility } of unfinished(queue, GRID)) if (typeof compatibility['region'] === 'string') regions.add(compatibility['region']);
  return regions;
}

/** Whether there is a job that a crew of these regions will run: not one of a suspended client, nor one that asks for what the crew has not. */
async function isAnyLeft(queue: Queue, regions: readonly string[]): Promise<boolean> {
  const suspended = new Set((await queue.admin().clients.list()).filter(({ status }) => status === 'suspended').map(({ clientId }) => clientId));
  const isWorked = ([key, value]: readonly [string, unknown]): boolean =>
    key === 'region' && [value].flat().some((region) => regions.includes(region as string));
  for await (const { status, clientId, compatibility } of unfinished(queue, GRID))
    if (status === 'leased' || (!suspended.has(clientId) && Object.entries(compatibility).every(isWorked))) return true;
  return false;
}

const GRID = { type: 'Grid.*' } as const;

async function* unfinished(queue: Queue, filter: ListFilter): AsyncGenerator<Task> {
  const admin = queue.admin();
  for (const status of STATES) {
    if (ENDED.includes(status)) continue;
    for (let cursor: string | null | undefined; cursor !== null; ) {
      // Most often the first one answers the question.
      const page: Page<Task> = await admin.list({ ...filter, status, limit: cursor === undefined ? 1 : 1000, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.items;
      cursor = page.nextCursor;
    }
  }
}
