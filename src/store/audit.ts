// What is read of the audit: the trail for people, and the chains with their seals for who verifies them.
import type { NextAnchor } from '../domain/audit-anchor.ts';
import type { AuditRow, ChainName, Seal } from '../domain/audit-chain.ts';
import type { Cut } from '../domain/audit-check.ts';
import type { StoreScope } from './scope.ts';

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

/** How long the audit of a client is kept, ms; null: for ever. '' is the security chain of no client. */
export interface AuditRetention {
  readonly clientId: string;
  readonly keepMs: number | null;
}

/** A chain that grows old by the minute is cut once a day, not by the minute. */
export const CUT_EVERY_MS = 86_400_000;

/** One bounded step of retention: rows that went, and whether there is more. */
export interface CutReport {
  readonly rows: number;
  readonly cuts: number;
  readonly more: boolean;
}

/** Anchors and retention: what the port has of them. */
export interface CutStore {
  /** The last cut of each chain that has one. */
  auditCuts(scope: StoreScope): Promise<readonly Cut[]>;
  /** Up to `most` heads that no anchor has yet. */
  nextAnchor(most: number): Promise<NextAnchor>;
  /** Notes an anchor that is kept elsewhere; false when one of its heads is not on its chain, or it skips numbers. */
  anchored(anchor: NextAnchor & { readonly digest: string }): Promise<boolean>;
  auditRetention(): Promise<readonly AuditRetention[]>;
  /** With its security event in the same transaction; false when there is no such client. */
  retainAudit(scope: StoreScope, retention: AuditRetention): Promise<boolean>;
  /** Takes what is older than its time, up to an anchored point; `keepMs` is for clients without a retention of their own. */
  cutAudit(options: { readonly keepMs: number | null; readonly most: number }): Promise<CutReport>;
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
