// The sealer's thread: takes hashing and checkpoints off the event loop of a busy process. It ends when it is told to, after the step that it is in.
import { parentPort, workerData } from 'node:worker_threads';
import { SEAL_MS, THREAD_STEP } from './sealer.ts';
import { openSealing } from './sealing.ts';
import type { SealingData } from './sealing.ts';

const sealing = openSealing(workerData as SealingData);
let stopped = false;
let wake: (() => void) | undefined;

parentPort?.once('message', () => {
  stopped = true;
  wake?.();
});

while (!stopped) {
  let sealed = THREAD_STEP;
  while (!stopped && sealed === THREAD_STEP)
    try {
      sealed = await sealing.seal(THREAD_STEP);
      sealing.checkpoint();
    } catch (error) {
      parentPort?.postMessage(error instanceof Error ? error.message : String(error));
      sealed = 0;
    }
  if (stopped) break;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SEAL_MS);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
await sealing.close();
parentPort?.close();
