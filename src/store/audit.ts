// What is read of the audit: the trail for people, and the chains with their seals for who verifies them.
import type { AuditRow, ChainName, Seal } from '../domain/audit-chain.ts';

export interface TrailFilter {
  readonly clientId?: string;
  readonly chain?: ChainName;
  readonly actor?: string;
  readonly action?: string;
  /** A task, key, worker, client … */
  readonly object?: string;
  readonly sinceUtc?: number;
  readonly untilUtc?: number;
  readonly limit: number;
  readonly cursor?: string;
}
export interface TrailRow {
  readonly chain: ChainName;
  /** The number in its task, or the id of the security event. */
  readonly id: number;
  readonly atUtc: number;
  readonly clientId: string | null;
  readonly actor: string;
  readonly action: string;
  readonly object: string | null;
  readonly outcome: 'done' | 'denied';
  /** JSON text. */
  readonly details: string;
}
/** Ids of rows and seals are the engine's own order here: they stay inside, and are numbers of the chain when they leave. */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  /** The seals that end among these rows, in order. */
  readonly seals: readonly Seal[];
  /** Where to go on; null at the end. */
  readonly next: number | null;
  /** The sealer has looked at every row up to here. */
  readonly passed: number;
}

/** What the audit says of everything that was ever enqueued: computed from its rows, never from counters. */
export interface AuditSummary {
  readonly enqueued: number;
  readonly completed: number;
  readonly deadLetter: number;
  readonly cancelled: number;
  /** Enqueued and in no final state. */
  readonly lost: number;
  /** Claims beyond the first of each task. */
  readonly duplicateStarts: number;
  /** Of those, the ones not preceded by fail, expire, release or requeue. */
  readonly unexplainedDuplicates: number;
  /** Tasks whose rows do not join up: an event that does not start where the one before it ended. */
  readonly incompleteLogs: number;
  readonly clients: number;
  readonly categories: number;
}
