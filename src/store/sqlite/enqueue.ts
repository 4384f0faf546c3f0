// Enqueue: many callers' tasks in one transaction. Each item is refused or stored by itself; places and audit rows are set-based.
import { ok, refuse } from '../../domain/errors.ts';
import type { Refusal, Result } from '../../domain/errors.ts';
import { QueueError } from '../../domain/errors.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { NewTask } from '../../domain/task.ts';
import type { EnqueueOutcome } from '../store.ts';
import { coverLane } from './capability-sets.ts';
import type { createSets } from './capability-sets.ts';
import { bump, draws } from './engine.ts';
import type { Engine } from './engine.ts';

export interface EnqueueItem {
  readonly task: NewTask;
  readonly createClient: boolean;
}

interface Batch {
  readonly engine: Engine;
  readonly sets: ReturnType<typeof createSets>;
  readonly now: number;
  readonly clients: Map<string, Refusal | null>;
  readonly lanes: Map<string, number | Refusal>;
  readonly laneCounts: Map<string, number>;
  first: number | null;
  ready: boolean;
  delayed: boolean;
}

/** Stores a batch. `actor` null: each row's client is its own actor. Throws the first refusal when `atomic`. */
export function enqueueBatch(
  engine: Engine,
  sets: ReturnType<typeof createSets>,
  items: readonly EnqueueItem[],
  actor: string | null,
  atomic: boolean,
): Result<EnqueueOutcome>[] {
  const batch: Batch = {
    engine,
    sets,
    now: engine.now(),
    clients: new Map(),
    lanes: new Map(),
    laneCounts: new Map(),
    first: null,
    ready: false,
    delayed: false,
  };
  engine.wall.bind({ clients: [...new Set(items.map((item) => item.task.clientId))].sort() });
  const answers = items.map((item) => {
    const answer = enqueueOne(batch, item);
    if (atomic && !answer.ok) throw QueueError.from(answer.refusal);
    return answer;
  });
  if (batch.first !== null) {
    const { first, now } = batch;
    if (batch.ready) engine.st.run('enqueue_ready', { first, now, draws: draws(engine) });
    if (batch.delayed) engine.st.run('enqueue_delayed', { first, now });
    engine.st.run('enqueue_log', { first, now, actor });
    for (const [clientId, refusal] of batch.clients) if (refusal === null) engine.activated(clientId);
  }
  return answers;
}

function enqueueOne(batch: Batch, { task, createClient }: EnqueueItem): Result<EnqueueOutcome> {
  const refusal = clientRefusal(batch, task.clientId, createClient);
  if (refusal !== null) return { ok: false, refusal };
  if (task.idempotencyKey !== null) {
    const earlier = findEarlier(batch, task, task.idempotencyKey);
    if (earlier !== null) return earlier;
  }
  const lane = laneOf(batch, task);
  if (typeof lane !== 'number') return { ok: false, refusal: lane };
  const { now } = batch;
  const runAfter = task.runAfterUtc ?? now + task.delayMs;
  const taskNo = batch.engine.st.insert('task_insert', [
    task.clientId,
    task.taskId,
    lane,
    task.priority,
    task.maxAttempts,
    task.maxRunMs,
    runAfter,
    now,
    task.payload,
    task.format,
    task.idempotencyKey,
    task.requestDigest,
    task.createdBy,
    task.dueAtUtc ?? (task.maxWaitMs === null ? null : now + task.maxWaitMs),
    task.expiresAtUtc ?? (task.ttlMs === null ? null : now + task.ttlMs),
    task.metadata,
    task.traceparent,
  ]);
  if (task.metadata !== null) batch.engine.st.run('metadata_insert', { client_id: task.clientId, metadata: task.metadata, task_no: taskNo });
  batch.first ??= taskNo;
  if (runAfter <= now) batch.ready = true;
  else batch.delayed = true;
  return ok({ taskId: task.taskId, status: 'queued', createdAtUtc: now, deduplicated: false });
}

function clientRefusal(batch: Batch, clientId: string, create: boolean): Refusal | null {
  const known = batch.clients.get(clientId);
  if (known !== undefined) return known;
  const status = batch.engine.st.row('client_state', { client_id: clientId })?.[0];
  let refusal: Refusal | null = null;
  if (status === undefined) {
    if (create) batch.engine.st.run('client_create', { client_id: clientId, now: batch.now });
    else refusal = refuse('unknown_client', `there is no client ${clientId}: an operator creates it first`).refusal;
  } else if (status !== 'active') refusal = refuse('client_suspended', `the client ${clientId} is suspended`).refusal;
  batch.clients.set(clientId, refusal);
  return refusal;
}

function findEarlier(batch: Batch, task: NewTask, key: string): Result<EnqueueOutcome> | null {
  const found = batch.engine.st.row('idempotent_find', { client_id: task.clientId, key });
  if (found === undefined) return null;
  const [taskNo, taskId, digest, createdAtUtc] = found as [number, string, string, number];
  if (digest !== task.requestDigest)
    return refuse('idempotency_conflict', 'this idempotency key was used with other content: use a new key', { task_id: taskId });
  // A task of this very batch has no place yet: its place rows are written at the end.
  const mine = batch.first !== null && taskNo >= batch.first;
  const status = mine ? 'queued' : ((batch.engine.st.row('place_of', { client_id: task.clientId, task_id: taskId })?.[6] ?? 'queued') as TaskState);
  return ok({ taskId, status, createdAtUtc, deduplicated: true });
}

function laneOf(batch: Batch, task: NewTask): number | Refusal {
  const key = `${task.clientId}\n${task.type}\n${task.compatibility}`;
  const known = batch.lanes.get(key);
  if (known !== undefined) return known;
  const found = batch.engine.st.row('lane_find', { client_id: task.clientId, type: task.type, compatibility: task.compatibility });
  const lane = found === undefined ? newLane(batch, task) : (found[0] as number);
  batch.lanes.set(key, lane);
  return lane;
}

function newLane(batch: Batch, task: NewTask): number | Refusal {
  const { engine, laneCounts } = batch;
  const count = laneCounts.get(task.clientId) ?? (engine.st.row('lane_count', { client_id: task.clientId })?.[0] as number);
  const most = engine.options.lanesPerClient;
  if (count >= most)
    return refuse('too_many_lanes', `the client ${task.clientId} has ${most} distinct pairs of type and compatibility: put what varies into the payload`)
      .refusal;
  laneCounts.set(task.clientId, count + 1);
  const laneId = engine.st.insert('lane_insert', [task.clientId, task.type, task.compatibility, task.region]);
  coverLane(engine, batch.sets, { laneId, clientId: task.clientId, type: task.type, compatibility: task.compatibility });
  bump(engine, 'lanes_version');
  return laneId;
}
