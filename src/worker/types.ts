// What a user of the worker sees: handlers and their context, options, the running worker, and what it reports.
import type { ChildrenResult, EnqueueItem, EnqueueResult, StandardSchema, TaskDefinition } from '../service/handles.ts';
import type { StrategyName } from '../domain/strategy.ts';
import type { TaskState } from '../domain/lifecycle.ts';
import type { ClaimedTask, EnqueueOptions, Json, ParentResult, TaskFailure, WorkerCapabilities, WorkerStatus } from '../domain/task.ts';
import type { Clock } from './clock.ts';
import type { Registry } from './registry.ts';
import type { Renewal } from './renewal.ts';

/** A parent as its child's handler sees it. */
export interface ParentOutcome extends Omit<ParentResult, 'result'> {
  /** Null where it did not complete. */
  readonly result: Json;
}

/** Why a handler's signal fired: `signal.reason.code`. */
export type AbortCause = 'lease_lost' | 'cancelled' | 'timed_out' | 'shutdown';

export interface HandlerContext {
  readonly task: ClaimedTask;
  /** 1 on the first run of this task; crashes count. */
  readonly attempt: number;
  /** Rises with every claim of this task, over requeues and restores: hand it to outside systems that can compare it. */
  readonly fence: number;
  /** The same over all attempts of the task: for outside systems that refuse a repeat. */
  readonly idempotencyKey: string;
  /** Fires when the lease is lost, the task cancelled or too slow, or the worker stops; `reason.code` says which. */
  readonly signal: AbortSignal;
  /** Shows how far the task is; the latest value wins. */
  readonly progress: (value: Json) => Promise<void>;
  /** A line in the messages of the task. */
  readonly log: (message: string, details?: Json) => Promise<void>;
  /** Enqueues for the client and in the name of the submitter of this task. */
  readonly enqueueChild: (type: string, payload?: unknown, options?: EnqueueOptions) => Promise<EnqueueResult>;
  /** Several at once, all or none; `then` is one more that waits for all of them: how a task goes on when its children are done. */
  readonly enqueueChildren: (items: readonly EnqueueItem[], options?: { readonly then?: EnqueueItem }) => Promise<ChildrenResult>;
  /** How the tasks that this one waited for ended, in the order of `dependsOn`. Asked for: most handlers have none. */
  readonly parents: () => Promise<readonly ParentOutcome[]>;
}

/** Written as a method so that a handler may name a narrower input than `unknown`. */
export type Handler<Input = unknown, Output = unknown> = { run(input: Input, ctx: HandlerContext): Output | Promise<Output> }['run'];

export interface HandlerSpec<Input = unknown> {
  readonly run: Handler<Input>;
  /** Shown with the worker, so that it can be told which code ran. */
  readonly version?: string;
  /** Any Standard Schema; what it refuses fails without retry. */
  readonly input?: StandardSchema<Input>;
  /** Checked before the result is stored. */
  readonly output?: StandardSchema<unknown>;
  /** Replaces an earlier handler of the same pattern. */
  readonly override?: boolean;
}

/** One handler of a list: the pattern or the definition of the task, and what runs. */
export type HandlerEntry = readonly [task: string | TaskDefinition<unknown, unknown>, handler: Handler | HandlerSpec];

/** Pattern → handler, a list that may be keyed by `defineTask` definitions, or a registry made beforehand. */
export type Handlers = Readonly<Record<string, Handler | HandlerSpec>> | readonly HandlerEntry[] | Registry;

