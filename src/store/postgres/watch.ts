// Tells idle workers that something may have changed: at once for a commit of this process, by NOTIFY for one of another, and when
// the next delayed task is due. A hint: polling is the truth. Both directions use one direct connection of its own, so that no
// enqueueing transaction pays for the database-wide lock of NOTIFY.
import type { Interest, Narrowing } from '../waiting.ts';
import { createDue } from '../due.ts';
import type { Due } from '../due.ts';
import { createWaiters } from '../waiters.ts';
import type { Reach, Touched } from '../waiters.ts';
import { newClient } from './driver.ts';
import type { Client, Driver } from './driver.ts';

const CHANNEL = 'prismq';
/** The first goes at once, then at most one NOTIFY in this time. */
const COALESCE_MS = 5;
const AGAIN_FIRST_MS = 200;
const AGAIN_MOST_MS = 2_000;

export interface WatchOptions {
  readonly driver: Driver;
  /** Null where nothing listens: then polling alone tells. */
  readonly url: string | null;
  readonly onError: (error: unknown) => void;
  readonly reachOf: (workerId: string, request: Narrowing) => Promise<Reach | null>;
  /** ms until something delayed is due, or null. */
  readonly nextDueIn: () => Promise<number | null>;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #waiters = createWaiters();
  readonly #due: Due;
  #listener: Client | null = null;
  #opening: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #telling: NodeJS.Timeout | undefined;
  #untold = false;
  #wait = AGAIN_FIRST_MS;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#due = createDue({ isWanted: () => this.#waiters.wantsDue(), nextDueIn: options.nextDueIn, fire: () => this.#waiters.due(false) });
  }

  /** Something was committed here: whom it may concern looks, and other processes are told. */
  committed(touched: readonly Touched[]): void {
    this.told(touched);
    this.#start();
    this.#untold = true;
    if (this.#telling === undefined) this.#tell();
  }

  #tell(): void {
    if (!this.#untold || this.#closed || this.#listener === null) return;
    this.#untold = false;
    this.#listener.query(`NOTIFY ${CHANNEL}`).catch(() => undefined);
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.#tell();
    }, COALESCE_MS).unref();
  }

  /** The same, of what no other process has to be told at once. */
  told(touched: readonly Touched[]): void {
    if (this.#waiters.size === 0) return;
    this.#waiters.touched(touched);
    if (touched.some((one) => one.delays === true)) this.#due.again();
  }

  /** Resolves when something of what is waited for may have changed (true) or after the time (false). */
  changed(timeoutMs: number, signal?: AbortSignal, interest?: Interest): Promise<boolean> {
    this.#start();
    if (this.#closed) return Promise.resolve(false);
    const reach = interest?.for === 'work' ? this.#options.reachOf(interest.workerId, interest.request) : null;
    const waits = this.#waiters.wait(interest, reach, timeoutMs, signal);
    // What was due when nobody waited is not known here.
    if (this.#waiters.size === 1) this.#due.clear();
    this.#due.set();
    return waits;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#due.clear();
    this.#waiters.everybody(false);
    clearTimeout(this.#again);
    clearTimeout(this.#telling);
    await this.#opening;
    await this.#listener?.end().catch(() => undefined);
  }

  #everybody(): void {
    this.#due.clear();
    this.#waiters.everybody(true);
  }

  #start(): void {
    if (!this.#closed) this.#opening ??= this.#listen();
  }

  /** Listens, and again with growing waits when the connection is lost. */
  async #listen(): Promise<void> {
    const { driver, url, onError } = this.#options;
    if (this.#closed || url === null) return;
    const client = newClient(driver, { connectionString: url });
    const lost = (): void => this.#lost(client);
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ processId }) => {
      if (processId !== (client as unknown as { readonly processID: number }).processID) this.#everybody();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#listener = client;
      this.#wait = AGAIN_FIRST_MS;
      // What was said while nobody listened is looked for.
      this.#everybody();
      if (this.#telling === undefined) this.#tell();
    } catch (error) {
      onError(error);
      client.end().catch(() => undefined);
      lost();
    }
  }

  #lost(client: Client): void {
    if (this.#listener !== null && this.#listener !== client) return;
    this.#listener = null;
    if (this.#closed || this.#again !== undefined) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#opening = this.#listen();
    }, this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, AGAIN_MOST_MS);
  }
}
