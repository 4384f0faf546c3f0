// What the renewal thread of a worker loads: its own connection, and one call that extends every lease of the worker.
import { randomBytes } from 'node:crypto';
import type { HeartbeatResult } from './domain/task.ts';
import { LIMITS } from './domain/limits.ts';
import { DEFAULT_BACKOFF } from './domain/retry.ts';
import { openSqliteStore } from './store/sqlite/store.ts';

export interface RenewalData {
  readonly file: string;
  readonly workerId: string;
  readonly synchronous: 'FULL' | 'NORMAL';
}

export async function openRenewal(data: RenewalData): Promise<{ renewAll(leaseMs: number): Promise<HeartbeatResult>; close(): Promise<void> }> {
  const store = openSqliteStore({
    file: data.file,
    synchronous: data.synchronous,
    migrate: false,
    now: Date.now,
    random: Math.random,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 5000,
    lanesPerClient: LIMITS.lanesPerClient.default,
  });
  const scope = { role: 'worker', actor: `worker:${data.workerId}`, clients: [], workerId: data.workerId } as const;
  return { renewAll: (leaseMs) => store.heartbeat(scope, 'all', leaseMs), close: () => store.close() };
}
