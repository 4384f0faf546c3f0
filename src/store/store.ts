// The persistence port: what an engine must do, as named operations. Every call carries a scope (who acts, for which clients);
// there is no unscoped call. An engine answers with data; typed refusals are values for items of a batch and errors otherwise.
import type { ChainName } from '../domain/audit-chain.ts';
import type { AnchoredHead } from '../domain/audit-check.ts';
import type { AuditPage, AuditSummary, CutStore, TrailFilter, TrailRow } from './audit.ts';
import type { StoreScope } from './scope.ts';
import type { ClientRow, GrantRow, KeyRow, NewKeyRow, Rotation, FoundKey, CategoryRow, SecurityRow, NewSecurityEvent } from './book-rows.ts';
export type { ClientRow, GrantRow, KeyRow, NewKeyRow, Rotation, FoundKey, CategoryRow, SecurityRow, NewSecurityEvent } from './book-rows.ts';
import type { BulkStore } from './bulk.ts';
export type { BulkItem, BulkRefusal } from './bulk.ts';
import type { DataKeyStore } from './data-keys.ts';
import type { BackoffPolicy } from '../domain/retry.ts';
import type { Refusal, Result } from '../domain/errors.ts';
import type { LaneOf } from '../domain/capability.ts';
import type { ExplainFacts, WorkerSet } from '../domain/explain.ts';
import type { ForecastFacts } from '../domain/forecast.ts';
import type { SlaFilter } from '../domain/sla.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { Strategy } from '../domain/strategy.ts';
import type { DatabaseCapabilities } from './database.ts';
import type { LimitStore } from './limits.ts';
import type { QuotaStore } from './quotas.ts';
import type { ScheduleStore } from './schedules.ts';
import type {
  ClaimedTask,
  DependencyInfo,
  ParentResult,
  GrantSpec,
  HeartbeatResult,
  LeaseRef,
  LogEntry,
  NewTask,
  SettleResult,
  StreamEntry,
  Settlement,
  Task,
  TaskFailure,
  TickReport,
  WorkerCapabilities,
  WorkerInfo,
  WorkerStatus,
} from '../domain/task.ts';
import type { Interest } from './waiting.ts';

export interface EnqueueOutcome {
  readonly taskId: string;
  readonly status: TaskState;
  readonly createdAtUtc: number;
  readonly deduplicated: boolean;
}

export type Outcomes = readonly Result<EnqueueOutcome>[];

export interface ClaimRequest {
  readonly max: number;
  readonly leaseMs: number;
  /** Absent: the worker's own, as registered. */
  readonly strategy?: string;
  readonly fairness?: 'weighted' | 'none';
  readonly types?: readonly string[];
  /** Declared for this call alone, instead of what was registered. */
  readonly capabilities?: WorkerCapabilities;
}

export interface TaskFilter {
  readonly status?: TaskState;
  readonly type?: string;
  /** Pairs that a task has all of; at least one. Only with one client, and a scope that reads metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** By due time, the latest first. Not with metadata. */
  readonly sla?: SlaFilter;
  readonly limit: number;
  readonly cursor?: string;
}
export interface UnroutableFacts {
  readonly lanes: readonly (LaneOf & { readonly waiting: number })[];
  readonly sets: readonly WorkerSet[];
}
/** A task, or one that would be enqueued now. */
export type ForecastAsked = { readonly taskId: string } | { readonly type: string; readonly priority: number };
export interface StorePage<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface StreamPage {
  readonly items: readonly StreamEntry[];
  /** Where to go on. */
  readonly last: number;
  /** There is more to look at now. */
  readonly more: boolean;
}

export interface TaskChange {
  readonly payload?: { readonly text: string; readonly format: string | null };
  readonly maxAttempts?: number;
  readonly maxRunMs?: number;
  readonly metadata?: string | null;
  /** SHA-256 hex of the old and of the new payload are put in the audit by this function. */
  readonly digest: (text: string) => string;
}

export interface Registration {
  readonly capabilities: WorkerCapabilities;
  readonly strategy: string;
  readonly fairness: 'weighted' | 'none';
  readonly versions: Readonly<Record<string, string>>;
  /** Given by the embedding program with its handle; replaces what it gave before. */
  readonly grants?: readonly GrantSpec[];
}

