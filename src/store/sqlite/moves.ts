// Moves of one task that its owner, an admin or the janitor asks for. Each reads the place, asks the lifecycle table, leaves
// the old place, enters the new one and writes the audit row: all inside the caller's transaction.
import { allowedEvents, mayMove } from '../../domain/lifecycle.ts';
import type { TaskEvent, TaskState } from '../../domain/lifecycle.ts';
import { refuse } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { StoreScope, TaskChange } from '../store.ts';
import { endedByMove, lendAnew } from './dependencies.ts';
import { draws } from './engine.ts';
import type { Engine } from './engine.ts';
import { purgeTasks } from './purge.ts';
import { security } from './registry.ts';
import { reopenEdges } from './reopen.ts';
import type { Params } from './statements.ts';

export interface Place {
  readonly taskNo: number;
  readonly clientId: string;
  readonly generation: number;
  readonly priority: number;
  readonly effectivePriority: number;
  readonly state: TaskState;
  readonly table: 'ready' | 'delayed' | 'leases' | 'blocked' | 'finished';
  readonly laneId: number;
  readonly attempt: number;
  readonly claims: number;
  readonly releases: number;
  readonly dueAtUtc: number | null;
  readonly expiresAtUtc: number | null;
  readonly workerId: string | null;
  readonly leaseId: string | null;
  readonly reservedAtUtc: number | null;
  readonly losses: number;
}

const NOT_FOUND: Refusal = { code: 'not_found', message: 'no task of this client has this id' };

export function cancel(engine: Engine, scope: StoreScope, taskId: string, reason: string): Refusal | null {
  return withTask(engine, scope, taskId, 'cancel', 'cancelled', (place, now) => end(engine, place, 'cancelled', 'cancel', reason, now, scope.actor));
}

/** `expires_at_utc` passed; `*` is bound and the janitor found it in a place it may lapse from. */
export function lapse(engine: Engine, clientId: string, taskId: string): boolean {
  const place = placeOf(engine, clientId, taskId);
  if (place === null || !mayMove('lapse', place.state, 'cancelled')) return false;
  end(engine, place, 'cancelled', 'lapse', 'expired', engine.now(), 'system');
  return true;
}

export function requeue(engine: Engine, scope: StoreScope, taskId: string): Refusal | null {
  return withTask(engine, scope, taskId, 'requeue', 'queued', (place, now) => {
    const waiting = reopenEdges(engine, place);
    leave(engine, place);
    engine.st.run('quota_stale', { client_id: place.clientId });
    engine.st.run('task_generation', { task_no: place.taskNo, generation: place.generation + 1, now });
    // A new generation starts its attempts, releases and expiry anew; the number of claims goes on, for the fence.
    if (waiting > 0) engine.st.insert('blocked_add', [place.taskNo, place.clientId, place.laneId, place.claims, waiting, place.dueAtUtc, null]);
    else
      engine.st.run('enter_ready', {
        ...key(place),
        priority: place.effectivePriority,
        attempt: 0,
        claims: place.claims,
        releases: 0,
        losses: 0,
        draws: draws(engine),
        due_at_utc: place.dueAtUtc,
        expires_at_utc: null,
      });
    log(engine, place, 'requeue', waiting > 0 ? 'blocked' : 'queued', now, scope.actor, { generation: place.generation + 1 }, 0);
    lendAnew(engine, place.clientId, place.taskNo, place.effectivePriority);
    engine.activated(place.clientId);
  });
}

export function reprioritise(engine: Engine, scope: StoreScope, taskId: string, priority: number): Refusal | null {
  return withTask(engine, scope, taskId, 'reprioritise', null, (place, now) => {
    engine.st.run('task_priority', { task_no: place.taskNo, priority, now });
    if (place.table === 'ready') {
      leave(engine, place);
      engine.st.run('enter_ready', {
        ...key(place),
        priority,
        attempt: place.attempt,
        claims: place.claims,
        releases: place.releases,
        losses: place.losses,
        draws: draws(engine),
        due_at_utc: place.dueAtUtc,
        expires_at_utc: place.expiresAtUtc,
      });
    }
    log(engine, place, 'reprioritise', place.state, now, scope.actor, { from: place.priority, to: priority });
    lendAnew(engine, place.clientId, place.taskNo, priority);
  });
}

