// Tells those who wait that something of theirs may have changed: at once for a commit of this process, within POLL_MS for one of
// another process (`PRAGMA data_version`), and when the next delayed task is due. A hint: polling is the truth.
import type { Interest } from '../waiting.ts';
import { createDue } from '../due.ts';
import { createWaiters } from '../waiters.ts';
import type { ReachOf, Touched } from '../waiters.ts';
import type { Statements } from './statements.ts';

const POLL_MS = 5;

export interface Watch {
  /** What was committed is only made up when somebody waits. */
  committed(touched: () => readonly Touched[]): void;
  changed(timeoutMs: number, signal?: AbortSignal, interest?: Interest): Promise<boolean>;
  /** Whether anybody waits. */
  isHeard(): boolean;
  close(): void;
}

export interface WatchParts {
  readonly st: Statements;
  readonly reachOf: ReachOf;
  /** ms until something delayed is due, or null. */
  readonly nextDueIn: () => Promise<number | null>;
}

export function createWatch({ st, reachOf, nextDueIn }: WatchParts): Watch {
  const waiters = createWaiters();
  const due = createDue({ isWanted: () => waiters.wantsDue(), nextDueIn, fire: () => waiters.due(true) });
  let poll: NodeJS.Timeout | undefined;
  let version: unknown;
  const look = (): void => {
    const current = st.row('data_version')?.[0];
    if (version !== undefined && current !== version) {
      due.clear();
      waiters.everybody(true);
    }
    version = current;
    if (waiters.size > 0) return;
    clearInterval(poll);
    poll = undefined;
  };
  return {
    isHeard: () => waiters.size > 0,
    committed(touched) {
      if (waiters.size === 0) return;
      const all = touched();
      waiters.touched(all);
      if (all.some((one) => one.delays === true)) due.again();
    },
    close() {
      due.clear();
      waiters.everybody(false);
      clearInterval(poll);
    },
    changed(timeoutMs, signal, interest) {
      const reach = interest?.for === 'work' ? reachOf(interest.workerId, interest.request) : null;
      const waits = waiters.wait(interest, reach, timeoutMs, signal);
      // What was due when nobody waited is not known here.
      if (waiters.size === 1) due.clear();
      due.set();
      // Not unref'd: who waits wants to be woken.
      if (waiters.size > 0) poll ??= setInterval(look, POLL_MS);
      return waits;
    },
  };
}
