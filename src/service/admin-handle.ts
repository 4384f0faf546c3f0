// What an admin holds, and what it is answered. Types only; `handles.ts` has the other roles.
import type { Quota, QuotaInfo } from '../domain/quota.ts';
import type { GrantSpec, Json, Task, TickReport, WorkerInfo } from '../domain/task.ts';
import type { AuditAdmin } from './audit-handle.ts';
import type { PrivacyAdmin } from './privacy-handle.ts';
import type { ClientHandle, LimitHandle, Page, QueueStats, ScheduleHandle, TaskMoves, TaskReads } from './handles.ts';

export interface ClientInfo {
  readonly clientId: string;
  readonly status: 'active' | 'suspended';
  /** Share of the claims under contention; default 1. */
  readonly weight: number;
  readonly createdAtUtc: number;
}
export interface GrantInfo extends GrantSpec {
  readonly grantId: string;
  readonly workerId: string;
  readonly createdAtUtc: number;
}
export interface KeyInfo {
  readonly keyId: string;
  readonly role: 'client' | 'worker' | 'admin' | 'auditor';
  readonly clientId: string | null;
  readonly workerId: string | null;
  readonly name: string | null;
  readonly createdAtUtc: number;
  readonly revokedAtUtc: number | null;
  /** Null: until it is revoked. */
  readonly expiresAtUtc: number | null;
  /** Null: all that the role may do. */
  readonly scopes: readonly string[] | null;
  /** `key:<id>`, or the actor where no key was used. */
  readonly createdBy: string | null;
  /** To the minute. */
  readonly lastUsedAtUtc: number | null;
  /** The key that this one takes the place of. */
  readonly rotatedFrom: string | null;
}
/** `key` is shown once and stored only as a digest. */
export type MadeKey = KeyInfo & { readonly key: string };
export interface NewKey {
  readonly role: KeyInfo['role'];
  readonly clientId?: string;
  /** For a worker key: the worker's id. */
  readonly name?: string;
  readonly grants?: readonly GrantSpec[];
  /** Operations, groups like `task.*`, or `read`: what of its role the key may do. Default: all. */
  readonly scopes?: readonly string[];
  /** Default: it lives until it is revoked. */
  readonly expiresInMs?: number;
}
export interface RotateOptions {
  /** How long the old key still opens; default 24 h. */
  readonly overlapMs?: number;
  /** Of the new key; default: as long as the old one was given. */
  readonly expiresInMs?: number;
}
/** Shown once. */
export interface BootstrapSecret {
  readonly secret: string;
  readonly expiresAtUtc: number;
}
export interface CategoryInfo {
  readonly pattern: string;
  readonly priority: number | null;
  readonly maxAttempts: number | null;
  readonly maxRunMs: number | null;
  readonly backoff: { readonly initialMs: number; readonly maxMs: number; readonly multiplier: number; readonly jitter: number } | null;
  readonly schema: Json;
  /** When its tasks are due, from their enqueue. */
  readonly maxWaitMs: number | null;
  /** How often it was set. */
  readonly version: number;
}
export interface SecurityEvent {
  readonly eventId: number;
  readonly atUtc: number;
  readonly actor: string;
  readonly action: string;
  readonly clientId: string | null;
  readonly object: string | null;
  readonly outcome: 'done' | 'denied';
  readonly details: Readonly<Record<string, Json>>;
}

export interface AdminHandle extends TaskReads, TaskMoves {
  /** What a client can do, in its name, audited as this admin. */
  inside(clientId: string, reason: string): ClientHandle;
  /**
   * One task with payload, result and error. Of an admin of the platform the look is recorded first, with the reason, where the client
   * sees it.
   */
  payload(taskId: string, reason: string): Promise<Task>;
  readonly audit: AuditAdmin;
  /** `enqueue` and `reprioritise` need `inside`. */
  purge(taskId: string): Promise<void>;
  readonly clients: {
    create(clientId: string, options?: { readonly weight?: number }): Promise<ClientInfo>;
    list(): Promise<readonly ClientInfo[]>;
    suspend(clientId: string): Promise<ClientInfo>;
    resume(clientId: string): Promise<ClientInfo>;
    weight(clientId: string, weight: number): Promise<ClientInfo>;
    /** How much of it may be unfinished at once, from now on; what is left out is any. */
    quota(clientId: string, quota: Partial<Quota>): Promise<QuotaInfo>;
  } & PrivacyAdmin;
  readonly workers: {
    list(): Promise<readonly WorkerInfo[]>;
    /** Drops the worker; its leases expire by themselves. */
    remove(workerId: string): Promise<void>;
    /** Removes workers without a sign of life for `staleMs` (default 300,000) that hold nothing. */
    prune(staleMs?: number): Promise<number>;
  };
  readonly grants: {
    create(workerId: string, grant: GrantSpec): Promise<GrantInfo>;
    list(workerId?: string): Promise<readonly GrantInfo[]>;
    delete(grantId: string): Promise<void>;
  };
  readonly keys: {
    /** Never wider than the maker: an admin of a client makes keys of its client, a key with scopes makes keys within them. */
    create(key: NewKey): Promise<MadeKey>;
    list(): Promise<readonly KeyInfo[]>;
    /** A new key in the place of one; the old one ends after the overlap. */
    rotate(keyId: string, options?: RotateOptions): Promise<MadeKey>;
    revoke(keyId: string): Promise<void>;
  };
  readonly categories: {
    set(category: { readonly pattern: string } & Partial<CategoryInfo>): Promise<CategoryInfo>;
    list(): Promise<readonly CategoryInfo[]>;
    delete(pattern: string): Promise<void>;
    mode(mode?: 'open' | 'hierarchical' | 'registered'): Promise<'open' | 'hierarchical' | 'registered'>;
  };
  /** Of all clients that may be seen; what changes them needs `inside`. */
  readonly schedules: Pick<ScheduleHandle, 'list'>;
  readonly limits: Pick<LimitHandle, 'list'>;
  /** The numbers of `stats`, for what collects them. */
  metrics(): Promise<QueueStats>;
  /** One bounded step of everything that is due; of the platform only. */
  tick(): Promise<TickReport>;
  securityEvents(page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<SecurityEvent>>;
}
