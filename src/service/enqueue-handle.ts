// What is enqueued and what is answered, by whichever handle: one task, many, the children of a handler.
import type { ErrorCode } from '../domain/errors.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { EnqueueOptions, Json } from '../domain/task.ts';

export interface EnqueueResult {
  readonly taskId: string;
  readonly status: TaskState;
  readonly createdAtUtc: number;
  /** True when the idempotency key named an earlier task: this is that one. */
  readonly deduplicated: boolean;
}

/** A task that the caller enqueued; `result` waits for its end. */
export interface TaskHandle<Output = Json> extends EnqueueResult {
  /** The result. Throws `timeout`, `aborted`, or `invalid_transition` when the task ended otherwise than completed. */
  result(options?: WaitOptions): Promise<Output>;
}

export interface WaitOptions {
  /** Default 30,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a handler enqueued at once; `next` is the one that waits for the others. */
export interface ChildrenResult {
  readonly children: readonly EnqueueResult[];
  readonly next: EnqueueResult | null;
}

export interface EnqueueItem extends EnqueueOptions {
  readonly type: string;
  readonly payload?: unknown;
}
export type EnqueueItemResult =
  | ({ readonly ok: true } & EnqueueResult)
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly details?: Readonly<Record<string, unknown>> };

export interface DependencyPage {
  readonly direction?: 'parents' | 'children';
  readonly limit?: number;
  readonly cursor?: string;
}
