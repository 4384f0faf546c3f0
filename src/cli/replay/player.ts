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

type Ended = (event: WorkerEvent & { readonly type: 'ended' }) => void;

interface JobPayload {
  readonly run_s: number;
}

/** What one process of a replay runs. */
export interface Player {
  /** Resolves when it has stopped; rejects when it could not go on. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** As many values as one attribute of a worker may have. */
const REGIONS_OF_ONE = 64;
const GRACE_MS = 1000;

/** One worker; more of them for a workload of more regions than one worker can name. */
export function startPlayer(queue: Queue, settings: PlayerSettings, ended: Ended, logger: WorkerLogger): Player {
  const workers = partsOf(settings.regions).map((regions) => startOne(queue, { ...settings, regions }, ended, logger));
  return {
    done: Promise.all(workers.map((worker) => worker.done)).then(() => undefined),
    stop: async () => void (await Promise.allSettled(workers.map((worker) => worker.stop({ graceMs: GRACE_MS })))),
  };
}

function partsOf(regions: readonly string[]): readonly (readonly string[])[] {
  const parts = Array.from({ length: Math.ceil(regions.length / REGIONS_OF_ONE) }, (_, i) => regions.slice(i * REGIONS_OF_ONE, (i + 1) * REGIONS_OF_ONE));
  return parts.length === 0 ? [[]] : parts;
}

function startOne(queue: Queue, { speed, concurrency, regions }: PlayerSettings, ended: Ended, logger: WorkerLogger): Worker {
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
