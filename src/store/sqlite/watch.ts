// Tells idle workers that something may have changed: at once for a commit of this process, within POLL_MS for one of another
// process (`PRAGMA data_version`), and when the next delayed task is due. A hint: polling is the truth.
import type { Statements } from './statements.ts';

const POLL_MS = 5;

export interface Watch {
  committed(): void;
  changed(timeoutMs: number, nextDueIn: () => number | null, signal?: AbortSignal): Promise<boolean>;
  close(): void;
}

interface Waiter {
  readonly wake: (changed: boolean) => void;
}

export function createWatch(st: Statements): Watch {
  const waiters = new Set<Waiter>();
  let poll: NodeJS.Timeout | undefined;
  let version: unknown;
  const wakeAll = (changed: boolean): void => {
    const woken = [...waiters];
    waiters.clear();
    for (const waiter of woken) waiter.wake(changed);
  };
  const look = (): void => {
    const current = st.row('data_version')?.[0];
    if (version !== undefined && current !== version) wakeAll(true);
    version = current;
    if (waiters.size === 0) {
      clearInterval(poll);
      poll = undefined;
    }
  };
  return {
    committed: () => wakeAll(true),
    close() {
      wakeAll(false);
      clearInterval(poll);
    },
    changed(timeoutMs, nextDueIn, signal) {
      return new Promise((resolve) => {
        const due = nextDueIn();
        const timeout = setTimeout(() => waiter.wake(due !== null && due <= timeoutMs), Math.min(timeoutMs, due ?? timeoutMs));
        const waiter: Waiter = {
          wake(changed) {
            clearTimeout(timeout);
            waiters.delete(waiter);
            signal?.removeEventListener('abort', gaveUp);
            resolve(changed);
          },
        };
        const gaveUp = (): void => waiter.wake(false);
        if (signal?.aborted === true) return waiter.wake(false);
        signal?.addEventListener('abort', gaveUp, { once: true });
        waiters.add(waiter);
        // Not unref'd: who waits wants to be woken.
        poll ??= setInterval(look, POLL_MS);
      });
    },
  };
}
