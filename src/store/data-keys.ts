// The port for the data keys of clients whose payloads are sealed: wrapped by a master key that no store sees.
import type { StoreScope } from './store.ts';

export interface DataKeyRow {
  readonly keyNo: number;
  readonly wrapped: string;
}
export interface NewDataKey extends DataKeyRow {
  readonly clientId: string;
}

export interface DataKeyStore {
  /** The newest first. */
  dataKeys(clientId: string): Promise<readonly DataKeyRow[]>;
  hasDataKeys(): Promise<boolean>;
  /** With its security event in the same transaction; false when the client has a key of this number. */
  addDataKey(scope: StoreScope, key: NewDataKey): Promise<boolean>;
  /** How many are gone. */
  shredDataKeys(scope: StoreScope, clientId: string): Promise<number>;
}
