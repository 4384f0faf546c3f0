// What the book has a row for: clients, grants, keys, categories, security events.
import type { BackoffPolicy } from '../domain/retry.ts';
import type { GrantSpec } from '../domain/task.ts';

export interface ClientRow {
  readonly clientId: string;
  readonly status: 'active' | 'suspended';
  readonly weight: number;
  readonly createdAtUtc: number;
}
export interface GrantRow extends GrantSpec {
  readonly grantId: string;
  readonly workerId: string;
  readonly createdAtUtc: number;
}
export interface KeyRow {
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
/** A key to be made; its instants are the database's. */
export interface NewKeyRow extends Pick<KeyRow, 'keyId' | 'role' | 'clientId' | 'workerId' | 'name' | 'scopes' | 'createdBy'> {
  readonly digest: string;
  readonly expiresInMs: number | null;
  readonly grants: readonly { readonly grantId: string; readonly grant: GrantSpec }[];
}
/** The successor of a key: all that it is not told is taken over, the length of its life too. */
export interface Rotation {
  readonly keyId: string;
  readonly digest: string;
  readonly createdBy: string;
  readonly overlapMs: number;
  readonly expiresInMs?: number;
}
export interface FoundKey extends KeyRow {
  /** Of the key's client; null for a key without one. */
  readonly clientStatus: 'active' | 'suspended' | null;
}
export interface CategoryRow {
  readonly pattern: string;
  readonly priority: number | null;
  readonly maxAttempts: number | null;
  readonly maxRunMs: number | null;
  readonly backoff: BackoffPolicy | null;
  readonly schema: string | null;
  /** When its tasks are due, from their enqueue. */
  readonly maxWaitMs: number | null;
  /** How often it was set. */
  readonly version: number;
}
export interface SecurityRow {
  readonly eventId: number;
  readonly atUtc: number;
  readonly actor: string;
  readonly action: string;
  readonly clientId: string | null;
  readonly object: string | null;
  readonly outcome: 'done' | 'denied';
  readonly details: string | null;
}
export interface NewSecurityEvent {
  readonly actor: string;
  readonly action: string;
  readonly clientId?: string | null;
  readonly object?: string | null;
  readonly outcome: 'done' | 'denied';
  readonly details?: string;
}
