// What an admin holds, and what it is answered. Types only; `handles.ts` has the other roles.
import type { GrantSpec, Json, Task, WorkerInfo } from '../domain/task.ts';
import type { ClientHandle, Page, TaskMoves, TaskReads } from './handles.ts';

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
}
export interface NewKey {
  readonly role: KeyInfo['role'];
  readonly clientId?: string;
  /** For a worker key: the worker's id. */
  readonly name?: string;
  readonly grants?: readonly GrantSpec[];
}
export interface CategoryInfo {
  readonly pattern: string;
  readonly priority: number | null;
  readonly maxAttempts: number | null;
  readonly maxRunMs: number | null;
  readonly backoff: { readonly initialMs: number; readonly maxMs: number; readonly multiplier: number; readonly jitter: number } | null;
  readonly schema: Json;
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
  /** `enqueue` and `reprioritise` need `inside`. */
  purge(taskId: string): Promise<void>;
  readonly clients: {
    create(clientId: string, options?: { readonly weight?: number }): Promise<ClientInfo>;
    list(): Promise<readonly ClientInfo[]>;
    suspend(clientId: string): Promise<ClientInfo>;
    resume(clientId: string): Promise<ClientInfo>;
    weight(clientId: string, weight: number): Promise<ClientInfo>;
  };
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
    /** `key` is shown once and stored only as a digest. */
    create(key: NewKey): Promise<KeyInfo & { readonly key: string }>;
    list(): Promise<readonly KeyInfo[]>;
    revoke(keyId: string): Promise<void>;
  };
  readonly categories: {
    set(category: { readonly pattern: string } & Partial<CategoryInfo>): Promise<CategoryInfo>;
    list(): Promise<readonly CategoryInfo[]>;
    delete(pattern: string): Promise<void>;
    mode(mode?: 'open' | 'hierarchical' | 'registered'): Promise<'open' | 'hierarchical' | 'registered'>;
  };
  securityEvents(page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<SecurityEvent>>;
}
