// The nouns: what a task, a lease, a worker and a log entry are, as plain readonly data in camelCase.
// Instants are integer milliseconds since the epoch (`…AtUtc`, `…UntilUtc`, `…AfterUtc`), durations end in `Ms`.
import type { Dependency, DependencyInput, DependencyPolicy, EdgeState } from './dependencies.ts';
import type { TaskEvent, TaskState } from './lifecycle.ts';
import type { SlaState } from './sla.ts';

/** Any JSON value. `payload` and `result` travel as their stored text, so key order and big numbers survive. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a task needs of a worker: each key equal, any of a list, or a number within `min`/`max`. */
export type Requirement = string | number | boolean | readonly (string | number | boolean)[] | { readonly min?: number; readonly max?: number };
export type Compatibility = Readonly<Record<string, Requirement>>;

/** The options of one enqueue. Everything has a default. */
export interface EnqueueOptions {
  /** 1–1000, lower first; default 100. */
  readonly priority?: number;
  readonly compatibility?: Compatibility;
  /** 1–100; default 5 or the category's. */
  readonly maxAttempts?: number;
  /** Start no sooner than this many ms from now … */
  readonly delayMs?: number;
  /** … or no sooner than this instant (ms since the epoch, or a Date). */
  readonly runAfterUtc?: number | Date;
  /** Cancelled (`expired`) when not started within this many ms … */
  readonly ttlMs?: number;
  /** … or by this instant. */
  readonly expiresAtUtc?: number | Date;
  /** Longest run of one attempt in ms; default 3,600,000. */
  readonly maxRunMs?: number;
  /** Unique per client; a repeat with the same content answers the first task. */
  readonly idempotencyKey?: string;
  /** When it should be done; orders the DEADLINE strategy. */
  readonly dueAtUtc?: number | Date;
  /** Sets `dueAtUtc` to now + this. */
  readonly maxWaitMs?: number;
  /** Flat strings, at most 16 keys. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly createdBy?: string;
  /** W3C trace context, kept and handed to the worker. */
  readonly traceparent?: string;
  /** Parents: the task is `blocked` until they are done with. Ids, or in one call of many positions of the same call. */
  readonly dependsOn?: readonly DependencyInput[];
  /** What limits under a free key count together: a host, an account, a customer. */
  readonly limitKey?: string;
}

/** One enqueue, checked and normalised by `domain/limits.ts`: what the store is given. */
export interface NewTask {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  /** JSON text, kept byte for byte. */
  readonly payload: string;
  /** Canonical JSON text: sorted keys. */
  readonly compatibility: string;
  readonly region: string | null;
  readonly format: string | null;
  readonly priority: number;
  readonly maxAttempts: number;
  /** Relative to the database's now; 0 is at once. */
  readonly delayMs: number;
  readonly runAfterUtc: number | null;
  readonly ttlMs: number | null;
  readonly expiresAtUtc: number | null;
  readonly maxRunMs: number;
  readonly idempotencyKey: string | null;
  /** SHA-256 (hex) of type, payload, compatibility, priority and schedule; null without a key. */
  readonly requestDigest: string | null;
  readonly dueAtUtc: number | null;
  readonly maxWaitMs: number | null;
  /** JSON text or null. */
  readonly metadata: string | null;
  readonly createdBy: string | null;
  readonly traceparent: string | null;
  readonly dependsOn: readonly Dependency[];
  /** Lineage: the task whose handler enqueued this one. */
  readonly parentTaskId: string | null;
  readonly limitKey: string | null;
}

/** A task as it is read. `payload`, `result` and `errorStack` are absent for who may not read them. */
export interface Task {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  readonly status: TaskState;
  readonly priority: number;
  readonly effectivePriority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly generation: number;
  readonly releases: number;
  readonly compatibility: Compatibility;
  readonly region: string | null;
  readonly format: string | null;
  readonly payload?: Json;
  readonly result?: Json;
  readonly errorMessage: string | null;
  readonly progress: Json;
  readonly idempotencyKey: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdBy: string | null;
  readonly traceparent: string | null;
  readonly lockedBy: string | null;
  readonly createdAtUtc: number;
  readonly updatedAtUtc: number;
  readonly runAfterUtc: number;
  readonly expiresAtUtc: number | null;
  readonly dueAtUtc: number | null;
  readonly maxRunMs: number;
  readonly reservedAtUtc: number | null;
  readonly leaseUntilUtc: number | null;
  readonly processingStartedUtc: number | null;
  readonly finishedAtUtc: number | null;
  /** Lineage: the task whose handler enqueued this one. What it waits for is `dependsOn`. */
  readonly parentTaskId: string | null;
  /** How many parents a blocked task waits for. */
  readonly waitingFor: number;
  /** How it stands with its due time; null without one. */
  readonly sla: SlaState | null;
}

