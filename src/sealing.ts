// What the sealer's thread loads: its own connections, one step of sealing, and the log of a busy writer taken into the file: what
// the thread has taken, the writer has not to take between two answers.
import { randomBytes } from 'node:crypto';
import { LIMITS } from './domain/limits.ts';
import { DEFAULT_BACKOFF } from './domain/retry.ts';
import { openConnection } from './store/sqlite/connection.ts';
import { openSqliteStore } from './store/sqlite/store.ts';

export interface SealingData {
  readonly file: string;
}

export interface Sealing {
  seal(most: number): Promise<number>;
  /** Takes what is committed from the log into the file, and waits for nobody. */
  checkpoint(): void;
  close(): Promise<void>;
}

export function openSealing(data: SealingData): Sealing {
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
  // It syncs the log before and the file after, at this setting as at any other.
  const log = openConnection({ file: data.file, readOnly: false, synchronous: 'NORMAL', now: Date.now });
  return {
    seal: (most) => store.seal(most, { patient: true }),
    checkpoint: () => log.exec('PRAGMA wal_checkpoint(PASSIVE)'),
    async close() {
      log.close();
      await store.close();
    },
  };
}
