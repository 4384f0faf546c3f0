// Ctrl+C and SIGTERM: the first asks the work to end in good order, the second ends the process at once.

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type SignalName = keyof typeof SIGNALS;

/** Runs `work` with a signal that fires at the first interrupt. `said` is told which it was. */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>, said: (name: SignalName) => void = () => undefined): Promise<T> {
  const controller = new AbortController();
  const listener = (name: SignalName): void => {
    if (controller.signal.aborted) process.exit(SIGNALS[name]);
    said(name);
    controller.abort();
  };
  for (const name of Object.keys(SIGNALS) as SignalName[]) process.on(name, listener);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of Object.keys(SIGNALS) as SignalName[]) process.off(name, listener);
  }
}

/** Resolves when the signal fires. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Resolves after `ms`, or as soon as the signal fires; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
