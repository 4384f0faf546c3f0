// Rows of any engine as the nouns of the domain. Each list of columns is the order in which the statements name them.
import type { ChainName, Seal } from '../domain/audit-chain.ts';
import { matches } from '../domain/category.ts';
import type { LaneOf } from '../domain/capability.ts';
import { JsonText } from '../domain/json-text.ts';
import type { TaskEvent, TaskState } from '../domain/lifecycle.ts';
import { slaOf } from '../domain/sla.ts';
import type { SlaTold } from '../domain/sla.ts';
import { LIMITS } from '../domain/limits.ts';
import type { BackoffPolicy } from '../domain/retry.ts';
import type { DependencyPolicy, EdgeState } from '../domain/dependencies.ts';
import type {
  ClaimedTask,
  Compatibility,
  DependencyInfo,
  Json,
  LogEntry,
  ParentResult,
  Task,
  WorkerCapabilities,
  WorkerInfo,
  WorkerStatus,
} from '../domain/task.ts';
import type { CategoryMode, CategoryRow, ClientRow, GrantRow, InboxRow, KeyRow, SecurityRow } from './store.ts';

export type StoredRow = readonly unknown[];

export interface Categories {
  readonly mode: CategoryMode;
  readonly rows: readonly CategoryRow[];
  /** Where the registry was not asked but remembered: its version, which the enqueue has to name. */
  readonly seen?: string;
}

// Tasks

export const OPEN_COLUMNS = [
  'id',
  'client_id',
  'type',
  'status',
  'priority',
  'effective_priority',
  'attempts',
  'max_attempts',
  'generation',
  'releases',
  'compatibility',
  'region',
  'format',
  'created_by',
  'traceparent',
  'locked_by',
  'created_at_utc',
  'updated_at_utc',
  'run_after_utc',
  'expires_at_utc',
  'due_at_utc',
  'max_run_ms',
  'reserved_at_utc',
  'lease_until_utc',
  'processing_started_utc',
  'finished_at_utc',
  'parent_task_id',
  'waiting_for',
  'sla',
] as const;
export const PRIVATE_COLUMNS = ['payload', 'result', 'error_message', 'progress', 'idempotency_key', 'metadata'] as const;

const parse = (text: unknown): Json => (text === null || text === undefined ? null : (JSON.parse(text as string) as Json));

/** The user's JSON as data, or as the text that it is. */
const given = (text: unknown, raw: boolean): Json => (raw && typeof text === 'string' ? (new JsonText(text) as unknown as Json) : parse(text));

/** A row of OPEN_COLUMNS, and of PRIVATE_COLUMNS after them where the reader may see them. */
export function taskOf(row: StoredRow, raw: boolean): Task {
  const open = {
    taskId: row[0] as string,
    clientId: row[1] as string,
    type: row[2] as string,
    status: row[3] as TaskState,
    priority: row[4] as number,
    effectivePriority: row[5] as number,
    attempts: row[6] as number,
    maxAttempts: row[7] as number,
    generation: row[8] as number,
    releases: row[9] as number,
    compatibility: parse(row[10]) as Compatibility,
    region: row[11] as string | null,
    format: row[12] as string | null,
    createdBy: row[13] as string | null,
    traceparent: row[14] as string | null,
    lockedBy: row[15] as string | null,
    createdAtUtc: row[16] as number,
    updatedAtUtc: row[17] as number,
    runAfterUtc: row[18] as number,
    expiresAtUtc: row[19] as number | null,
    dueAtUtc: row[20] as number | null,
    maxRunMs: row[21] as number,
    reservedAtUtc: row[22] as number | null,
    leaseUntilUtc: row[23] as number | null,
    processingStartedUtc: row[24] as number | null,
    finishedAtUtc: row[25] as number | null,
    parentTaskId: row[26] as string | null,
    waitingFor: (row[27] as number | null) ?? 0,
  };
  const sla = slaOf(open, row[28] as SlaTold | null);
  const rest = {
    errorMessage: (row[31] as string | null | undefined) ?? null,
    progress: given(row[32], raw),
    idempotencyKey: (row[33] as string | null | undefined) ?? null,
    metadata: (row[34] === undefined ? {} : (parse(row[34]) ?? {})) as Record<string, string>,
  };
  return row.length > OPEN_COLUMNS.length ? { ...open, sla, ...rest, payload: given(row[29], raw), result: given(row[30], raw) } : { ...open, sla, ...rest };
}

export const logOf = (row: StoredRow): LogEntry => ({
  logId: row[0] as number,
  taskId: row[1] as string,
  clientId: row[2] as string,
  atUtc: row[3] as number,
  level: row[4] as LogEntry['level'],
  message: row[5] as string,
  event: row[6] as TaskEvent,
  fromStatus: row[7] as TaskState | null,
  toStatus: row[8] as TaskState | null,
  actor: row[9] as string,
  attempt: row[10] as number | null,
  details: (parse(row[11]) ?? {}) as LogEntry['details'],
});

export const inboxOf = (row: StoredRow): InboxRow => ({
  taskId: row[0] as string,
  clientId: row[1] as string,
  type: row[2] as string,
  priority: row[3] as number,
  attempts: row[4] as number,
  runAfterUtc: row[5] as number,
  compatibility: row[6] as string,
});

