// What an auditor or an admin holds of the audit. Types only.
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

export interface AuditReads {
  /** Newest first. */
  trail(filter?: TrailFilter): Promise<Page<TrailEntry>>;
  /** Reads every row and recomputes the chains. Nothing is wrong when `faults` is empty. */
  verify(options?: VerifyOptions): Promise<AuditVerdict>;
  /** Every row and seal, for a verification elsewhere; recorded as a security event. */
  export(options?: OfClient & { readonly signal?: AbortSignal }): AsyncIterable<ExportHeader | AuditRecord>;
  /** The end of each chain, to be signed and kept elsewhere. */
  heads(options?: OfClient): Promise<readonly AnchoredHead[]>;
}
