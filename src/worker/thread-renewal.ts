// Renewal by a thread with its own connection, seen from the main loop: starts it, tells it that the loop turns, applies what it
// reports, and renews on the loop before the thread is ready and after it has died.
import { Worker } from 'node:worker_threads';
import type { HeartbeatResult } from '../domain/task.ts';
import { monotonicMs } from './clock.ts';
import type { Held } from './held.ts';
import { loopRenewal, type Renewal, type RenewalHost, renew, type RunningRenewal } from './renewal.ts';
import { RENEWED_AT, RESTS_UNTIL, type RenewalSource, SHARED_BYTES, type ThreadData, type ThreadMessage, TICK } from './renewal-shared.ts';

/** The same file as it is run: type-stripped from the source, or compiled. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './renewal-thread.ts' : './renewal-thread.js', import.meta.url);
const PULSE_MS = 1_000;
/** Leases: one that was extended just before lapses, and is seen to have lapsed. */
const RESTS_FOR = 1.5;
/** How long a stop waits for the thread to close its connection. */
const CLOSING_MS = 2_000;

/** `source.module` exports `openRenewal`, as `RenewalModule` says; `source.data` is what it is given. */
export const threadRenewal =
  (source: RenewalSource): Renewal =>
  (host) =>
    new ThreadRenewal(source, host);

/** A program that is given as text has a flag that a thread refuses. Without it flags are inherited as they are: a list is checked more strictly. */
function inheritedFlags(): { readonly execArgv?: string[] } {
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--input-type'));
  return execArgv.length === process.execArgv.length ? {} : { execArgv };
}

class ThreadRenewal implements RunningRenewal {
  readonly #host: RenewalHost;
  readonly #shared: BigInt64Array;
  /** What to add to the machine's monotonic clock to have the worker's. */
  readonly #offset: number;
  readonly #pulse: NodeJS.Timeout;
  readonly #thread: Worker | undefined;
  /** On the event loop: while there is no thread to rely on. */
  #fallback: RunningRenewal | undefined;
  #failures = 0;
  /** Until the thread goes on. */
  #rest: NodeJS.Timeout | undefined;
  #isReady = false;
  #stopping = false;

  constructor(source: RenewalSource, host: RenewalHost) {
    const tick = new SharedArrayBuffer(SHARED_BYTES);
    this.#host = host;
    this.#shared = new BigInt64Array(tick);
    this.#offset = host.clock.now() - monotonicMs();
    this.#pulse = setInterval(() => this.moved(), Math.min(PULSE_MS, host.maxBlockMs / 4)).unref();
    this.#goOver();
    this.#thread = this.#spawn({ ...source, leaseMs: host.leaseMs, maxBlockMs: host.maxBlockMs, tick });
  }

  renewedAt(): number {
    const at = Atomics.load(this.#shared, RENEWED_AT);
    return at === 0n ? Number.NEGATIVE_INFINITY : Number(at) + this.#offset;
  }

  moved(): void {
    Atomics.add(this.#shared, TICK, 1n);
  }

  /** The thread extends all that the store has for this worker: it rests until what is unknown here has lapsed, and the loop does what is known. */
  unsure(): void {
    if (this.#stopping) return;
    const ms = Math.ceil(this.#host.leaseMs * RESTS_FOR);
    Atomics.store(this.#shared, RESTS_UNTIL, BigInt(Math.ceil(monotonicMs()) + ms));
    this.#goOver();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      if (this.#isReady) this.#relyOnThread();
    }, ms).unref();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#pulse);
    clearTimeout(this.#rest);
    await this.#fallback?.stop();
    const thread = this.#thread;
    if (thread === undefined || thread.threadId === -1) return;
    thread.ref();
    const ended = new Promise((resolve) => thread.once('exit', resolve));
    const late = setTimeout(() => void thread.terminate(), CLOSING_MS);
    thread.postMessage('stop');
    await ended;
    clearTimeout(late);
  }

  #spawn(workerData: ThreadData): Worker | undefined {
    try {
      const thread = new Worker(THREAD, { workerData, name: 'prismq-renewal', ...inheritedFlags() });
      thread.on('message', (message: ThreadMessage) => this.#told(message));
      thread.on('error', (error) => this.#trouble(error));
      thread.on('exit', (code) => this.#exited(code));
      // Renewing is no reason for a process to live.
      thread.unref();
      return thread;
    } catch (error) {
      this.#trouble(error);
      return undefined;
    }
  }

  #told(message: ThreadMessage): void {
    if (this.#stopping) return;
    if (message.type === 'ready') {
      this.#isReady = true;
      if (this.#rest === undefined) this.#relyOnThread();
    }
    if (message.type === 'failed') this.#trouble(new Error(message.error));
    if (message.type === 'blocked') this.#trouble(new Error(`The event loop did not turn for ${this.#host.maxBlockMs} ms: leases were no longer renewed.`));
    if (message.type === 'renewed') this.#apply(message.result, message.askedAt + this.#offset);
  }

  /** The thread knows no lease by name: what we held by then and it did not extend is asked about, one by one, over our own connection. */
  #apply({ extended }: HeartbeatResult, askedAt: number): void {
    const { leases } = this.#host;
    this.#failures = 0;
    const known = new Set(extended);
    const missing: Held[] = [];
    for (const held of leases.all()) {
      if (held.receivedAt >= askedAt) continue;
      if (known.has(held.task.taskId)) held.extendedAt = Math.max(held.extendedAt, askedAt);
      else if (held.state === 'buffered' || held.state === 'running') missing.push(held);
    }
    renew(this.#host, missing).catch((error: unknown) => this.#trouble(error));
  }

  #exited(code: number): void {
    this.#isReady = false;
    if (this.#stopping) return;
    this.#trouble(
      new Error(
        `The renewal thread ended with code ${code}. Leases are renewed on the event loop from here on: a handler that blocks it for longer than a lease loses its leases.`,
      ),
    );
    this.#goOver();
  }

  #goOver(): void {
    this.#fallback ??= loopRenewal(this.#host);
  }

  #relyOnThread(): void {
    void this.#fallback?.stop();
    this.#fallback = undefined;
  }

  #trouble(error: unknown): void {
    this.#failures += 1;
    if (!this.#stopping) this.#host.report({ type: 'trouble', where: 'renew', error, failures: this.#failures, fatal: false });
  }
}
