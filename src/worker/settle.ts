// The way of finished work back to the store: ends are collected and settled in batches, at most two on their way at once. What
// could not be delivered is kept and tried again until its lease is gone for sure: nothing finished is dropped before.
import { type ErrorCode, QueueError } from '../domain/errors.ts';
import type { SettleResult, Settlement, TaskFailure } from '../domain/task.ts';
import type { WorkerHandle } from '../service/handles.ts';
import { type Alarm, backoffMs, type Clock } from './clock.ts';
import type { Held, Leases } from './held.ts';
import { BATCH } from './options.ts';
import { failureOf } from './outcome.ts';
import { promised } from './promised.ts';
import type { Report } from './report.ts';

interface End {
  readonly held: Held;
  readonly item: Settlement;
}
type Batch = readonly End[];

export interface SettlerHost {
  readonly handle: WorkerHandle;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  /** The store accepted this end. */
  readonly accepted: (held: Held, item: Settlement, answer: SettleResult & { readonly ok: true }) => void;
  /** It was refused, or its lease is gone. */
  readonly lost: (held: Held, message: string) => void;
  /** A batch was answered: there may be room, or nothing left to do. */
  readonly answered: () => void;
  readonly broken: (error: unknown) => void;
}

/** An item that the store will never take as it is; the batch around it is not to suffer. */
const ITEM_REFUSALS: readonly ErrorCode[] = ['invalid_payload', 'payload_too_large', 'invalid_input'];
const MOST_IN_FLIGHT = 2;

export class Settler {
  readonly #host: SettlerHost;
  #ends: End[] = [];
  /** Of a batch that was refused for one of its items: sent one by one, to find it. */
  #apart: End[] = [];
  readonly #inFlight = new Set<Batch>();
  #failures = 0;
  #oldestAt = 0;
  #retry: Alarm | undefined;
  #waiters: (() => void)[] = [];

  constructor(host: SettlerHost) {
    this.#host = host;
  }

  /** Ends that are not on their way yet. */
  get waiting(): number {
    return this.#ends.length + this.#apart.length;
  }
  get idle(): boolean {
    return this.#inFlight.size === 0 && this.waiting === 0;
  }
  /** True while the store does not take what is finished: no time to claim more. */
  get failing(): boolean {
    return this.#failures > 0;
  }
  /** Since when the oldest end waits; monotonic ms. */
  get oldestAt(): number {
    return this.#oldestAt;
  }

  add(held: Held, item: Settlement, now: number): void {
    if (this.#ends.length === 0) this.#oldestAt = now;
    this.#ends.push({ held, item });
    if (this.#ends.length >= BATCH) this.flush();
  }

  /** Sends what waits, unless enough is on its way or the next try is not due. */
  flush(): void {
    while (this.waiting > 0 && this.#retry === undefined && this.#inFlight.size < (this.failing ? 1 : MOST_IN_FLIGHT)) this.#send(this.#next());
  }

  /** Resolves when nothing waits any more. */
  settled(): Promise<void> {
    this.flush();
    return this.idle ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Gives up what is left: the process is about to end. What is on its way may still arrive. */
  abandon(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    const left = [...[...this.#inFlight].flat(), ...this.#apart, ...this.#ends];
    this.#inFlight.clear();
    this.#apart = [];
    this.#ends = [];
    this.#drop(left, 'it could not be settled before the worker had to stop');
    this.#wakeWaiters();
  }

  #next(): Batch {
    if (this.#apart.length > 0) return [this.#apart.shift() as End];
    if (this.#ends.length > BATCH) return this.#ends.splice(0, BATCH);
    const batch = this.#ends;
    this.#ends = [];
    return batch;
  }

  #send(batch: Batch): void {
    this.#inFlight.add(batch);
    promised(() => this.#host.handle.settle(batch.map((end) => end.item))).then(
      (answers) =>
        this.#answered(batch, () => (answers.length === batch.length ? this.#accept(batch, answers) : this.#refuse(batch, countMismatch(batch, answers)))),
      (error: unknown) => this.#answered(batch, () => this.#refuse(batch, error)),
    );
  }

  #answered(batch: Batch, step: () => void): void {
    // Abandoned meanwhile.
    if (!this.#inFlight.delete(batch)) return;
    try {
      step();
      if (this.idle) this.#wakeWaiters();
      else if (this.#waiters.length > 0 || this.#apart.length > 0) this.flush();
      this.#host.answered();
    } catch (error) {
      this.#host.broken(error);
    }
  }

  #accept(batch: Batch, answers: readonly SettleResult[]): void {
    this.#failures = 0;
    const { accepted, lost } = this.#host;
    for (let i = 0; i < batch.length; i += 1) {
      const { held, item } = batch[i] as End;
      const answer = answers[i] as SettleResult;
      if (answer.ok) accepted(held, item, answer);
      else if (answer.code === 'invalid_transition' && item.op === 'release')
        this.#failInstead(held, item, { message: answer.message, kind: 'released_too_often' }, true);
      else if (ITEM_REFUSALS.includes(answer.code)) this.#refuseItem([{ held, item }], new QueueError(answer.code, answer.message));
      else lost(held, answer.message);
    }
  }

  #refuse(batch: Batch, error: unknown): void {
    const code = error instanceof QueueError ? error.code : undefined;
    if (code === 'closed') return this.#drop(batch, failureOf(error).message);
    if (code !== undefined && ITEM_REFUSALS.includes(code)) return this.#refuseItem(batch, error as QueueError);
    this.#failures += 1;
    this.#host.report({ type: 'trouble', where: 'settle', error, failures: this.#failures, fatal: false });
    const now = this.#host.clock.now();
    const gone = new Set(batch.filter(({ held }) => this.#host.leases.goneAt(held) <= now));
    this.#drop(gone, `the lease ran out before its outcome could be settled: ${failureOf(error).message}`);
    this.#ends = [...batch.filter((end) => !gone.has(end)), ...this.#ends];
    if (this.waiting > 0) this.#retryLater();
    else this.#failures = 0;
  }

  /** One by one, so that the others get through; the one that is refused alone ends as a failure instead, for good. */
  #refuseItem(batch: Batch, error: QueueError): void {
    const [only] = batch;
    if (only === undefined || batch.length > 1) return void this.#apart.push(...batch);
    if (only.item.op !== 'complete') return this.#drop(batch, error.message);
    this.#failInstead(only.held, only.item, { message: `The result was refused: ${error.message}`, kind: error.code }, false);
  }

  #failInstead(held: Held, { clientId, taskId, leaseId }: Settlement, error: TaskFailure, retry: boolean): void {
    this.#apart.push({ held, item: { clientId, taskId, leaseId, op: 'fail', error, retry } });
  }

  #retryLater(): void {
    this.#retry ??= this.#host.clock.after(backoffMs(this.#failures, this.#host.random), () => {
      this.#retry = undefined;
      this.flush();
    });
  }

  #drop(ends: Iterable<End>, message: string): void {
    for (const { held } of ends) this.#host.lost(held, message);
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

const countMismatch = (batch: Batch, answers: readonly SettleResult[]): Error => new Error(`settle answered ${answers.length} of ${batch.length} items`);
