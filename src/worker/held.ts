// One claimed task in this worker's hands, from the claim until its outcome is accepted or its lease is lost; and all of them.
import type { ClaimedTask, LeaseRef } from '../domain/task.ts';
import type { AbortCause } from './types.ts';

/** `ending`: its outcome is decided and waits to be accepted. `gone`: accepted, or no longer ours. */
export type HeldState = 'buffered' | 'running' | 'ending' | 'gone';

const TEXTS: Readonly<Record<AbortCause, string>> = {
  lease_lost: 'The lease of this task is lost: it may run elsewhere, and nothing that is written here is accepted.',
  cancelled: 'The task was cancelled.',
  timed_out: 'The attempt ran longer than the max_run_ms of its task.',
  shutdown: 'The worker stops.',
};

/** What `signal.reason` is. Named AbortError, as everything is that a signal stops; `code` says why. */
export class TaskAborted extends Error {
  override readonly name = 'AbortError';
  readonly code: AbortCause;
  constructor(code: AbortCause) {
    super(TEXTS[code]);
    this.code = code;
  }
}

export class Held {
  readonly task: ClaimedTask;
  /** Monotonic ms from before the claim was sent: the lease began later than this. */
  readonly claimedAt: number;
  readonly receivedAt: number;
  /** Monotonic ms from before the latest request that extended the lease. */
  extendedAt: number;
  state: HeldState = 'buffered';
  /** Negative until its handler begins. */
  startedAt = -1;
  /** Whether a handler is at work on it: true beyond the end of the lease for one that does not heed its signal. */
  occupied = false;
  cause: AbortCause | undefined;
  abortedAt = 0;
  #controller: AbortController | undefined;

  constructor(task: ClaimedTask, claimedAt: number, receivedAt: number) {
    this.task = task;
    this.claimedAt = claimedAt;
    this.receivedAt = receivedAt;
    this.extendedAt = claimedAt;
  }

  /** Made when it is asked for: a controller costs more than everything else the worker does for a small task. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.cause !== undefined) this.#controller.abort(new TaskAborted(this.cause));
    }
    return this.#controller.signal;
  }

  /** The first cause stays. */
  abort(cause: AbortCause, now: number): void {
    if (this.cause !== undefined) return;
    this.cause = cause;
    this.abortedAt = now;
    this.#controller?.abort(new TaskAborted(cause));
  }
}

export const refOf = (task: ClaimedTask): LeaseRef => ({ clientId: task.clientId, taskId: task.taskId, leaseId: task.leaseId });

/** Claimed and not begun, oldest first. What leaves it from the middle (lost, released) is only counted out, and skipped later. */
export class HeldBuffer {
  #items: Held[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(held: Held): void {
    this.#items.push(held);
    this.#size += 1;
  }

  /** The next one, from here on `running`. */
  take(): Held | undefined {
    while (this.#head < this.#items.length) {
      const held = this.#items[this.#head] as Held;
      this.#head += 1;
      if (this.#head === this.#items.length) {
        this.#items = [];
        this.#head = 0;
      }
      if (held.state !== 'buffered') continue;
      this.#size -= 1;
      held.state = 'running';
      return held;
    }
    return undefined;
  }

  /** One that is in here is about to leave the state `buffered`. */
  forget(): void {
    this.#size -= 1;
  }

  /** Those that are in here now. */
  list(): readonly Held[] {
    return this.#items.slice(this.#head).filter((held) => held.state === 'buffered');
  }
}

/** All that is held, by task: the tasks of one claim share its lease id. */
export class Leases {
  readonly #held = new Map<string, Held>();
  readonly #renewedAt: () => number;

  constructor(renewedAt: () => number) {
    this.#renewedAt = renewedAt;
  }

  /** Answers the attempt that it replaces: one that lapsed here and was claimed here again. */
  add(held: Held): Held | undefined {
    const before = this.#held.get(held.task.taskId);
    this.#held.set(held.task.taskId, held);
    return before;
  }

  remove(held: Held): void {
    if (this.#held.get(held.task.taskId) === held) this.#held.delete(held.task.taskId);
  }

  all(): Iterable<Held> {
    return this.#held.values();
  }

  /** By our own monotonic clock, counted from before the request that began or extended it: the lease lives at least until then. */
  endOf(held: Held): number {
    const renewedAt = this.#renewedAt();
    const from = renewedAt > held.receivedAt && renewedAt > held.extendedAt ? renewedAt : held.extendedAt;
    return from + held.task.leaseMs;
  }

  /** Whether that instant has passed. The shared counter is read only when our own knowledge does not do. */
  isOver(held: Held, now: number): boolean {
    return held.extendedAt + held.task.leaseMs <= now && this.endOf(held) <= now;
  }

  /** When it is gone for sure, however long the answer to that request took. */
  goneAt(held: Held): number {
    return this.endOf(held) + held.task.leaseMs;
  }
}
