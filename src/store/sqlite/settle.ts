// How attempts end, set-based: the ends of a batch are matched once against the current leases; what matched moves, with its
// audit; what did not is either the same end again (answered ok) or `lease_lost`, and changes nothing.
import { backoffMs } from '../../domain/retry.ts';
import type { BackoffPolicy } from '../../domain/retry.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import { LIMITS, cleanErrorText } from '../../domain/limits.ts';
import type { HeartbeatResult, LeaseRef, SettleResult, Settlement } from '../../domain/task.ts';
import type { StoreScope } from '../store.ts';
import { endedByAttempt } from './dependencies.ts';
import { draws } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './statements.ts';

export type BackoffOf = (type: string) => BackoffPolicy;

/** Settles the ends of one worker. One answer an item, in order. */
export function settleBatch(engine: Engine, scope: StoreScope, items: readonly Settlement[], backoffOf: BackoffOf): SettleResult[] {
  const { st } = engine;
  const now = engine.now();
  const workerId = scope.workerId as string;
  bindHolder(engine, workerId, items);
  const ops = stage(engine, items);
  st.run('settle_hits', { worker_id: workerId, now, most_releases: LIMITS.releases.default });
  if (ops.has('complete')) st.run('settle_finish', { now });
  move(engine, ops, now, scope.actor, backoffOf);
  const answers = answersOf(engine, items, workerId, now);
  st.run('ends_clear');
  st.run('hits_clear');
  return answers;
}

/** Lapsed leases end as failed attempts; three in a row bury the task. `*` is bound. */
export function expireLeases(engine: Engine, backoffOf: BackoffOf, now: number, most: number): { readonly expired: number; readonly buried: number } {
  const expired = engine.st.run('expire_hits', { now, most });
  if (expired === 0) return { expired: 0, buried: 0 };
  const buried = move(engine, new Set(['expire']), now, 'system', backoffOf);
  if (buried > 0) endedByAttempt(engine, now);
  engine.st.run('hits_clear');
  return { expired, buried };
}

/** The clients that the items name are bound: a lease of any other is not seen. */
function bindHolder(engine: Engine, workerId: string, items: readonly LeaseRef[]): void {
  engine.wall.bind({ clients: [...new Set(items.map((item) => item.clientId))].sort(), workerId });
}

function stage(engine: Engine, items: readonly Settlement[]): Set<string> {
  const ops = new Set<string>();
  const rows = items.map((item, i): Row => {
    ops.add(item.op);
    const error = item.op === 'fail' ? item.error : null;
    return [
      i,
      item.clientId,
      item.taskId,
      item.leaseId,
      item.op,
      item.op === 'complete' ? (item.result ?? null) : null,
      error?.kind === undefined ? null : cleanErrorText(error.kind, 200),
      error === null ? null : cleanErrorText(error.message, LIMITS.errorMessage.max),
      error?.stack === undefined ? null : cleanErrorText(error.stack, LIMITS.errorStack.max),
      item.op === 'fail' && item.retry === false ? 1 : 0,
      item.op === 'fail' ? (item.retryInMs ?? null) : item.op === 'release' ? (item.delayMs ?? null) : null,
      item.startedAfterMs ?? null,
      item.runMs ?? null,
    ];
  });
  engine.st.insertMany('ends_add', rows);
  return ops;
}

/** Everything after the hits: the lease goes, the next place and the audit come. How many were buried. */
function move(engine: Engine, ops: ReadonlySet<string>, now: number, actor: string, backoffOf: BackoffOf): number {
  const { st } = engine;
  const failed = ops.has('fail') || ops.has('expire');
  if (failed) decideFailures(engine, now, backoffOf);
  st.run('settle_unlease');
  st.run('settle_log', { now, actor });
  if (!failed && !ops.has('release')) return 0;
  st.run('settle_attempts', { now });
  if (ops.has('release')) {
    st.run('settle_release_ready', { now, draws: draws(engine) });
    st.run('settle_release_later', { now });
  }
  if (!failed) return 0;
  st.run('settle_retry');
  const buried = st.run('settle_bury', { now });
  if (buried > 0) st.run('settle_bury_log', { now });
  return buried;
}

/** Whether a failed attempt is retried, and when. A lapsed lease is retried at once: nobody knows that the task is to blame. */
function decideFailures(engine: Engine, now: number, backoffOf: BackoffOf): void {
  for (const [, taskNo, op, attempt, losses, maxAttempts, type, final, delayMs] of engine.st.rows('hits_failed')) {
    const dead =
      final === 1
        ? 'fatal'
        : (attempt as number) >= (maxAttempts as number)
          ? 'exhausted'
          : op === 'expire' && (losses as number) >= LIMITS.losses.default
            ? 'worker_lost'
            : null;
    const wait = op === 'expire' ? 0 : ((delayMs as number | null) ?? backoffMs(backoffOf(type as string), attempt as number, engine.options.random()));
    engine.st.run('hit_outcome', { task_no: taskNo as number, dead, run_after_utc: now + wait });
  }
}

