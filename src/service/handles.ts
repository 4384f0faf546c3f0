// What each role holds: the methods of its role and nothing else, with its client or worker bound inside. The HTTP client
// implements the same interfaces. No method takes a client to trust; a foreign object answers like an absent one.
import type { Operation } from '../domain/access.ts';
import type { Explanation, Unroutable } from '../domain/explain.ts';
import type { Forecast } from '../domain/forecast.ts';
import type { QuotaInfo } from '../domain/quota.ts';
import type { SlaFilter } from '../domain/sla.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { KeyPrincipal, Principal } from '../domain/principal.ts';
import type { TaskDefinition } from '../domain/definition.ts';
import type { AuditReads, AuditReport, AuditSystem } from './audit-handle.ts';
import type { AdminHandle, BootstrapSecret, MadeKey, SecurityEvent } from './admin-handle.ts';
import type { BookReads } from './book.ts';
import type { CallerOrigin } from './credential.ts';
export type { EventOptions } from '../domain/task.ts';
import type { LimitHandle } from './limit-handle.ts';
import type { QueueStats } from './queue-stats.ts';
import type { ScheduleHandle } from './schedule-handle.ts';
export type { BookReads } from './book.ts';
import type { BulkEvent } from '../domain/bulk.ts';
import type { BulkReport, BulkRequest } from './bulk.ts';
export type { BulkFilter, BulkReport, BulkRequest } from './bulk.ts';
import type { ChildrenResult, DependencyPage, EnqueueItem, EnqueueItemResult, EnqueueResult, TaskHandle, WaitOptions } from './enqueue-handle.ts';
export type { ChildrenResult, DependencyPage, EnqueueItem, EnqueueItemResult, EnqueueResult, TaskHandle, WaitOptions } from './enqueue-handle.ts';
export type { CallerOrigin, TokenVerdict, VerifyToken } from './credential.ts';
export type * from './admin-handle.ts';
export type { DataKeyInfo, Erasure, ExportLine, ExportPage, PrivacyAdmin } from './privacy-handle.ts';
export type { LimitHandle, Part } from './limit-handle.ts';
export type { QueueStats } from './queue-stats.ts';
export type { ScheduleHandle } from './schedule-handle.ts';
export type * from './audit-handle.ts';
export type { AnchoredHead, AuditRecord, AuditVerdict } from '../domain/audit-check.ts';
export type { StandardResult, StandardSchema, TaskDefinition } from '../domain/definition.ts';
import type { StrategyName } from '../domain/strategy.ts';
import type {
  EventOptions,
  ClaimedTask,
  DependencyInfo,
  ParentResult,
  EnqueueOptions,
  GrantSpec,
  HeartbeatResult,
  Json,
  LeaseRef,
  LogEntry,
  StreamEntry,
  Settlement,
  SettleResult,
  Task,
  WorkerCapabilities,
  TickReport,
  WorkerInfo,
  WorkerStatus,
} from '../domain/task.ts';

