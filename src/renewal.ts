// What the renewal thread of a worker loads: its own connection, and one call that extends every lease of the worker.
import { randomBytes } from 'node:crypto';
import type { HeartbeatResult } from './domain/task.ts';
import { LIMITS } from './domain/limits.ts';
import { DEFAULT_BACKOFF } from './domain/retry.ts';
import type { PostgresLogins } from './store/postgres/store.ts';
import { openSqliteStore } from './store/sqlite/store.ts';
import type { Store } from './store/store.ts';

interface FileData {
  readonly file: string;
  readonly workerId: string;
  readonly synchronous: 'FULL' | 'NORMAL';
}
interface DatabaseData {
  readonly connect: string | PostgresLogins;
  readonly pooled: boolean;
  readonly workerId: string;
}
export type RenewalData = FileData | DatabaseData;

export async function openRenewal(data: RenewalData): Promise<{ renewAll(leaseMs: number): Promise<HeartbeatResult>; close(): Promise<void> }> {
  const store = await openStore(data);
  const scope = { role: 'worker', actor: `worker:${data.workerId}`, clients: [], workerId: data.workerId } as const;
  return { renewAll: (leaseMs) => store.heartbeat(scope, 'all', leaseMs), close: () => store.close() };
}

async function openStore(data: RenewalData): Promise<Store> {
  const given = {
    migrate: false,
    now: Date.now,
    random: Math.random,
    randomHex: (bytes: number) => randomBytes(bytes).toString('hex'),
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 5000,
    lanesPerClient: LIMITS.lanesPerClient.default,
  };
  if ('file' in data) return openSqliteStore({ ...given, file: data.file, synchronous: data.synchronous });
  const { openPostgresStore } = await import('./postgres.ts');
  const ignored = (): void => undefined;
  const own = { wallMs: Date.now, replacedClock: false, connections: 1, listenUrl: null, onError: ignored, warn: ignored };
  return openPostgresStore({ ...given, ...own, connect: data.connect, pooled: data.pooled });
}