export interface Counts {
  readonly byStatus: Readonly<Record<TaskState, number>>;
  readonly byType: readonly { readonly type: string; readonly status: TaskState; readonly count: number }[];
  readonly oldestQueuedAtUtc: number | null;
  /** What ended in the last 24 h, and the completed of the last hour. */
  readonly ended: {
    readonly completed: number;
    readonly deadLetter: number;
    readonly retried: number;
    readonly attempts: number;
    readonly completedLastHour: number;
  };
  readonly runMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly count: number };
  readonly workers: { readonly total: number; readonly active: number; readonly stale: number };
  /** Of the tasks with a due time that are kept. */
  readonly sla: { readonly atRisk: number; readonly breached: number; readonly met: number };
  readonly nowUtc: number;
}

export type CategoryMode = 'open' | 'hierarchical' | 'registered';

export interface Store extends CutStore, BulkStore, DataKeyStore {
  readonly capabilities: {
    readonly renewal: 'thread' | 'loop';
    readonly file: string | null;
    readonly engine: 'sqlite' | 'postgres';
    readonly database?: DatabaseCapabilities;
  };
  now(): number;

  // tasks of a client
  /** With `seen`, only while the registry has this version. @throws QueueError by `isRegistryChanged` */
  enqueue(
    scope: StoreScope,
    tasks: readonly NewTask[],
    options: { readonly atomic: boolean; readonly createClients: boolean; readonly seen?: string },
  ): Promise<Outcomes>;
  /** Inside the caller's own transaction `tx`, whose commit decides; throws instead of answering refusals. */
  enqueueInside(scope: StoreScope, tx: unknown, tasks: readonly NewTask[], options: { readonly createClients: boolean }): Outcomes | Promise<Outcomes>;
  task(scope: StoreScope, taskId: string): Promise<Task | null>;
  tasks(scope: StoreScope, filter: TaskFilter): Promise<StorePage<Task>>;
  /** Edges of a task; null when it is not there. */
  dependencies(
    scope: StoreScope,
    taskId: string,
    page: { readonly direction: 'parents' | 'children'; readonly limit: number; readonly cursor?: string },
  ): Promise<StorePage<DependencyInfo> | null>;
  logs(scope: StoreScope, taskId: string, page: { readonly limit: number; readonly cursor?: string }): Promise<StorePage<LogEntry> | null>;
  /** What happened after a position, oldest first. `after` null: only where the audit is now. */
  events(scope: StoreScope, after: number | null, limit: number): Promise<StreamPage>;
  counts(scope: StoreScope): Promise<Counts>;
  /** What is known of why a task of this client does not run. */
  explain(scope: StoreScope, clientId: string, taskId: string): Promise<ExplainFacts | null>;
  /** Lanes with tasks that are due and that no live worker covers, and the workers there are. */
  unroutable(scope: StoreScope, most: number): Promise<UnroutableFacts>;
  /** What a forecast is made from; null when there is no such task of this client. */
  forecast(scope: StoreScope, clientId: string, asked: ForecastAsked): Promise<ForecastFacts | null>;
  cancel(scope: StoreScope, taskId: string, reason: string): Promise<Refusal | null>;
  requeue(scope: StoreScope, taskId: string): Promise<Refusal | null>;
  reprioritise(scope: StoreScope, taskId: string, priority: number): Promise<Refusal | null>;
  amend(scope: StoreScope, taskId: string, change: TaskChange): Promise<Refusal | null>;
  /** With its security event in the same transaction. */
  purge(scope: StoreScope, taskId: string): Promise<Refusal | null>;

  // workers
  register(scope: StoreScope, registration: Registration): Promise<WorkerInfo>;
  beat(scope: StoreScope, status: WorkerStatus): Promise<boolean>;
  deregister(scope: StoreScope): Promise<void>;
  workers(scope: StoreScope): Promise<readonly WorkerInfo[]>;
  removeWorker(scope: StoreScope, workerId: string): Promise<boolean>;
  pruneWorkers(scope: StoreScope, staleMs: number): Promise<number>;
  inbox(scope: StoreScope, limit: number): Promise<readonly InboxRow[]>;
  claim(scope: StoreScope, request: ClaimRequest): Promise<readonly ClaimedTask[]>;
  heartbeat(scope: StoreScope, leases: readonly LeaseRef[] | 'all', leaseMs: number): Promise<HeartbeatResult>;
  settle(scope: StoreScope, items: readonly Settlement[]): Promise<readonly SettleResult[]>;
  progress(scope: StoreScope, lease: LeaseRef, value: string): Promise<boolean>;
  message(scope: StoreScope, lease: LeaseRef, message: string, details: string | null): Promise<boolean>;
  /** How the parents of a held task ended; null when the lease is lost. */
  parents(scope: StoreScope, lease: LeaseRef, page: { readonly limit: number; readonly cursor?: string }): Promise<StorePage<ParentResult> | null>;
  /** The client and submitter of a held task, or null when the lease is lost. */
  holder(
    scope: StoreScope,
    lease: LeaseRef,
  ): Promise<{ readonly createdBy: string | null; readonly traceparent: string | null; readonly priority: number; readonly dueAtUtc: number | null } | null>;

