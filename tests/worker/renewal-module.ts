// What an engine offers to the renewal thread, in small: counts its calls where the main thread can see them, and answers as told.
import type { HeartbeatResult } from '../../src/domain/task.ts';

export interface ModuleData {
  /** Int32: [0] renewals, [1] connections closed. */
  readonly counts: SharedArrayBuffer;
  readonly extended: readonly string[];
  readonly failFirst?: number;
  readonly exitAt?: number;
  readonly refuseToOpen?: boolean;
}

export async function openRenewal(data: ModuleData): Promise<{ renewAll(leaseMs: number): Promise<HeartbeatResult>; close(): Promise<void> }> {
  if (data.refuseToOpen === true) throw new Error('no connection');
  const counts = new Int32Array(data.counts);
  return {
    async renewAll() {
      const call = Atomics.add(counts, 0, 1) + 1;
      Atomics.notify(counts, 0);
      if (data.exitAt === call) process.exit(3);
      if (call <= (data.failFirst ?? 0)) throw new Error('busy');
      return { extended: data.extended, lost: [], cancelled: [], timedOut: [] };
    },
    async close() {
      Atomics.add(counts, 1, 1);
    },
  };
}
