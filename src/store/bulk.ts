// What an engine does for many tasks at once: find some of a place, move them, follow their edges.
import type { BulkEvent, BulkPlace } from '../domain/bulk.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { StoreScope } from './store.ts';

export interface BulkFind {
  readonly place: BulkPlace;
  /** The key of the row to go on after. */
  readonly sort: number;
  readonly key: string;
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly createdBeforeUtc?: number;
  /** Part of the message or the kind of its last failure. */
  readonly error?: string;
  /** Rows that are looked at: more are not, whatever the filter leaves of them. */
  readonly scan: number;
}
export interface BulkItem {
  readonly taskId: string;
  readonly type: string;
  readonly status: TaskState;
}
export interface BulkFound {
  readonly items: readonly BulkItem[];
  /** Null: the place is walked through. */
  readonly last: { readonly sort: number; readonly key: string } | null;
}

export interface BulkMove {
  readonly event: BulkEvent;
  readonly ids: readonly string[];
  /** Only tasks that are still in one of these states. */
  readonly only: readonly TaskState[] | null;
  readonly reason: string;
  readonly priority: number | null;
}
export interface BulkRefusal {
  readonly taskId: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface BulkStore {
  bulkFind(scope: StoreScope, find: BulkFind): Promise<BulkFound>;
  /** One transaction. What is refused is answered; all else moved. */
  bulkMove(scope: StoreScope, move: BulkMove): Promise<readonly BulkRefusal[]>;
  /** These tasks and all that wait for them, over any number of edges, parents first; null: more than `most`. */
  family(scope: StoreScope, ids: readonly string[], most: number): Promise<readonly string[] | null>;
}
