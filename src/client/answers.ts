// What each operation answers, as data: the form of the wire after `decode`. The table of operations has a row for each.
import type { OperationName } from '../contract/operations.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { Role } from '../domain/principal.ts';
import type { NextAnchor } from '../domain/audit-anchor.ts';
import type { Explanation, Unroutable } from '../domain/explain.ts';
import type { Forecast } from '../domain/forecast.ts';
import type { QuotaInfo } from '../domain/quota.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { DependencyInfo, HeartbeatResult, LogEntry, SettleResult, Task, WorkerInfo } from '../domain/task.ts';
import type { LimitInfo } from '../domain/work-limit.ts';
import type { AnchoredHead, AuditVerdict } from '../domain/audit-check.ts';
import type {
  BulkReport,
  CategoryInfo,
  ChildrenResult,
  ClientInfo,
  DataKeyInfo,
  Erasure,
  ExportPage,
  EnqueueItemResult,
  EnqueueResult,
  GrantInfo,
  KeyInfo,
  MadeKey,
  QueueStats,
  SecurityEvent,
  AuditRetention,
  TrailEntry,
} from '../service/handles.ts';

/** Whose key it is. */
export interface Identity {
  readonly role: Exclude<Role, 'system'>;
  /** Null for workers, and for admins and auditors of the platform. */
  readonly clientId: string | null;
  readonly workerId: string | null;
  /** Null for a token that is no API key. */
  readonly keyId: string | null;
  /** Null: all that the role may do. */
  readonly scopes: readonly string[] | null;
}

interface Settled {
  readonly taskId: string;
  readonly status: TaskState;
}
interface Paged {
  readonly nextCursor: string | null;
}

export interface Answers {
  readonly enqueue: EnqueueResult;
  readonly enqueueMany: { readonly results: readonly EnqueueItemResult[] };
  readonly listTasks: Paged & { readonly tasks: readonly Task[] };
  readonly getTask: Task;
  readonly updateTask: Task;
  readonly taskPayload: Task;
  readonly purgeTask: undefined;
  readonly cancelTask: Task;
  readonly requeueTask: Task;
  readonly bulkCancel: BulkReport;
  readonly bulkRequeue: BulkReport;
  readonly bulkReprioritise: BulkReport;
  readonly bulkPurge: BulkReport;
  readonly taskLogs: Paged & { readonly logs: readonly LogEntry[] };
  readonly taskDependencies: Paged & { readonly dependencies: readonly DependencyInfo[] };
  readonly waitTask: Task;
  readonly explainTask: Explanation;
  readonly unroutable: { readonly work: readonly Unroutable[] };
  readonly forecastTask: Forecast;
  readonly forecastType: Forecast;
  readonly stats: QueueStats;
  readonly register: WorkerInfo;
  readonly beat: HeartbeatResult;
  readonly deregister: undefined;
  readonly inbox: { readonly tasks: readonly unknown[] };
  readonly claim: { readonly tasks: readonly unknown[]; readonly waitedMs?: number };
  readonly completeTask: Settled;
  readonly failTask: Settled;
  readonly releaseTask: Settled;
  readonly progressTask: undefined;
  readonly logTask: undefined;
  readonly enqueueChild: EnqueueResult;
  readonly enqueueChildren: ChildrenResult;
  readonly leaseParents: { readonly parents: readonly unknown[]; readonly nextAfter: number | null };
  readonly settle: { readonly results: readonly SettleResult[] };
  readonly whoami: Identity;
  readonly createClient: ClientInfo;
  readonly listClients: { readonly clients: readonly ClientInfo[] };
  readonly updateClient: ClientInfo;
  readonly setQuota: QuotaInfo;
  readonly quota: QuotaInfo;
  readonly encryptClient: DataKeyInfo;
  readonly eraseClient: Erasure;
  readonly exportClient: ExportPage;
  readonly listWorkers: { readonly workers: readonly WorkerInfo[] };
  readonly removeWorker: undefined;
  readonly pruneWorkers: { readonly removed: number };
  readonly createGrant: GrantInfo;
  readonly listGrants: { readonly grants: readonly GrantInfo[] };
  readonly deleteGrant: undefined;
  readonly createKey: MadeKey;
  readonly listKeys: { readonly keys: readonly KeyInfo[] };
  readonly rotateKey: MadeKey;
  readonly revokeKey: undefined;
  readonly bootstrap: MadeKey;
  readonly setCategory: CategoryInfo;
  readonly listCategories: { readonly mode: 'open' | 'hierarchical' | 'registered'; readonly categories: readonly CategoryInfo[] };
  readonly deleteCategory: undefined;
  readonly setCategoryMode: { readonly mode: 'open' | 'hierarchical' | 'registered' };
  readonly auditTrail: Paged & { readonly entries: readonly TrailEntry[] };
  readonly auditHeads: { readonly heads: readonly AnchoredHead[] };
  readonly verifyAudit: AuditVerdict;
  readonly nextAnchor: NextAnchor;
  readonly anchored: undefined;
  readonly auditRetention: { readonly clients: readonly AuditRetention[] };
  readonly retainAudit: undefined;
  readonly listSchedules: Paged & { readonly schedules: readonly Schedule[] };
  readonly getSchedule: Schedule;
  readonly setSchedule: Schedule;
  readonly deleteSchedule: undefined;
  readonly pauseSchedule: Schedule;
  readonly resumeSchedule: Schedule;
  readonly runSchedule: EnqueueResult;
  readonly previewSchedule: { readonly ticksUtc: readonly number[] };
  readonly listLimits: { readonly limits: readonly LimitInfo[] };
  readonly setLimit: LimitInfo;
  readonly deleteLimit: undefined;
  readonly pauseWork: LimitInfo;
  readonly resumeWork: undefined;
  readonly securityEvents: Paged & { readonly events: readonly SecurityEvent[] };
}

/** All but the streams and what wants no key: those are not asked by `call`. */
export type Callable = Exclude<OperationName, 'events' | 'enqueueStream' | 'exportAudit' | 'metrics' | 'livez' | 'readyz' | 'openapi'>;

/** What is missing above does not compile here. */
export type AnswerOf<Name extends Callable> = Answers[Name];
