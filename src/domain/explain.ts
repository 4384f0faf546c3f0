// Why a task does not run: from what the store knows of its lane, its client, its limits and the workers that are alive.
import { matches } from './category.ts';
import { covers } from './capability.ts';
import type { LaneOf } from './capability.ts';
import type { TaskState } from './lifecycle.ts';
import type { GrantSpec, Task, WorkerCapabilities } from './task.ts';

export const REASONS = ['running', 'ended', 'blocked', 'not_due', 'back_off', 'client_suspended', 'limit', 'no_worker', 'waits_its_turn'] as const;
export type ReasonCode = (typeof REASONS)[number];

export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** Every reason that holds, the first that has to go first. */
export interface Explanation {
  readonly taskId: string;
  readonly status: TaskState;
  readonly reasons: readonly Reason[];
}

/** Workers that declare and were granted the same. */
export interface WorkerSet {
  readonly declared: WorkerCapabilities;
  readonly grants: readonly GrantSpec[];
  /** Those that gave a sign of life lately and are not going. */
  readonly live: number;
}

export interface LimitRoom {
  readonly name: string;
  readonly concurrency: number | null;
  readonly running: number;
  readonly rate: number | null;
  readonly perMs: number | null;
  readonly started: number;
}

export interface ExplainFacts {
  readonly lane: LaneOf;
  readonly isActive: boolean;
  readonly limits: readonly LimitRoom[];
  readonly sets: readonly WorkerSet[];
  /** Ready tasks of the client that are more urgent, up to `AHEAD_MOST`. */
  readonly ahead: number;
  readonly nowUtc: number;
}

export const AHEAD_MOST = 1000;
const at = (instant: number | null): string => new Date(instant ?? 0).toISOString();
const because = (code: ReasonCode, message: string): Reason => ({ code, message });

export function explain(task: Task, facts: ExplainFacts): Explanation {
  return { taskId: task.taskId, status: task.status, reasons: reasonsOf(task, facts) };
}

function reasonsOf(task: Task, facts: ExplainFacts): Reason[] {
  if (task.status === 'leased') return [because('running', `${task.lockedBy ?? 'a worker'} has it until ${at(task.leaseUntilUtc)}`)];
  if (task.status === 'completed' || task.status === 'dead_letter' || task.status === 'cancelled')
    return [because('ended', `it ended as ${task.status}${task.status === 'completed' ? '' : ': requeue it to have it run'}`)];
  const reasons: Reason[] = [];
  if (task.status === 'blocked') reasons.push(because('blocked', 'tasks that it waits for are not done'));
  if (task.status === 'failed')
    reasons.push(because('back_off', `attempt ${task.attempts} of ${task.maxAttempts} failed: the next one starts at ${at(task.runAfterUtc)}`));
  if (task.status === 'queued' && task.runAfterUtc > facts.nowUtc) reasons.push(because('not_due', `it starts no sooner than ${at(task.runAfterUtc)}`));
  if (!facts.isActive) reasons.push(because('client_suspended', 'the client is suspended: an operator resumes it'));
  for (const limit of facts.limits) reasons.push(...limitReasons(limit));
  const workers = workerReason(facts);
  if (workers !== null) reasons.push(workers);
  if (reasons.length === 0)
    reasons.push(
      because(
        'waits_its_turn',
        facts.ahead === 0
          ? 'a worker takes it at its next claim'
          : `${facts.ahead === AHEAD_MOST ? `${AHEAD_MOST} or more` : facts.ahead} tasks of the client are more urgent`,
      ),
    );
  return reasons;
}

/** What keeps a task from starting however long it waits; null where it is only its turn, its time, or others. */
export function obstacleOf(task: Task, facts: ExplainFacts): string | null {
  const lasting: readonly ReasonCode[] = ['client_suspended', 'no_worker'];
  const paused = facts.limits.filter(({ concurrency }) => concurrency === 0).flatMap(limitReasons);
  return [...reasonsOf(task, facts).filter(({ code }) => lasting.includes(code)), ...paused][0]?.message ?? null;
}

function limitReasons({ name, concurrency, running, rate, perMs, started }: LimitRoom): Reason[] {
  const reasons: Reason[] = [];
  if (concurrency === 0)
    reasons.push(because('limit', `${name} holds it back: ${name.startsWith('pause') ? 'it is paused until it is resumed' : 'the limit is 0'}`));
  else if (concurrency !== null && running >= concurrency) reasons.push(because('limit', `${name} lets ${concurrency} run at once, and ${running} do`));
  if (rate !== null && started >= rate) reasons.push(because('limit', `${name} lets ${rate} start in ${perMs ?? 0} ms, and ${started} did`));
  return reasons;
}

/** Tasks that are due and that no live worker may take, by what they need. */
export interface Unroutable {
  readonly clientId: string;
  readonly type: string;
  readonly compatibility: LaneOf['compatibility'];
  /** Up to `WAITING_MOST` of each free key. */
  readonly waiting: number;
  readonly message: string;
}
export const WAITING_MOST = 1000;

/** The sets and the lanes are read one after the other: what a worker covers by now is left out. */
export const unroutable = (lanes: readonly (LaneOf & { readonly waiting: number })[], sets: readonly WorkerSet[]): readonly Unroutable[] =>
  lanes.flatMap(({ waiting, ...lane }) => {
    const reason = workerReason({ lane, sets });
    return reason === null ? [] : [{ ...lane, waiting, message: reason.message }];
  });

/** Null when a live worker can take it. What other clients' workers may is nobody's business here. */
function workerReason({ lane, sets }: Pick<ExplainFacts, 'lane' | 'sets'>): Reason | null {
  if (sets.some((set) => set.live > 0 && covers(set.declared, set.grants, lane))) return null;
  const no = (why: string): Reason => because('no_worker', `no live worker can run this, because ${why}`);
  const mine = sets.filter(({ grants }) => grants.some(({ clientId }) => clientId === '*' || clientId === lane.clientId));
  if (mine.length === 0) return no('none was granted anything of this client');
  if (mine.some((set) => covers(set.declared, set.grants, lane))) return no('those that can have given no sign of life lately, or are going');
  const granted = mine.filter(({ grants }) =>
    grants.some(({ clientId, pattern }) => (clientId === '*' || clientId === lane.clientId) && matches(pattern, lane.type)),
  );
  if (granted.length === 0) return no(`none was granted ${lane.type}`);
  const willing = granted.filter(
    ({ declared }) => (declared.categories ?? ['*']).some((pattern) => matches(pattern, lane.type)) && (declared.clients?.includes(lane.clientId) ?? true),
  );
  if (willing.length === 0) return no(`those that were granted ${lane.type} do not declare it, or not this client`);
  return no(`none has what it needs: ${Object.keys(lane.compatibility).join(', ')}`);
}