  // the book
  createClient(scope: StoreScope, clientId: string, weight: number): Promise<ClientRow | null>;
  clients(scope: StoreScope): Promise<readonly ClientRow[]>;
  updateClient(scope: StoreScope, clientId: string, change: { readonly status?: 'active' | 'suspended'; readonly weight?: number }): Promise<ClientRow | null>;
  createGrant(scope: StoreScope, grantId: string, workerId: string, grant: GrantSpec): Promise<GrantRow | null>;
  grants(scope: StoreScope, workerId?: string): Promise<readonly GrantRow[]>;
  deleteGrant(scope: StoreScope, grantId: string): Promise<boolean>;
  /** The key, its grants and their events in one transaction. */
  createKey(scope: StoreScope, key: NewKeyRow): Promise<Result<KeyRow>>;
  keys(scope: StoreScope): Promise<readonly KeyRow[]>;
  findKey(digest: string): Promise<FoundKey | null>;
  /** Notes that a key is used, when the last note is a minute old. */
  touchKey(keyId: string): Promise<void>;
  rotateKey(scope: StoreScope, keyId: string, rotation: Rotation): Promise<Result<KeyRow>>;
  revokeKey(scope: StoreScope, keyId: string): Promise<boolean>;
  /** Keeps the digest of a one-time secret in place of an older one; the instant until which it opens, or null while an admin of the platform has a key. */
  openBootstrap(scope: StoreScope, digest: string, ttlMs: number): Promise<number | null>;
  /** Makes the first admin's key and forgets the secret, in one transaction; null when the secret does not open. */
  useBootstrap(digest: string, key: NewKeyRow): Promise<KeyRow | null>;
  setCategory(scope: StoreScope, category: CategoryRow): Promise<void>;
  /** `remembered`: may be answered from memory while the registry is empty, with `seen` for the enqueue to name. */
  categories(remembered?: boolean): Promise<{ readonly mode: CategoryMode; readonly rows: readonly CategoryRow[]; readonly seen?: string }>;
  deleteCategory(scope: StoreScope, pattern: string): Promise<boolean>;
  setCategoryMode(scope: StoreScope, mode: CategoryMode): Promise<void>;
  securityEvents(scope: StoreScope, page: { readonly limit: number; readonly cursor?: string }): Promise<StorePage<SecurityRow>>;
  recordSecurity(event: NewSecurityEvent): Promise<void>;

  readonly schedules: ScheduleStore;
  readonly limits: LimitStore;
  readonly quotas: QuotaStore;

  // the system
  /** Chains up to `most` rows of the audit that have no seal yet; how many. `patient` leaves the youngest to a process that was faster before. */
  seal(most: number, options?: { readonly patient?: boolean }): Promise<number>;
  audit(scope: StoreScope, chain: ChainName, after: number, most: number): Promise<AuditPage>;
  auditHeads(scope: StoreScope): Promise<readonly AnchoredHead[]>;
  trail(scope: StoreScope, filter: TrailFilter): Promise<StorePage<TrailRow>>;
  /** 64 hex digits that are made at first use and stay. */
  secret(name: string): Promise<string>;
  tick(options: { readonly retentionMs: number }): Promise<TickReport>;
  auditSummary(): Promise<AuditSummary>;
  /** Resolves when something of what is waited for may have changed (true) or after the time (false): a hint. */
  changed(timeoutMs: number, signal?: AbortSignal, interest?: Interest): Promise<boolean>;
  close(): Promise<void>;
}

export interface InboxRow {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  readonly priority: number;
  readonly attempts: number;
  readonly runAfterUtc: number;
  readonly compatibility: string;
}

export interface StoreOptions {
  /** Milliseconds since the epoch: the database's clock. Replaced in tests. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** `n` random bytes in hex. */
  readonly randomHex: (bytes: number) => string;
  readonly strategies: readonly Strategy[];
  readonly defaultBackoff: BackoffPolicy;
  /** How long a write waits for another process; ms. */
  readonly busyTimeoutMs: number;
  readonly lanesPerClient: number;
}
export type { StoreScope } from './scope.ts';
export type { AuditPage, AuditRetention, AuditSummary, CutReport, TrailFilter, TrailRow } from './audit.ts';
export type { LimitStore } from './limits.ts';
export type { DueSchedule, Firing, ScheduleRow, ScheduleStore } from './schedules.ts';
export type { TaskFailure };
