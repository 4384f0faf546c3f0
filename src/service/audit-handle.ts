// What an auditor or an admin holds of the audit. Types only.
import type { NextAnchor } from '../domain/audit-anchor.ts';
import type { AnchoredHead, AuditRecord, AuditVerdict } from '../domain/audit-check.ts';
import type { ChainName } from '../domain/audit-chain.ts';
import type { Json } from '../domain/task.ts';
import type { Page } from './handles.ts';

export interface TrailFilter {
  /** Of this client; an admin of a client has no other. */
  readonly clientId?: string;
  /** `tasks`: what happened to tasks; `security`: logins, refusals, changes of who may do what. Default: both. */
  readonly chain?: ChainName;
  readonly actor?: string;
  /** An event of a task or the name of an operation. */
  readonly action?: string;
  /** The id of a task, key, worker, client … */
  readonly object?: string;
  readonly sinceUtc?: number;
  readonly untilUtc?: number;
  /** 1–1000, default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}
export interface TrailEntry {
  readonly chain: ChainName;
  readonly id: number;
  readonly atUtc: number;
  readonly clientId: string | null;
  readonly actor: string;
  readonly action: string;
  readonly object: string | null;
  readonly outcome: 'done' | 'denied';
  readonly details: Readonly<Record<string, Json>>;
}
/** Of one client, for who reads all of them. */
export interface OfClient {
  readonly clientId?: string;
}
export interface VerifyOptions extends OfClient {
  /** Heads that were signed and kept elsewhere: they show a cut end and a rewritten chain. */
  readonly anchors?: readonly AnchoredHead[];
  /** Told now and then how many rows were read. */
  readonly onProgress?: (rows: number) => void;
  readonly signal?: AbortSignal;
}
/** The first line of an export. */
export interface ExportHeader {
  readonly kind: 'audit';
  readonly version: string;
  readonly clientId: string | null;
  readonly atUtc: number;
}

/** What signs and keeps anchors needs of the queue. */
export interface AnchorSource {
  /** The number of the next anchor, what it follows, and up to 1,000 heads that no anchor has yet. */
  nextAnchor(): Promise<NextAnchor>;
  /** Notes an anchor that is kept elsewhere, by the digest of its signed text: retention cuts at anchored points only. */
  anchored(anchor: NextAnchor & { readonly digest: string }): Promise<void>;
}

/** What the system does. */
export interface AuditSystem extends AnchorSource {
  /** One step of retention: rows that went, chains that were cut, and whether there is more to do. */
  cutAudit(): Promise<{ readonly rows: number; readonly cuts: number; readonly more: boolean }>;
}

/** How long the audit of a client is kept, ms; null: for ever. '' is the chain of no client. */
export interface AuditRetention {
  readonly clientId: string;
  readonly keepMs: number | null;
}

/** What admins of the platform hold beyond the reads. */
export interface AuditAdmin extends AuditReads, AnchorSource {
  /** At least a day; null: for ever. */
  retain(clientId: string, keepMs: number | null): Promise<void>;
}

export interface AuditReads {
  /** Newest first. */
  trail(filter?: TrailFilter): Promise<Page<TrailEntry>>;
  /** Reads every row and recomputes the chains. Nothing is wrong when `faults` is empty. */
  verify(options?: VerifyOptions): Promise<AuditVerdict>;
  /** Every row and seal, for a verification elsewhere; recorded as a security event. */
  export(options?: OfClient & { readonly signal?: AbortSignal }): AsyncIterable<ExportHeader | AuditRecord>;
  /** Clients that have a retention of their own; all others have what the program was given. */
  retention(): Promise<readonly AuditRetention[]>;
  /** The end of each chain, to be signed and kept elsewhere. */
  heads(options?: OfClient): Promise<readonly AnchoredHead[]>;
}

export interface AuditReport {
  readonly enqueued: number;
  readonly completed: number;
  readonly deadLetter: number;
  readonly cancelled: number;
  /** Enqueued and in no final state. */
  readonly lost: number;
  /** Claims beyond the first of each task; `unexplained`: not preceded by fail, expire, release or requeue. */
  readonly duplicateStarts: number;
  readonly unexplainedDuplicates: number;
  /** Tasks whose audit rows do not join up. */
  readonly incompleteLogs: number;
  readonly clients: number;
  readonly categories: number;
}
