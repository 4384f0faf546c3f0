// How attempts end and leases go on: many ends of one worker as one statement of columns.
import { LIMITS, cleanErrorText } from '../../domain/limits.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { HeartbeatResult, LeaseRef, SettleResult, Settlement } from '../../domain/task.ts';
import type { Store, StoreScope } from '../store.ts';
import { settled } from '../waiters.ts';
import { actingOf } from './acting.ts';
import { column } from './columns.ts';
import { goOn } from './go-on.ts';
import { isLeaseId, isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import type { Params } from './statements.ts';

const LEASE_LOST = 'the lease is not the current one: absent, lapsed, ended, or of another worker';
const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** What can not be the name of a lease is lost without asking. */
export const namesLease = (lease: LeaseRef): boolean => CLIENT_ID.test(lease.clientId) && isTaskId(lease.taskId) && isLeaseId(lease.leaseId);

/** The worker's context lists the clients that the leases name: a lease of any other is not seen. */
export async function asHolder(engine: Engine, scope: StoreScope, leases: readonly LeaseRef[], name: string, params: Params): Promise<Row[]> {
  return engine.pools.worker.run(name, actingOf(scope, [...new Set(leases.map((lease) => lease.clientId))].sort()), params);
}

/** Settles the ends of one worker. One answer an item, in order. */
export function settle(engine: Engine, scope: StoreScope, items: readonly Settlement[]): Promise<readonly SettleResult[]> {
  return engine.batches.submit<Settlement, SettleResult>({
    kind: `settle ${scope.actor}`,
    items,
    owner: scope.actor,
    run: (all) => settleBatch(engine, scope, all),
    touched: (answers) => settled(items, answers),
  });
}

async function settleBatch(engine: Engine, scope: StoreScope, items: readonly Settlement[]): Promise<SettleResult[]> {
  const answers: SettleResult[] = items.map(({ taskId }) => ({ taskId, ok: false, code: 'lease_lost', message: LEASE_LOST }));
  // A lease that is named again in the same batch is settled after the first time.
  for (let left = items.flatMap((item, i) => (namesLease(item) ? [i] : [])); left.length > 0; ) {
    const seen = new Set<string>();
    const now: number[] = [];
    const later: number[] = [];
    for (const i of left) {
      const { taskId, leaseId } = items[i] as Settlement;
      const key = `${taskId} ${leaseId}`;
      (seen.has(key) ? later : now).push(i);
      seen.add(key);
    }
    const part = now.map((i) => items[i] as Settlement);
    for (const [at, status] of await asHolder(engine, scope, part, 'settle', columnsOf(engine, part))) {
      if (at === -1) {
        // Somebody waited for an end: what it freed is not in the answers.
        if (status === 'more') goOn(engine);
        else engine.batches.told();
        continue;
      }
      // Without a number: all of them.
      for (const i of at === null ? now : [now[at as number] as number]) answers[i] = answerOf((items[i] as Settlement).taskId, status as string | null);
    }
    left = later;
  }
  return answers;
}

function answerOf(taskId: string, status: string | null): SettleResult {
  if (status === null) return { taskId, ok: false, code: 'lease_lost', message: LEASE_LOST };
  if (status === 'exhausted')
    return { taskId, ok: false, code: 'invalid_transition', message: `a task can be handed back ${LIMITS.releases.default} times: fail it instead` };
  return { taskId, ok: true, status: status as TaskState };
}

function columnsOf(engine: Engine, items: readonly Settlement[]): Params {
  const errors = items.map((item) => (item.op === 'fail' ? item.error : null));
  return {
    most_releases: LIMITS.releases.default,
    backoff: JSON.stringify(engine.options.defaultBackoff),
    client_ids: column(items.map((item) => item.clientId)),
    task_ids: column(items.map((item) => item.taskId)),
    lease_ids: column(items.map((item) => item.leaseId)),
    ops: column(items.map((item) => item.op)),
    results: column(items.map((item) => (item.op === 'complete' ? (item.result ?? null) : null))),
    starts: column(items.map((item) => item.startedAfterMs ?? null)),
    runs: column(items.map((item) => item.runMs ?? null)),
    kinds: column(errors.map((error) => (error?.kind === undefined ? null : cleanErrorText(error.kind, 200)))),
    messages: column(errors.map((error) => (error === null ? null : cleanErrorText(error.message, LIMITS.errorMessage.max)))),
    stacks: column(errors.map((error) => (error?.stack === undefined ? null : cleanErrorText(error.stack, LIMITS.errorStack.max)))),
    finals: column(items.map((item) => (item.op === 'fail' && item.retry === false ? true : null))),
    delays: column(items.map((item) => (item.op === 'fail' ? (item.retryInMs ?? null) : item.op === 'release' ? (item.delayMs ?? null) : null))),
    uniforms: column(items.map((item) => (item.op === 'fail' ? engine.options.random() : null))),
  };
}

/** Extends the named leases or all that the worker holds, never past `max_run_ms` after the claim. */
export async function heartbeat(engine: Engine, scope: StoreScope, leases: readonly LeaseRef[] | 'all', leaseMs: number): Promise<HeartbeatResult> {
  const named = leases === 'all' ? [] : leases.filter(namesLease);
  const lost = leases === 'all' ? [] : leases.filter((lease) => !namesLease(lease)).map(({ taskId }) => taskId);
  const rows =
    leases === 'all'
      ? await engine.pools.worker.run('heartbeat_ends', actingOf(scope), { lease_ms: leaseMs, client_ids: null, task_ids: null, lease_ids: null })
      : named.length === 0
        ? []
        : await asHolder(engine, scope, named, 'heartbeat_ends', {
            lease_ms: leaseMs,
            client_ids: column(named.map((lease) => lease.clientId)),
            task_ids: column(named.map((lease) => lease.taskId)),
            lease_ids: column(named.map((lease) => lease.leaseId)),
          });
  const of = (verdict: string): string[] => rows.flatMap(([, taskId, said]) => (said === verdict ? [taskId as string] : []));
  return { extended: of('extended'), timedOut: of('timed_out'), cancelled: of('cancelled'), lost: [...of('lost'), ...lost] };
}

export const oneLease = (lease: LeaseRef): Params => ({ client_id: lease.clientId, task_id: lease.taskId, lease_id: lease.leaseId });

export async function setProgress(engine: Engine, scope: StoreScope, lease: LeaseRef, value: string): Promise<boolean> {
  if (!namesLease(lease)) return false;
  return (await asHolder(engine, scope, [lease], 'progress_set', { ...oneLease(lease), value }))[0]?.[0] === true;
}

export async function addMessage(engine: Engine, scope: StoreScope, lease: LeaseRef, message: string, details: string | null): Promise<boolean> {
  if (!namesLease(lease)) return false;
  return (await asHolder(engine, scope, [lease], 'message_add', { ...oneLease(lease), message, details }))[0]?.[0] === true;
}

export async function holderOf(engine: Engine, scope: StoreScope, lease: LeaseRef): ReturnType<Store['holder']> {
  if (!namesLease(lease)) return null;
  const [row] = await asHolder(engine, scope, [lease], 'lease_find', oneLease(lease));
  if (row === undefined) return null;
  return { createdBy: row[0] as string | null, traceparent: row[1] as string | null, priority: row[2] as number, dueAtUtc: row[3] as number | null };
}