/** The part of pino's interface that is used. */
export interface WorkerLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface WorkerOptions {
  /** Default `<name>-<8 random hex>`: an identity per start, so that a restart is never taken for the one before. Ignored when a handle is given; with a server it is that of the key, and need not be given. */
  readonly workerId?: string;
  /** Default `worker`. */
  readonly name?: string;
  /** Clients whose tasks are taken; default all. With a queue these are also the grants. */
  readonly clients?: readonly string[];
  /** Handlers at work at once; 1–10,000, default 10. */
  readonly concurrency?: number;
  /** Claimed beyond that and kept ready; 0–500. Default: at most min(500, max(concurrency × 4, 16)), and no more than is started within a second. */
  readonly prefetch?: number;
  readonly strategy?: StrategyName;
  readonly fairness?: 'weighted' | 'none';
  /** 1,000–3,600,000 ms, default 30,000; renewed at a third. */
  readonly leaseMs?: number;
  /**
   * An idle worker looks this often even when nothing woke it; 1–60,000 ms, default 1,000. With a server: how long one claim
   * waits there, at most 30,000 ms and a third of the lease; default 20,000.
   */
  readonly pollMs?: number;
  /** Stops after so many claimed tasks. */
  readonly maxTasks?: number;
  /** Stops when nothing is claimable and nothing runs. */
  readonly drain?: boolean;
  /** How long `stop` waits for handlers; 0–3,600,000 ms, default 10,000. The last second or quarter of it is after their signals fired. */
  readonly graceMs?: number;
  /** What `compatibility` of a task is compared with. */
  readonly attributes?: NonNullable<WorkerCapabilities['attributes']>;
  /** Narrows every claim: categories or patterns; default those of the handlers. */
  readonly types?: readonly string[];
  /** A handler that blocks the event loop keeps its lease at most this long; 1,000–86,400,000 ms, default 600,000. */
  readonly maxBlockMs?: number;
  /** Largest stored result in bytes of JSON; 1–1,000,000, default 1,000,000. */
  readonly maxResultBytes?: number;
  /** Default: a thread with its own connection where the queue has one, else the event loop. */
  readonly renewal?: Renewal;
  /** Default: warnings and errors on the console. */
  readonly logger?: WorkerLogger;
  readonly onEvent?: (event: WorkerEvent) => void;
  /** Replaced in tests. */
  readonly clock?: Clock;
  /** Uniform in [0, 1): jitter. Replaced in tests. */
  readonly random?: () => number;
}

/** Counts of tasks since the start. */
export interface WorkerSummary {
  readonly claimed: number;
  readonly completed: number;
  readonly failed: number;
  readonly released: number;
  /** The lease was gone before the outcome was accepted: they run again elsewhere. */
  readonly lost: number;
  /** Cancelled by their owner while held here. */
  readonly cancelled: number;
}

interface TaskNamed {
  readonly taskId: string;
  readonly clientId: string;
  readonly taskType: string;
  readonly attempt: number;
}

export type WorkerEvent =
  | { readonly type: 'ready'; readonly workerId: string; readonly patterns: readonly string[] }
  /** The outcome of one attempt is durable. */
  | ({
      readonly type: 'ended';
      readonly op: 'complete' | 'fail' | 'release';
      readonly status: TaskState;
      readonly runMs: number;
      readonly error?: TaskFailure;
    } & TaskNamed)
  | ({ readonly type: 'lost'; readonly cause: 'lease_lost' | 'cancelled'; readonly message: string } & TaskNamed)
  | ({ readonly type: 'timed_out'; readonly maxRunMs: number } & TaskNamed)
  /** A handler went on although its signal had fired; its slot was given to others. */
  | ({ readonly type: 'abandoned'; readonly message: string } & TaskNamed)
  /** Something was refused or out of reach; it is tried again unless `fatal`. */
  | {
      readonly type: 'trouble';
      readonly where: 'register' | 'claim' | 'settle' | 'renew' | 'beat' | 'wake' | 'deregister' | 'loop';
      readonly error: unknown;
      readonly failures: number;
      readonly fatal: boolean;
    }
  | { readonly type: 'stopped'; readonly workerId: string; readonly summary: WorkerSummary };

export interface Worker extends AsyncDisposable {
  /** With a server and without the option: '' until it is registered. */
  readonly workerId: string;
  readonly status: Exclude<WorkerStatus, 'stale'>;
  /** Counts so far. */
  readonly summary: WorkerSummary;
  /** Resolves when the worker has stopped, for whatever reason; rejects when it could not go on. */
  readonly done: Promise<WorkerSummary>;
  /**
   * Stops gracefully: claims no more, hands back what was not started, lets handlers finish; then fires their signals, and
   * hands back what still does not end. May be called at any time and again; a shorter `graceMs` shortens the wait.
   */
  stop(options?: { readonly graceMs?: number }): Promise<WorkerSummary>;
  /** Switches how the next tasks are chosen, while running. Throws `unknown_strategy`. */
  strategy(name: StrategyName): Promise<void>;
  /** Claims nothing until `resume`; what is held goes on. */
  pause(): void;
  resume(): void;
}
