// What the main loop of a worker and its renewal thread agree on: the shared counters, the messages, and the module that an
// engine offers for it.
import type { HeartbeatResult } from '../domain/task.ts';

/**
 * Places in the shared BigInt64Array: a counter of turns of the event loop, when all leases were last extended, and until when the
 * thread extends none; monotonic ms of the machine.
 */
export const TICK = 0;
export const RENEWED_AT = 1;
export const RESTS_UNTIL = 2;
export const SHARED_BYTES = 3 * BigInt64Array.BYTES_PER_ELEMENT;

/** How an engine opens a connection for renewals: the module's URL, and what its `openRenewal` is given. */
export interface RenewalSource {
  readonly module: string;
  readonly data: unknown;
}

export interface RenewalModule {
  openRenewal(data: unknown): Promise<{
    /** Extends every lease of the worker, whatever this thread knows of them. */
    renewAll(leaseMs: number): Promise<HeartbeatResult>;
    close(): Promise<void>;
  }>;
}

export interface ThreadData extends RenewalSource {
  readonly leaseMs: number;
  readonly maxBlockMs: number;
  readonly tick: SharedArrayBuffer;
}

/** `askedAt` in monotonic ms of the machine, which both threads share. */
export type ThreadMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'renewed'; readonly askedAt: number; readonly result: HeartbeatResult }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'blocked' };
