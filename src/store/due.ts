// The one alarm of a process for what becomes due next: who waits for work looks then.

/** The longest time that a timer can bear. */
const MOST_MS = 2 ** 31 - 1;

export interface DueParts {
  readonly isWanted: () => boolean;
  /** ms until something delayed is due, or null. */
  readonly nextDueIn: () => Promise<number | null>;
  readonly fire: () => void;
}

export interface Due {
  /** Unless it is set already, or nobody wants it. */
  set(): void;
  /** What was thought to be next may not be. */
  again(): void;
  clear(): void;
}

export function createDue({ isWanted, nextDueIn, fire }: DueParts): Due {
  let timer: NodeJS.Timeout | undefined;
  /** Whose look counts: one that something overtook does not. */
  let round = 0;
  let asking = false;
  const clear = (): void => {
    clearTimeout(timer);
    timer = undefined;
    asking = false;
    round++;
  };
  const arm = (ms: number): void => {
    timer = setTimeout(
      () => {
        timer = undefined;
        fire();
      },
      Math.min(Math.max(0, ms), MOST_MS),
    ).unref();
  };
  const set = (): void => {
    if (timer !== undefined || asking || !isWanted()) return;
    asking = true;
    const mine = ++round;
    void nextDueIn()
      .catch(() => null)
      .then((ms) => {
        if (mine !== round) return;
        asking = false;
        if (ms !== null) arm(ms);
      });
  };
  return {
    set,
    clear,
    again() {
      clear();
      set();
    },
  };
}
