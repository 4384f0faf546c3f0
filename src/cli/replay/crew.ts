// Who works a replay: one worker in this process, or several processes of one each.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { QueueError } from '../../domain/errors.ts';
import type { Queue } from '../../service/handles.ts';
import type { WorkerLogger } from '../../worker/types.ts';
import { peakRssMb, startPlayer } from './player.ts';
import type { PlayerSettings } from './player.ts';

export interface Crew {
  /** Attempts that ended for good so far: completed, dead letters. */
  ended(): number;
  /** Rejects when nobody is left to work. */
  readonly broken: Promise<never>;
  /** Hands back what is not done. Answers the most memory that one of its processes used. */
  stop(): Promise<number>;
}

export function crewHere(queue: Queue, settings: PlayerSettings, logger: WorkerLogger): Crew {
  let ended = 0;
  const worker = startPlayer(queue, settings, (event) => (ended += isFinal(event) ? 1 : 0), logger);
  const broken = worker.done.then(() => new Promise<never>(() => undefined));
  broken.catch(() => undefined);
  return {
    ended: () => ended,
    broken,
    async stop() {
      await worker.stop();
      return peakRssMb();
    },
  };
}

export const isFinal = ({ op, status }: { readonly op: string; readonly status: string }): boolean =>
  op === 'complete' || (op === 'fail' && status === 'dead_letter');

/** What a process of a crew is told, and what it tells. */
export interface Orders extends Omit<PlayerSettings, 'speed'> {
  readonly db: string;
  /** `null` is infinite: JSON has no such number. */
  readonly speed: number | null;
}
export type Told = { readonly ended: number } | { readonly peakRssMb: number } | { readonly warning: string };

const MEMBER = new URL(import.meta.url.endsWith('.ts') ? './member.ts' : './member.js', import.meta.url);

export function crewOf(size: number, orders: Orders, warn: (message: string) => void): Crew {
  const ended = new Map<ChildProcess, number>();
  const alive = new Set<ChildProcess>();
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  let peak = 0;
  let isStopping = false;
  const exits = Array.from({ length: size }, () => {
    const child = fork(MEMBER, [JSON.stringify(orders)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    alive.add(child);
    // It could not be started, or it is gone before it is told to stop: `close` follows either.
    child.on('error', (error) => isStopping || warn(`a worker process: ${error.message}`));
    child.on('message', (told: Told) => {
      if ('ended' in told) ended.set(child, told.ended);
      else if ('warning' in told) warn(told.warning);
      else peak = Math.max(peak, told.peakRssMb);
    });
    return new Promise<void>((resolve) =>
      child.once('close', (code, signal) => {
        alive.delete(child);
        if (!isStopping) warn(`a worker process ended early (${signal ?? String(code)}); what it held is run by the others`);
        if (alive.size === 0 && !isStopping) gone.reject(new QueueError('internal', 'every worker process of the replay ended early'));
        resolve();
      }),
    );
  });
  return {
    ended: () => [...ended.values()].reduce((sum, n) => sum + n, 0),
    broken: gone.promise,
    async stop() {
      isStopping = true;
      for (const child of alive) if (child.connected) child.send('stop', () => undefined);
      await Promise.all(exits);
      return peak;
    },
  };
}