const LEASE_LOST = 'the lease is not the current one: absent, lapsed, ended, or of another worker';

function answersOf(engine: Engine, items: readonly Settlement[], workerId: string, now: number): SettleResult[] {
  const status = new Map<number, TaskState | 'exhausted'>();
  let awaited = false;
  for (const [i, op, dead, waited] of engine.st.rows('settled')) {
    status.set(i as number, statusAfter(op as string, dead));
    if (waited === 1) awaited = true;
  }
  if (awaited) endedByAttempt(engine, now);
  if (status.size < items.length)
    for (const [i, again] of engine.st.rows('settle_repeats', { worker_id: workerId, now }))
      if (again !== null) status.set(i as number, again as TaskState | 'exhausted');
  return items.map((item, i) => {
    const now = status.get(i);
    if (now === undefined) return { taskId: item.taskId, ok: false, code: 'lease_lost', message: LEASE_LOST };
    if (now === 'exhausted')
      return {
        taskId: item.taskId,
        ok: false,
        code: 'invalid_transition',
        message: `a task can be handed back ${LIMITS.releases.default} times: fail it instead`,
      };
    return { taskId: item.taskId, ok: true, status: now };
  });
}

function statusAfter(op: string, dead: unknown): TaskState {
  if (op === 'complete') return 'completed';
  if (op === 'release') return 'queued';
  return dead === null ? 'failed' : 'dead_letter';
}

/** Extends the named leases, never past `max_run_ms` after the claim. */
export function heartbeatBatch(engine: Engine, scope: StoreScope, leases: readonly LeaseRef[], leaseMs: number): HeartbeatResult {
  const { st } = engine;
  const now = engine.now();
  const workerId = scope.workerId as string;
  bindHolder(engine, workerId, leases);
  st.insertMany(
    'ends_add',
    leases.map(({ clientId, taskId, leaseId }, i) => [i, clientId, taskId, leaseId, 'heartbeat', null, null, null, null, 0, null, null, null]),
  );
  const held = st.rows('heartbeat_ends', { worker_id: workerId, now });
  const cancelled = new Set(held.length === leases.length ? [] : st.rows('heartbeat_cancelled', { worker_id: workerId }).map(([i]) => i as number));
  const runs = extend(
    engine,
    held.map(([i, taskNo, runUntil, leaseUntil]) => [taskNo, runUntil, i, leaseUntil] as Row),
    now,
    leaseMs,
  );
  st.run('ends_clear');
  const known = new Set(held.map(([i]) => i as number));
  const ids = (wanted: (i: number) => boolean): string[] => leases.flatMap((lease, i) => (wanted(i) ? [lease.taskId] : []));
  return {
    extended: ids((i) => known.has(i) && runs.extended.has(i)),
    timedOut: ids((i) => known.has(i) && !runs.extended.has(i)),
    cancelled: ids((i) => cancelled.has(i)),
    lost: ids((i) => !known.has(i) && !cancelled.has(i)),
  };
}

/** Extends everything that the worker holds: what the renewal thread does, which knows no single lease. */
export function heartbeatHeld(engine: Engine, scope: StoreScope, leaseMs: number): HeartbeatResult {
  const now = engine.now();
  const workerId = scope.workerId as string;
  engine.wall.bind({ clients: '*', workerId });
  const held = engine.st.rows('heartbeat_held', { worker_id: workerId, now });
  const runs = extend(engine, held.map(([taskNo, , runUntil, leaseUntil], i) => [taskNo, runUntil, i, leaseUntil]) as Row[], now, leaseMs);
  const ids = (wanted: boolean): string[] => held.flatMap(([, taskId], i) => (runs.extended.has(i) === wanted ? [taskId as string] : []));
  return { extended: ids(true), timedOut: ids(false), cancelled: [], lost: [] };
}

/** Rows of (task_no, run_until, index, lease_until). A lease is never shortened: what the claim gave, it gave. The leases that share an end are extended in one statement. */
function extend(engine: Engine, held: readonly Row[], now: number, leaseMs: number): { readonly extended: ReadonlySet<number> } {
  const byEnd = new Map<number, number[]>();
  const extended = new Set<number>();
  for (const [taskNo, runUntil, i, leaseUntil] of held) {
    if ((runUntil as number) <= now) continue;
    const until = Math.max(leaseUntil as number, Math.min(now + leaseMs, runUntil as number));
    const same = byEnd.get(until);
    if (same === undefined) byEnd.set(until, [taskNo as number]);
    else same.push(taskNo as number);
    extended.add(i as number);
  }
  for (const [until, taskNos] of byEnd) engine.st.run('lease_extend', { until, task_nos: JSON.stringify(taskNos) });
  return { extended };
}
