// When the audit is sealed: on a timer by the process itself while there is little, by a thread of its own once a step was full.
import { Worker } from 'node:worker_threads';
import type { SealingData } from './sealing.ts';
import type { Store } from './store/store.ts';

/** An event is sealed within a second. */
export const SEAL_MS = 500;
/** Rows of one step: of an engine that holds the event loop, of one that does not, and in a thread. */
const SEAL_STEP = 1000;
export const AWAITED_STEP = 5000;
export const THREAD_STEP = 5000;

export interface SealerParts {
  readonly seal: Store['seal'];
  readonly step?: number | undefined;
  /** Null where a second connection is none: in memory. */
  readonly thread: SealingData | null;
  readonly onError: (error: unknown) => void;
}

export interface Sealer {
  /** Resolves when no step is under way any more. */
  stop(): Promise<void>;
}

export function startSealer({ seal, step: most = SEAL_STEP, thread, onError }: SealerParts): Sealer {
  let worker: Worker | null = null;
  let stopped = false;
  /** Whether it is more than the event loop should do; without a thread it does all of it. */
  const round = async (): Promise<boolean> => {
    let sealed = await seal(most, { patient: true });
    while (sealed === most && thread === null && !stopped) sealed = await seal(most, { patient: true });
    return sealed === most;
  };
  let step: Promise<void> | null = null;
  const timer = setInterval(() => {
    if (worker !== null || step !== null) return;
    step = round()
      .then((isBusy) => {
        if (isBusy && thread !== null) worker = hire(thread, onError);
      }, onError)
      .finally(() => (step = null));
  }, SEAL_MS).unref();
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await step;
      const hired = worker as Worker | null;
      if (hired === null) return;
      const ended = new Promise((resolve) => hired.once('exit', resolve));
      hired.ref();
      hired.postMessage('stop');
      await ended;
    },
  };
}

function hire(data: SealingData, onError: (error: unknown) => void): Worker {
  const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './sealing-thread.ts' : './sealing-thread.js', import.meta.url), { workerData: data });
  worker.on('error', onError);
  worker.on('message', (message: string) => onError(new Error(`sealing: ${message}`)));
  worker.unref();
  return worker;
}
