// The worker of a replay: it plays each job for its run time, sped up, and stores nothing but that it is done.
import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from '../../service/handles.ts';
import type { Worker, WorkerEvent, WorkerLogger } from '../../worker/types.ts';
import { startWorker } from '../../worker/worker.ts';
import { runTimeMs } from './mapping.ts';

export interface PlayerSettings {
  /** Infinity plays no time at all. */
  readonly speed: number;
  readonly concurrency: number;
  readonly regions: readonly string[];
}

interface JobPayload {
  readonly run_s: number;
}

export function startPlayer(
  queue: Queue,
  { speed, concurrency, regions }: PlayerSettings,
  ended: (event: WorkerEvent & { readonly type: 'ended' }) => void,
  logger: WorkerLogger,
): Worker {
  const play = (input: JobPayload, signal: AbortSignal): Promise<undefined> | undefined => {
    const ms = runTimeMs(input.run_s, speed);
    return ms < 1 ? undefined : wait(ms, undefined, { signal });
  };
  return startWorker(
    queue,
    { 'Grid.*': (input, ctx) => play(input as JobPayload, ctx.signal) },
    {
      name: 'replay',
      concurrency,
      ...(regions.length === 0 ? {} : { attributes: { region: regions } }),
      onEvent: (event) => event.type === 'ended' && ended(event),
      logger,
    },
  );
}

export const peakRssMb = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