/** `epoch`: how often the store was restored, where the row has the claims of the task alone. */
export const claimedOf = (row: StoredRow, leaseId: string, leaseMs: number, epoch = 0): ClaimedTask => ({
  clientId: row[0] as string,
  taskId: row[1] as string,
  leaseId,
  type: row[2] as string,
  payload: row[3] as string,
  compatibility: row[4] as string,
  priority: row[5] as number,
  attempt: row[6] as number,
  maxAttempts: row[7] as number,
  leaseUntilUtc: row[8] as number,
  leaseMs,
  fence: epoch * 2 ** 32 + (row[9] as number),
  maxRunMs: row[10] as number,
  createdAtUtc: row[11] as number,
  createdBy: row[12] as string | null,
  metadata: row[13] as string | null,
  traceparent: row[14] as string | null,
});

// The book

export const workerOf = (row: StoredRow, now: number): WorkerInfo => ({
  workerId: row[0] as string,
  capabilities: JSON.parse(row[1] as string) as WorkerCapabilities,
  strategy: row[2] as string,
  status: now - (row[6] as number) > LIMITS.staleMs.default ? 'stale' : (row[3] as WorkerStatus),
  versions: JSON.parse(row[4] as string) as Record<string, string>,
  registeredAtUtc: row[5] as number,
  heartbeatUtc: row[6] as number,
  activeTasks: row[7] as number,
});

export function grantOf(row: StoredRow): GrantRow {
  const attributes = JSON.parse(row[4] as string) as Record<string, (string | number | boolean)[]>;
  const grant = {
    grantId: row[0] as string,
    workerId: row[1] as string,
    clientId: row[2] as string,
    pattern: row[3] as string,
    createdAtUtc: row[5] as number,
  };
  return Object.keys(attributes).length === 0 ? grant : { ...grant, attributes };
}

export const clientOfRow = (row: StoredRow): ClientRow => ({
  clientId: row[0] as string,
  status: row[1] as ClientRow['status'],
  weight: row[2] as number,
  createdAtUtc: row[3] as number,
});

/** A list of twelve columns; see key_list. */
export const keyOf = (row: StoredRow): KeyRow => ({
  keyId: row[0] as string,
  role: row[1] as KeyRow['role'],
  clientId: row[2] as string | null,
  workerId: row[3] as string | null,
  name: row[4] as string | null,
  createdAtUtc: row[5] as number,
  revokedAtUtc: row[6] as number | null,
  expiresAtUtc: row[7] as number | null,
  scopes: row[8] === null ? null : (JSON.parse(row[8] as string) as string[]),
  createdBy: row[9] as string | null,
  lastUsedAtUtc: row[10] as number | null,
  rotatedFrom: row[11] as string | null,
});

export const categoryOf = (row: StoredRow): CategoryRow => ({
  pattern: row[0] as string,
  priority: row[1] as number | null,
  maxAttempts: row[2] as number | null,
  maxRunMs: row[3] as number | null,
  backoff: row[4] === null ? null : (JSON.parse(row[4] as string) as BackoffPolicy),
  schema: row[5] as string | null,
  maxWaitMs: row[6] as number | null,
  version: row[7] as number,
});

export const unroutableOf = (row: StoredRow): LaneOf & { readonly waiting: number } => ({
  clientId: row[0] as string,
  type: row[1] as string,
  compatibility: parse(row[2]) as Compatibility,
  waiting: row[3] as number,
});

export const securityOf = (row: StoredRow): SecurityRow => ({
  eventId: row[0] as number,
  atUtc: row[1] as number,
  actor: row[2] as string,
  action: row[3] as string,
  clientId: row[4] as string | null,
  object: row[5] as string | null,
  outcome: row[6] as SecurityRow['outcome'],
  details: row[7] as string | null,
});

/** The value that the most specific matching category gives, or null. */
export function categoryValue<K extends 'priority' | 'maxAttempts' | 'maxRunMs' | 'backoff'>(
  rows: readonly CategoryRow[],
  type: string,
  key: K,
): CategoryRow[K] | null {
  let best: CategoryRow | null = null;
  for (const row of rows)
    if (row[key] !== null && matches(row.pattern, type) && (best === null || specificity(row.pattern) > specificity(best.pattern))) best = row;
  return best === null ? null : best[key];
}

const specificity = (pattern: string): number => (pattern === '*' ? 0 : pattern.endsWith('.*') ? pattern.length : 1000 + pattern.length);

// Dependencies

/** The first column is the cursor. */
export const edgeOf = (row: StoredRow): DependencyInfo => ({
  taskId: row[1] as string,
  parentId: row[2] as string,
  policy: row[3] as DependencyPolicy,
  state: row[4] as EdgeState,
  type: row[5] as string,
  status: row[6] as TaskState,
});

export const parentOf = (row: StoredRow): ParentResult => ({
  taskId: row[1] as string,
  type: row[2] as string,
  status: row[3] as TaskState,
  result: row[4] as string | null,
});

export const sealOf = (row: StoredRow): Seal => ({
  chain: row[0] as ChainName,
  clientId: row[1] as string,
  seq: row[2] as number,
  rows: row[3] as number,
  firstId: row[4] as number,
  lastId: row[5] as number,
  prevHash: row[6] as string,
  hash: row[7] as string,
  marks: row[8] as string,
  atUtc: row[9] as number,
});