export function amend(engine: Engine, scope: StoreScope, taskId: string, change: TaskChange): Refusal | null {
  return withTask(engine, scope, taskId, 'amend', null, (place, now) => {
    const { st } = engine;
    const details: Record<string, unknown> = {};
    if (change.payload !== undefined) {
      st.run('quota_stale', { client_id: place.clientId });
      const before = st.row('payload_of', { client_id: place.clientId, task_no: place.taskNo })?.[0] as string;
      st.run('task_payload', { task_no: place.taskNo, payload: change.payload.text, format: change.payload.format, now });
      details['payload'] = { from: change.digest(before), to: change.digest(change.payload.text) };
    }
    const [maxAttempts, maxRunMs, metadata] = st.row('options_of', { client_id: place.clientId, task_no: place.taskNo }) as unknown as [
      number,
      number,
      string | null,
    ];
    const options = {
      max_attempts: change.maxAttempts ?? maxAttempts,
      max_run_ms: change.maxRunMs ?? maxRunMs,
      metadata: change.metadata === undefined ? metadata : change.metadata,
    };
    st.run('task_options', { task_no: place.taskNo, now, ...options });
    if (change.metadata !== undefined) {
      st.run('metadata_clear', { task_no: place.taskNo });
      if (change.metadata !== null) st.run('metadata_insert', { client_id: place.clientId, metadata: change.metadata, task_no: place.taskNo });
    }
    log(engine, place, 'amend', place.state, now, scope.actor, { ...details, options: { max_attempts: options.max_attempts, max_run_ms: options.max_run_ms } });
  });
}

export function purge(engine: Engine, scope: StoreScope, taskId: string): Refusal | null {
  return withTask(engine, scope, taskId, 'purge', null, (place, now) => {
    purgeTasks(engine, [place.taskNo], now, scope.actor);
    security(engine, { actor: scope.actor, action: 'task.purge', clientId: place.clientId, object: taskId, outcome: 'done' });
  });
}

/** Finds the task among the bound clients and refuses what the lifecycle lacks. */
function withTask(
  engine: Engine,
  scope: StoreScope,
  taskId: string,
  event: TaskEvent,
  to: TaskState | null,
  action: (place: Place, now: number) => void,
): Refusal | null {
  engine.wall.bind({ clients: scope.clients });
  const clientId = scope.clients === '*' ? (engine.st.row('client_of_task', { task_id: taskId })?.[0] as string | undefined) : scope.clients[0];
  const place = clientId === undefined ? null : placeOf(engine, clientId, taskId);
  if (place === null) return NOT_FOUND;
  const allowed = to === null ? allowedEvents(place.state).includes(event) : mayMove(event, place.state, to);
  if (!allowed) {
    const events = allowedEvents(place.state);
    return refuse('invalid_transition', `a task that is ${place.state} can not take \`${event}\`; it can take: ${events.join(', ') || 'nothing'}`, {
      state: place.state,
      event,
      allowed: events,
    }).refusal;
  }
  action(place, engine.now());
  return null;
}

/** Where a task of the client of the scope is, told by its place. */
export function stateOf(engine: Engine, scope: StoreScope, taskId: string): TaskState | null {
  engine.wall.bind({ clients: scope.clients });
  return placeOf(engine, scope.clients[0] as string, taskId)?.state ?? null;
}

function placeOf(engine: Engine, clientId: string, taskId: string): Place | null {
  const row = engine.st.row('place_of', { client_id: clientId, task_id: taskId });
  if (row === undefined) return null;
  return {
    taskNo: row[0] as number,
    clientId: row[1] as string,
    generation: row[2] as number,
    priority: row[3] as number,
    effectivePriority: row[4] as number,
    state: row[6] as TaskState,
    table: row[7] as Place['table'],
    laneId: row[8] as number,
    attempt: row[9] as number,
    claims: row[10] as number,
    releases: row[11] as number,
    dueAtUtc: row[12] as number | null,
    expiresAtUtc: row[13] as number | null,
    workerId: row[15] as string | null,
    leaseId: row[16] as string | null,
    reservedAtUtc: row[17] as number | null,
    losses: row[19] as number,
  };
}

const key = (place: Place): Params => ({ task_no: place.taskNo, client_id: place.clientId, lane_id: place.laneId });

function leave(engine: Engine, place: Place): void {
  const where: Params =
    place.table === 'ready' ? { client_id: place.clientId, priority: place.effectivePriority, task_no: place.taskNo } : { task_no: place.taskNo };
  engine.st.run(`leave_${place.table}`, where);
}

/** Ends a task. The last lease is kept, so that its holder learns of it and its late writes are refused. */
function end(engine: Engine, place: Place, status: TaskState, event: TaskEvent, reason: string, now: number, actor: string): void {
  leave(engine, place);
  engine.st.run('enter_finished', {
    ...key(place),
    status,
    now,
    attempt: place.attempt,
    claims: place.claims,
    releases: place.releases,
    reason,
    worker_id: place.workerId,
    lease_id: place.leaseId,
    reserved_at_utc: place.reservedAtUtc,
  });
  log(engine, place, event, status, now, actor, { reason });
  endedByMove(engine, place.clientId, place.taskNo, now);
}

function log(
  engine: Engine,
  place: Place,
  event: TaskEvent,
  to: TaskState,
  now: number,
  actor: string,
  details: Readonly<Record<string, unknown>>,
  attempt = place.attempt,
): void {
  engine.st.run('event_add', {
    client_id: place.clientId,
    task_no: place.taskNo,
    now,
    event,
    from_status: place.state,
    to_status: to,
    actor,
    attempt,
    details: JSON.stringify(details),
  });
}
