// What the sealer's thread loads: its own connection, and one step of sealing.
import { randomBytes } from 'node:crypto';
import { LIMITS } from './domain/limits.ts';
import { DEFAULT_BACKOFF } from './domain/retry.ts';
import { openSqliteStore } from './store/sqlite/store.ts';

export interface SealingData {
  readonly file: string;
}

export function openSealing(data: SealingData): { seal(most: number): Promise<number>; close(): Promise<void> } {
  const store = openSqliteStore({
    file: data.file,
    // Seals that a power cut takes are made again from the rows; waiting for the disk would hold the write lock.
    synchronous: 'NORMAL',
    migrate: false,
    now: Date.now,
    random: Math.random,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 5000,
    lanesPerClient: LIMITS.lanesPerClient.default,
  });
  return { seal: (most) => store.seal(most), close: () => store.close() };
}
