// A worker in a process of its own, as the tests of stopped and blocked workers start it. It says what happens over its channel.
import { setTimeout as pause } from 'node:timers/promises';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { openQueue, startWorker } from '../../src/index.ts';
import type { ClaimedTask, WorkerHandle } from '../../src/index.ts';

export interface Orders {
  readonly db: string;
  /** `handlers`: the worker runtime. `bare`: one claim by hand, which ends when it is told to. */
  readonly mode: 'handlers' | 'bare';
  /** A handler that blocks does so until this file is there. */
  readonly flag: string;
  readonly leaseMs: number;
  readonly maxBlockMs: number;
}

export interface Told {
  readonly what: 'started' | 'ended' | 'lost' | 'aborted' | 'refused' | 'accepted';
  readonly code?: string;
}

const { db, mode, flag, leaseMs, maxBlockMs } = JSON.parse(process.argv[2] ?? '') as Orders;
const tell = (told: Told): void => void process.send?.(told);
const told = once(process, 'message');
// Who started this process is gone: so is the reason for it.
process.on('disconnect', () => process.exit(0));

/** Of the one task there is. */
async function leaseUntil(): Promise<number> {
  const { items } = await queue.client('acme').list({ status: 'leased' });
  return items[0]?.leaseUntilUtc ?? 0;
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

await using queue = await openQueue(db, { janitorMs: 0 });
if (mode === 'bare') await byHand(queue.worker('stopped'));
else {
  const worker = startWorker(
    queue,
    {
      'Work.Waits': async (_, ctx) => {
        ctx.signal.addEventListener('abort', () => tell({ what: 'aborted', code: String(ctx.signal.reason) }));
        tell({ what: 'started' });
        await told;
        return 'late';
      },
      'Work.Blocks': async () => {
        // A block before the thread is up would show nothing of it.
        const until = await leaseUntil();
        while ((await leaseUntil()) <= until) await pause(20);
        tell({ what: 'started' });
        // The loop stands still, the processor does not run hot.
        while (!existsSync(flag)) Atomics.wait(nothing, 0, 0, 10);
        return 'after a block';
      },
    },
    {
      workerId: 'stopped',
      leaseMs,
      maxBlockMs,
      maxTasks: 1,
      onEvent(event) {
        if (event.type === 'ended') tell({ what: 'ended', code: event.op });
        if (event.type === 'lost') tell({ what: 'lost', code: event.cause });
      },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
  );
  await worker.done;
}
process.disconnect();

async function byHand(worker: WorkerHandle): Promise<void> {
  const [lease] = await worker.claim({ leaseMs, waitMs: 20_000 });
  tell({ what: 'started' });
  await told;
  for (const end of [
    () => worker.complete(lease as ClaimedTask, 'late'),
    () => worker.fail(lease as ClaimedTask, 'late'),
    () => worker.release(lease as ClaimedTask),
  ])
    await end().then(
      () => tell({ what: 'accepted' }),
      (error: unknown) => tell({ what: 'refused', code: (error as { code?: string }).code ?? 'unknown' }),
    );
}