/** One edge: `taskId` waits for `parentId`. Status and type are those of the other end of the one that was asked for. */
export interface DependencyInfo {
  readonly taskId: string;
  readonly parentId: string;
  readonly policy: DependencyPolicy;
  readonly state: EdgeState;
  readonly type: string;
  readonly status: TaskState;
}

/** A parent as its child's handler gets it. */
export interface ParentResult {
  readonly taskId: string;
  readonly type: string;
  readonly status: TaskState;
  /** JSON text as stored; null when it did not complete, or without one. */
  readonly result: string | null;
}

/** One row of the audit of one task. */
export interface LogEntry {
  /** The number in its task, from 1. */
  readonly logId: number;
  readonly taskId: string;
  readonly clientId: string;
  readonly atUtc: number;
  readonly level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
  readonly message: string;
  readonly event: TaskEvent;
  readonly fromStatus: TaskState | null;
  readonly toStatus: TaskState | null;
  readonly actor: string;
  readonly attempt: number | null;
  readonly details: Readonly<Record<string, Json>>;
}

/** An event with its place in the stream: counted within the client, or over all clients for who reads all. */
export interface StreamEntry extends LogEntry {
  readonly position: number;
}

/** What names one attempt in every worker write. */
export interface LeaseRef {
  readonly clientId: string;
  readonly taskId: string;
  readonly leaseId: string;
}

/** A task in a worker's hands. */
export interface ClaimedTask extends LeaseRef {
  readonly type: string;
  /** JSON text as stored. */
  readonly payload: string;
  readonly compatibility: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly leaseUntilUtc: number;
  readonly leaseMs: number;
  /** For outside systems: rises with every claim of this task, over requeues and restores. */
  readonly fence: number;
  readonly maxRunMs: number;
  readonly createdAtUtc: number;
  readonly createdBy: string | null;
  readonly metadata: string | null;
  readonly traceparent: string | null;
  /** How long the claim had waited before it took this, ms: the lease is that much younger than the call. Absent: not at all. */
  readonly waitedMs?: number;
}

/** How a worker ends an attempt. Durations are by the worker's monotonic clock, from the claim. */
export type Settlement = LeaseRef & { readonly startedAfterMs?: number; readonly runMs?: number } & (
    | { readonly op: 'complete'; readonly result?: string }
    | { readonly op: 'fail'; readonly error: TaskFailure; readonly retry?: boolean; readonly retryInMs?: number }
    | { readonly op: 'release'; readonly delayMs?: number }
  );

export interface TaskFailure {
  readonly message: string;
  readonly kind?: string;
  readonly stack?: string;
}

/** Why an end is not taken. `lease_lost`: the lease is gone; else it is kept, and another end may be tried. */
export type RefusedEnd = 'lease_lost' | 'invalid_transition' | 'invalid_payload' | 'payload_too_large' | 'invalid_input';

/** The answer to one settlement. A refused one changed nothing. */
export type SettleResult =
  | { readonly taskId: string; readonly ok: true; readonly status: TaskState }
  | { readonly taskId: string; readonly ok: false; readonly code: RefusedEnd; readonly message: string };

/** Lists of task ids: the tasks of one claim may share its lease id, a worker holds a task at most once. */
export interface HeartbeatResult {
  /** Leases that run on. */
  readonly extended: readonly string[];
  /** No longer held: stop the handler, its writes are refused. */
  readonly lost: readonly string[];
  /** Cancelled by their owner. */
  readonly cancelled: readonly string[];
  /** Reached `max_run_ms`: fail them as `timed_out`. */
  readonly timedOut: readonly string[];
}

export interface GrantSpec {
  readonly clientId: string;
  readonly pattern: string;
  /** Bounds on what the worker may declare: attribute → allowed values. */
  readonly attributes?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
}

/** What a worker says of itself. `categories` and `clients` narrow what it was granted; attributes answer `compatibility`. */
export interface WorkerCapabilities {
  readonly categories?: readonly string[];
  readonly clients?: readonly string[];
  readonly attributes?: Readonly<Record<string, string | number | boolean | readonly (string | number | boolean)[]>>;
}

export type WorkerStatus = 'ready' | 'busy' | 'draining' | 'offline' | 'stale';

export interface WorkerInfo {
  readonly workerId: string;
  readonly capabilities: WorkerCapabilities;
  readonly status: WorkerStatus;
  readonly strategy: string;
  readonly registeredAtUtc: number;
  readonly heartbeatUtc: number;
  readonly activeTasks: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** What the janitor did in one step; every number is rows. */
export interface TickReport {
  readonly expired: number;
  readonly promoted: number;
  readonly buried: number;
  readonly lapsed: number;
  readonly purged: number;
}

export interface EventOptions {
  readonly after?: number;
  readonly signal?: AbortSignal;
  /** In process: told where it goes on from, at the beginning and after each look. What is up to there was given, or is not the caller's. */
  readonly reached?: (logId: number) => void;
}
