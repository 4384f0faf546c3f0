// Tells idle workers that something may have changed: at once for a commit of this process, by NOTIFY for one of another, and when
// the next delayed task is due. A hint: polling is the truth. Both directions use one direct connection of its own, so that no
// enqueueing transaction pays for the database-wide lock of NOTIFY.
import { newClient } from './driver.ts';
import type { Client, Driver } from './driver.ts';

const CHANNEL = 'prismq';
/** The first goes at once, then at most one NOTIFY in this time. */
const COALESCE_MS = 5;
const AGAIN_FIRST_MS = 200;
const AGAIN_MOST_MS = 10_000;

export interface WatchOptions {
  readonly driver: Driver;
  /** Null where nothing listens: then polling alone tells. */
  readonly url: string | null;
  readonly onError: (error: unknown) => void;
}

type Wake = (changed: boolean) => void;

export class Watch {
  readonly #options: WatchOptions;
  readonly #waiters = new Set<Wake>();
  #listener: Client | null = null;
  #opening: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #telling: NodeJS.Timeout | undefined;
  #untold = false;
  #wait = AGAIN_FIRST_MS;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Something was committed here: whoever waits in this process looks, and other processes are told. */
  committed(): void {
    this.#wakeAll(true);
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

  /** Resolves when something may have changed (true) or after the time (false). */
  changed(timeoutMs: number, nextDueIn: () => Promise<number | null>, signal?: AbortSignal): Promise<boolean> {
    this.#start();
    if (this.#closed || signal?.aborted === true) return Promise.resolve(false);
    const until = performance.now() + timeoutMs;
    return new Promise((resolve) => {
      const gaveUp = (): void => wake(false);
      let timer = setTimeout(gaveUp, timeoutMs);
      const wake = (changed: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        signal?.removeEventListener('abort', gaveUp);
        resolve(changed);
      };
      signal?.addEventListener('abort', gaveUp, { once: true });
      this.#waiters.add(wake);
      const whenDue = (due: number | null): void => {
        if (!this.#waiters.has(wake) || due === null || due > until - performance.now()) return;
        clearTimeout(timer);
        timer = setTimeout(() => wake(true), due);
      };
      void nextDueIn().then(whenDue, () => undefined);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeAll(false);
    clearTimeout(this.#again);
    clearTimeout(this.#telling);
    await this.#opening;
    await this.#listener?.end().catch(() => undefined);
  }

  #wakeAll(changed: boolean): void {
    const woken = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of woken) wake(changed);
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
      if (processId !== (client as unknown as { readonly processID: number }).processID) this.#wakeAll(true);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#listener = client;
      this.#wait = AGAIN_FIRST_MS;
      // What was said while nobody listened is looked for.
      this.#wakeAll(true);
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
