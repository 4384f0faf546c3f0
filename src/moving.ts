// A queue goes from one store to another: wires the two sides, hashes and ids.
import { createHash, hash, randomBytes } from 'node:crypto';
import { QueueError } from './domain/errors.ts';
import type { Digest } from './store/move/compare.ts';
import { planMove, runMove, undoMove } from './store/move/run.ts';
import type { MovePlan, MoveReport, MoveStep } from './store/move/run.ts';
import type { MoveSource, MoveTarget } from './store/move/side.ts';
import { sqliteSource, sqliteTarget } from './store/sqlite/move-side.ts';

export type { MovePlan, MoveReport, MoveStep } from './store/move/run.ts';

/** A path, or the URL of a superuser. */
export interface MovePlaces {
  readonly from: string;
  readonly to: string;
}

export interface MoveWishes {
  /** `drain` (default) lets running tasks end first, for at most `drainMs` (default 60 s); `carry` takes them along at once. */
  readonly leases?: 'drain' | 'carry';
  readonly drainMs?: number;
  readonly told?: (step: MoveStep) => void | Promise<void>;
}

const DRAIN_MS = 60_000;

interface Wiring {
  readonly isDatabase: (place: string) => boolean;
  readonly fileOf: (place: string) => string;
}

export type Mover = ReturnType<typeof createMover>;

export function createMover({ isDatabase, fileOf }: Wiring) {
  const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const file = (place: string): string => {
    const path = fileOf(place);
    if (path !== ':memory:') return path;
    throw new QueueError('invalid_input', 'a queue in memory can not be moved', { fields: [{ field: 'from', message: 'not in memory' }] });
  };
  const withSides = async <T>({ from, to }: MovePlaces, use: (from: MoveSource, to: MoveTarget) => Promise<T>): Promise<T> => {
    const databases = isDatabase(from) || isDatabase(to) ? await import('./store/postgres/move-side.ts') : null;
    const source =
      databases !== null && isDatabase(from) ? await databases.postgresSource({ url: from, randomHex }) : sqliteSource({ file: file(from), now: Date.now });
    try {
      const target =
        databases !== null && isDatabase(to) ? await databases.postgresTarget({ url: to, randomHex }) : sqliteTarget({ file: file(to), now: Date.now });
      try {
        return await use(source, target);
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  };
  const parts = { hash: (text: string) => hash('sha256', text, 'hex'), newDigest };
  return {
    plan: (places: MovePlaces): Promise<MovePlan> => withSides(places, planMove),
    move: (places: MovePlaces, { leases = 'drain', drainMs = DRAIN_MS, told = () => undefined }: MoveWishes = {}): Promise<MoveReport> =>
      withSides(places, (from, to) => runMove(from, to, { leases, drainMs, newId: () => randomHex(8), pause, told }, parts)),
    undo: (places: MovePlaces): Promise<void> => withSides(places, undoMove),
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function newDigest(): Digest {
  const running = createHash('sha256');
  return { add: (text) => void running.update(text).update('\n'), hex: () => running.digest('hex') };
}
