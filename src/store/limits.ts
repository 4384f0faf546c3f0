// The part of the port that keeps limits. That they hold is the claim's affair.
import type { Refusal } from '../domain/errors.ts';
import type { LimitInfo, WorkLimit } from '../domain/work-limit.ts';
import type { StoredRow } from './rows.ts';
import type { StoreScope } from './store.ts';

export interface LimitStore {
  /** Makes it or changes it, with its security event `action`. */
  set(scope: StoreScope, limit: WorkLimit, action: string, reason: string | null): Promise<Refusal | null>;
  /** Of one client, or of all. */
  list(scope: StoreScope): Promise<readonly LimitInfo[]>;
  delete(scope: StoreScope, name: string, action: string, reason: string | null): Promise<boolean>;
}

/** client_id, name, pattern, limit_key, concurrency, rate, per_ms, created_at_utc, running. */
export const limitOf = (row: StoredRow): LimitInfo => ({
  clientId: row[0] as string,
  name: row[1] as string,
  pattern: row[2] as string | null,
  key: row[3] as string | null,
  concurrency: row[4] as number | null,
  rate: row[5] as number | null,
  perMs: row[6] as number | null,
  createdAtUtc: row[7] as number,
  running: row[8] as number,
});
