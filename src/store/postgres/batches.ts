// Group commit: calls of one kind that come in one turn of the event loop, or while as many as may are under way, become one
// set-based statement. Each caller is answered after its commit; a bad item fails alone.
import { QueueError } from '../../domain/errors.ts';
import { EVERYTHING } from '../waiters.ts';
import type { Touched } from '../waiters.ts';
import { asQueueError, isUndone } from './errors.ts';

export interface Job<Item, Answer> {
  /** Jobs of one kind run together. Roles are never mixed in one kind. */
  readonly kind: string;
  readonly items: readonly Item[];
  /** One answer an item, in order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Batches are filled round-robin over these, so that a flood of one does not push others out. */
  readonly owner: string;
  /** What its commit touched; absent: it may be anything. */
  readonly touched?: (answers: readonly Answer[]) => Touched;
}

interface Waiting {
  readonly job: Job<unknown, unknown>;
  readonly resolve: (answers: readonly unknown[]) => void;
  readonly reject: (error: QueueError) => void;
}
interface Line {
  readonly owners: Map<string, Waiting[]>;
  underWay: number;
}

const ITEMS_A_BATCH = 1000;
const AT_ONCE = 2;

export class Batches {
  readonly #lines = new Map<string, Line>();
  readonly #committed: (touched: readonly Touched[]) => void;
  #scheduled = false;
  #closed = false;
  #busy = new Set<Promise<void>>();

  constructor(committed: (touched: readonly Touched[]) => void) {
    this.#committed = committed;
  }

  /** Something was stored that no batch here stored. */
  told(): void {
    this.#committed([EVERYTHING]);
  }

  submit<Item, Answer>(job: Job<Item, Answer>): Promise<readonly Answer[]> {
    if (this.#closed) return Promise.reject(new QueueError('closed', 'the queue is closed'));
    return new Promise((resolve, reject) => {
      const waiting = { job: job as unknown as Job<unknown, unknown>, resolve: resolve as (answers: readonly unknown[]) => void, reject };
      let line = this.#lines.get(job.kind);
      if (line === undefined) this.#lines.set(job.kind, (line = { owners: new Map(), underWay: 0 }));
      const mine = line.owners.get(job.owner);
      if (mine === undefined) line.owners.set(job.owner, [waiting]);
      else mine.push(waiting);
      this.#schedule();
    });
  }

  /** Refuses new jobs and waits for those that were taken. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#scheduled || this.#busy.size > 0) await (this.#busy.size > 0 ? Promise.all(this.#busy) : new Promise((done) => setImmediate(done)));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const [kind, line] of this.#lines) {
        while (line.owners.size > 0 && line.underWay < AT_ONCE) this.#start(line);
        if (line.owners.size === 0 && line.underWay === 0) this.#lines.delete(kind);
      }
    });
  }

  #start(line: Line): void {
    const batch = take(line);
    line.underWay++;
    const touched: Touched[] = [];
    const doing = runBatch(batch, touched).finally(() => {
      line.underWay--;
      this.#busy.delete(doing);
      if (touched.length > 0) this.#committed(touched);
      if (line.owners.size > 0) this.#schedule();
    });
    this.#busy.add(doing);
  }
}

function take(line: Line): Waiting[] {
  const batch: Waiting[] = [];
  let items = 0;
  while (line.owners.size > 0 && items < ITEMS_A_BATCH) {
    for (const [owner, jobs] of line.owners) {
      const next = jobs.shift();
      if (jobs.length === 0) line.owners.delete(owner);
      if (next === undefined) continue;
      batch.push(next);
      items += next.job.items.length;
      if (items >= ITEMS_A_BATCH) break;
    }
  }
  return batch;
}

/** When the database undid a batch of several, its jobs run one by one: the bad one fails alone. */
async function runBatch(batch: readonly Waiting[], touched: Touched[]): Promise<void> {
  const first = (batch[0] as Waiting).job;
  try {
    const answers = await first.run(batch.length === 1 ? first.items : batch.flatMap(({ job }) => job.items));
    let from = 0;
    for (const { job, resolve } of batch) {
      const mine = answers.slice(from, (from += job.items.length));
      touched.push(job.touched?.(mine) ?? EVERYTHING);
      resolve(mine);
    }
  } catch (error) {
    if (batch.length > 1 && isUndone((error as QueueError).cause ?? error)) {
      for (const waiting of batch) await runBatch([waiting], touched);
      return;
    }
    const typed = asQueueError(error);
    for (const { reject } of batch) reject(typed);
  }
}
