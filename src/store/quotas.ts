// The part of the port that keeps quotas. That they hold is the enqueue's affair.
import type { Quota, QuotaInfo } from '../domain/quota.ts';
import type { StoreScope } from './scope.ts';

export interface QuotaStore {
  /** Null: there is no such client. */
  get(scope: StoreScope, clientId: string): Promise<QuotaInfo | null>;
  /** With its security event. */
  set(scope: StoreScope, clientId: string, quota: Quota): Promise<QuotaInfo | null>;
}