export interface ListFilter {
  readonly status?: TaskState;
  /** A category, or a pattern `A.B.*`. */
  readonly type?: string;
  /** How tasks stand with their due time; the latest due first. Not with metadata. */
  readonly sla?: SlaFilter;
  /** All of these pairs. For who reads metadata: a client and its admin. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** 1–1000, default 100. */
  readonly limit?: number;
  /** As an earlier page answered it. */
  readonly cursor?: string;
}
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface AmendInput {
  readonly payload?: unknown;
  readonly maxAttempts?: number;
  readonly maxRunMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What reads of tasks there are, for a client and for admins. */
export interface TaskReads {
  get(taskId: string): Promise<Task>;
  list(filter?: ListFilter): Promise<Page<Task>>;
  logs(taskId: string, page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<LogEntry>>;
  /** What happens from now on, or after a `position`; ends when the signal fires. */
  events(options?: EventOptions): AsyncIterable<StreamEntry>;
  stats(): Promise<QueueStats>;
  /** Who a task waits for (`parents`, the default), or who waits for it. */
  dependencies(taskId: string, page?: DependencyPage): Promise<Page<DependencyInfo>>;
  /** Why the task does not run. */
  explain(taskId: string): Promise<Explanation>;
  /** Work that is due and that no live worker may take, with the reason; 100 kinds unless told otherwise. */
  unroutable(options?: { readonly limit?: number }): Promise<readonly Unroutable[]>;
  /** When it will start and end, by what goes on now, and whether it will miss its due time. */
  forecast(taskId: string): Promise<Forecast>;
}
export interface TaskMoves {
  cancel(taskId: string, reason?: string): Promise<Task>;
  requeue(taskId: string): Promise<Task>;
}

export interface ClientHandle extends TaskReads, TaskMoves {
  readonly clientId: string;
  enqueue<Output = Json>(
    type: string | TaskDefinition<unknown, Output>,
    payload?: unknown,
    options?: EnqueueOptions & {
      readonly signal?: AbortSignal /** The caller's open transaction (a `DatabaseSync` of node:sqlite) on the same file: the task is there only if it commits. */;
      readonly tx?: unknown;
    },
  ): Promise<TaskHandle<Output>>;
  /** One transaction for all; `atomic: true` stores none unless all are good (then it throws the first refusal). */
  enqueueMany(items: readonly EnqueueItem[], options?: { readonly atomic?: boolean }): Promise<readonly EnqueueItemResult[]>;
  /** A stream of any length in bounded memory: an answer an item, in order, some hundred at a time. Each call by itself: positions are of none. */
  enqueueStream(items: AsyncIterable<EnqueueItem> | Iterable<EnqueueItem>): AsyncGenerator<EnqueueItemResult>;
  /** The same for a task that would be enqueued now; the priority and the due time are the category's unless one is given. */
  forecastType(type: string, priority?: number): Promise<Forecast>;
  reprioritise(taskId: string, priority: number): Promise<Task>;
  amend(taskId: string, change: AmendInput): Promise<Task>;
  /** How much of the client may be unfinished at once, and how much is. */
  quota(): Promise<QuotaInfo>;
  readonly schedules: ScheduleHandle;
  readonly limits: LimitHandle;
  /** Many tasks of the client at once, by ids or by a filter: `cancel`, `requeue`, `reprioritise`, `purge` (for admins). */
  bulk(event: BulkEvent, request: BulkRequest): Promise<BulkReport>;
  /** Waits until the task is in a final state. */
  wait(taskId: string, options?: WaitOptions): Promise<Task>;
}

export interface ClaimOptions {
  /** 1–500, default 1. */
  readonly max?: number;
  /** Wait for a task up to this long; default 0. */
  readonly waitMs?: number;
  readonly strategy?: StrategyName;
  readonly fairness?: 'weighted' | 'none';
  /** Narrows this call: categories or patterns. */
  readonly types?: readonly string[];
  /** Declared for this call alone, instead of what was registered. */
  readonly capabilities?: WorkerCapabilities;
  /** 1,000–3,600,000; default 30,000. */
  readonly leaseMs?: number;
  readonly signal?: AbortSignal;
}

export interface RegisterInput {
  readonly capabilities?: WorkerCapabilities;
  readonly strategy?: StrategyName;
  readonly fairness?: 'weighted' | 'none';
  /** Pattern → version of its handler. */
  readonly versions?: Readonly<Record<string, string>>;
}

export interface InboxItem {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  readonly priority: number;
  readonly attempts: number;
  readonly runAfterUtc: number;
  readonly compatibility: string;
}

export interface WorkerHandle {
  readonly workerId: string;
  /** True where a claim that waits is the hint, and `wake` but waits. */
  readonly waitsInClaim?: true;
  register(input?: RegisterInput): Promise<WorkerInfo>;
  /** A sign of life; changes the worker's status. */
  beat(status: WorkerStatus): Promise<void>;
  deregister(): Promise<void>;
  inbox(limit?: number): Promise<readonly InboxItem[]>;
  claim(options?: ClaimOptions): Promise<readonly ClaimedTask[]>;
  heartbeat(leases: readonly LeaseRef[], leaseMs?: number): Promise<HeartbeatResult>;
  /** A batch of ends, one answer each, in order. Resolves after the commit. */
  settle(items: readonly Settlement[]): Promise<readonly SettleResult[]>;
  /** One end; throws `lease_lost`. */
  complete(lease: LeaseRef, result?: unknown, timing?: { readonly startedAfterMs?: number; readonly runMs?: number }): Promise<void>;
  fail(lease: LeaseRef, error: unknown, options?: { readonly retry?: boolean; readonly retryInMs?: number }): Promise<TaskState>;
  release(lease: LeaseRef, options?: { readonly delayMs?: number }): Promise<void>;
  progress(lease: LeaseRef, value: Json): Promise<void>;
  log(lease: LeaseRef, message: string, details?: Json): Promise<void>;
  /** Enqueues for the client and under the submitter of the leased task. */
  enqueueChild(lease: LeaseRef, type: string, payload?: unknown, options?: EnqueueOptions): Promise<EnqueueResult>;
  /** Several at once, all or none; `then` is one more that waits for all of them. */
  enqueueChildren(lease: LeaseRef, items: readonly EnqueueItem[], options?: { readonly then?: EnqueueItem }): Promise<ChildrenResult>;
  /** How the parents of the leased task ended, in the order of `dependsOn`. */
  parents(lease: LeaseRef, page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<ParentResult>>;
  /** Resolves when something may have become claimable, or after `timeoutMs`: a hint, polling is the truth. */
  wake(timeoutMs: number, signal?: AbortSignal): Promise<void>;
}

export interface SystemHandle extends AuditSystem {
  /** One bounded step of everything that is due. Any process may run it; none is needed for safety. */
  tick(): Promise<TickReport>;
  /** Fires the ticks of schedules that have come, in bounded steps; how many tasks that made. Any process may. */
  fire(): Promise<number>;
  stats(): Promise<QueueStats>;
  /** Chains what the audit got since the last time, in bounded steps; how many rows. */
  seal(): Promise<number>;
  /** The numbers of `stats`, for what collects them. */
  metrics(): Promise<QueueStats>;
  /** A one-time secret that makes the first admin's key, for 15 minutes; null when an admin of the platform has a key. */
  openBootstrap(): Promise<BootstrapSecret | null>;
}

/** Reads and verifies what happened; sees no payload and changes nothing. */
export interface AuditorHandle extends Pick<TaskReads, 'events'> {
  readonly audit: AuditReads;
  stats(): Promise<QueueStats>;
  metrics(): Promise<QueueStats>;
  logs(taskId: string, page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<LogEntry>>;
  securityEvents(page?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<SecurityEvent>>;
}

/** The handle of each role. */
export type HandleOf<P extends Principal> = P extends { role: 'client' }
  ? ClientHandle
  : P extends { role: 'worker' }
    ? WorkerHandle
    : P extends { role: 'admin' }
      ? AdminHandle
      : P extends { role: 'auditor' }
        ? AuditorHandle
        : SystemHandle;

export interface HandleOptions {
  /** Payloads, results and progress are answered as `JsonText`, byte for byte. */
  readonly raw?: boolean;
}

export interface Queue extends AsyncDisposable {
  readonly url: string;
  /** The one door: what this principal may do, and nothing else. */
  as<P extends Principal>(principal: P, options?: HandleOptions): HandleOf<P>;
  /** Refuses what the principal may not do, and puts the refusal on record. */
  authorize(principal: Principal, operation: Operation): Promise<void>;
  /** Puts a refusal on record that the access table does not know of. `because` is one word of a few. */
  refused(principal: Principal, operation: Operation, because: string): Promise<void>;
  /** What this principal may read of workers, grants, keys, clients and categories. */
  book(principal: Principal): BookReads;
  /** Whether the store answers; throws as it does. */
  ping(): Promise<void>;
  /** What this queue's servers sign with: 64 hex digits of that name, the same for all of them. */
  secret(name: string): Promise<string>;
  /** The program's own client handle: registers the client on first use. Default id: `default`. */
  client(clientId?: string): ClientHandle;
  /** A worker of this process, granted `grants` (default: everything of every client). */
  worker(workerId: string, grants?: readonly GrantSpec[]): WorkerHandle;
  /** The embedding program as the platform's operator. */
  admin(): AdminHandle;
  system(): SystemHandle;
  /**
   * Who this credential (an API key, or a token that the configured verifier takes) is. Throws `unauthenticated`, one answer for
   * all that do not open, or `client_suspended`. Known credentials are remembered for at most 5 s: ask again on each request.
   */
  principalOf(credential: string, from?: CallerOrigin): Promise<KeyPrincipal>;
  /** The handle of whom this API key belongs to; throws as `principalOf`. */
  authenticate(key: string): Promise<ClientHandle | WorkerHandle | AdminHandle | AuditorHandle>;
  /** Trades the one-time secret for the key of the first admin of the platform; throws `unauthenticated`. */
  bootstrap(secret: string, from?: CallerOrigin): Promise<MadeKey>;
  /** What the audit says of everything that was ever enqueued. */
  auditSummary(): Promise<AuditReport>;
  /** How a worker of this process renews its leases in a thread of its own; null where only the main loop can. */
  renewal(workerId: string): { readonly module: string; readonly data: unknown } | null;
  readonly capabilities: { readonly renewal: 'thread' | 'loop'; readonly file: string | null; readonly engine: 'sqlite' | 'postgres' };
  close(): Promise<void>;
}
