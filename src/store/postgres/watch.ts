// Tells idle workers that something may have changed: at once for a commit of this process, by NOTIFY for one of another, and when
// the next delayed task is due. A hint: polling is the truth. Both directions use one direct connection of its own, so that no
// enqueueing transaction pays for the database-wide lock of NOTIFY.
import { newClient } from './driver.ts';
import type { Client, Driver } from './driver.ts';

const CHANNEL = 'prismq';
/** At most one NOTIFY in this time. */
const COALESCE_MS = 5;
const AGAIN_FIRST_MS = 200;
const AGAIN_MOST_MS = 10_000;

export interface Watch {
  committed(): void;
  changed(timeoutMs: number, nextDueIn: () => Promise<number | null>, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface WatchOptions {
  readonly driver: Driver;
  /** Null where nothing listens: then polling alone tells. */
  readonly url: string | null;
  readonly onError: (error: unknown) => void;
}

export function createWatch({ driver, url, onError }: WatchOptions): Watch {
  const waiters = new Set<(changed: boolean) => void>();
  let listener: Client | null = null;
  let again: NodeJS.Timeout | undefined;
  let telling: NodeJS.Timeout | undefined;
  let wait = AGAIN_FIRST_MS;
  let closed = false;
  let started = false;
  let opening: Promise<void> | undefined;

  const wakeAll = (changed: boolean): void => {
    const woken = [...waiters];
    waiters.clear();
    for (const wake of woken) wake(changed);
  };
  const listen = async (): Promise<void> => {
    if (closed || url === null) return;
    const client = newClient(driver, { connectionString: url });
    const lost = (): void => {
      if (listener !== client && listener !== null) return;
      listener = null;
      if (closed || again !== undefined) return;
      again = setTimeout(() => {
        again = undefined;
        opening = listen();
      }, wait).unref();
      wait = Math.min(wait * 2, AGAIN_MOST_MS);
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ processId }) => {
      if (processId === (client as unknown as { readonly processID: number }).processID) return;
      wakeAll(true);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      listener = client;
      wait = AGAIN_FIRST_MS;
      if (closed) await client.end();
    } catch (error) {
      onError(error);
      client.end().catch(() => undefined);
      lost();
    }
  };
  const start = (): void => {
    if (started || closed) return;
    started = true;
    opening = listen();
  };
  return {
    committed() {
      wakeAll(true);
      start();
      telling ??= setTimeout(() => {
        telling = undefined;
        listener?.query(`NOTIFY ${CHANNEL}`).catch(() => undefined);
      }, COALESCE_MS).unref();
    },
    async changed(timeoutMs, nextDueIn, signal) {
      start();
      if (signal?.aborted === true) return false;
      const until = performance.now() + timeoutMs;
      return new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined;
        const gaveUp = (): void => wake(false);
        const wake = (changed: boolean): void => {
          clearTimeout(timer);
          waiters.delete(wake);
          signal?.removeEventListener('abort', gaveUp);
          resolve(changed);
        };
        signal?.addEventListener('abort', gaveUp, { once: true });
        waiters.add(wake);
        timer = setTimeout(gaveUp, timeoutMs);
        void nextDueIn().then(
          (due) => {
            if (!waiters.has(wake) || due === null || due > until - performance.now()) return;
            clearTimeout(timer);
            timer = setTimeout(() => wake(true), due);
          },
          () => undefined,
        );
      });
    },
    async close() {
      closed = true;
      wakeAll(false);
      clearTimeout(again);
      clearTimeout(telling);
      await opening?.catch(() => undefined);
      await listener?.end().catch(() => undefined);
    },
  };
}
