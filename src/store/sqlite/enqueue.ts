// Enqueue: many callers' tasks in one transaction. Each item is refused or stored by itself; places and audit rows are set-based.
import { ok, QueueError, refuse, registryChanged } from '../../domain/errors.ts';
import type { Refusal, Result } from '../../domain/errors.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { NewTask } from '../../domain/task.ts';
import type { EnqueueOutcome } from '../store.ts';
import { coverLane } from './capability-sets.ts';
import type { createSets } from './capability-sets.ts';
import { nameEarlier, placeEdges, resolveParents } from './enqueue-edges.ts';
import type { PendingEdges } from './enqueue-edges.ts';
import { limitLane } from './limits.ts';
import { bump, categoriesVersion, draws } from './engine.ts';
import { keepRoom, roomOf, takeRoom } from './quotas.ts';
import type { Room } from './quotas.ts';
import type { Engine } from './engine.ts';
import type { Row } from './statements.ts';

export interface EnqueueItem {
  readonly task: NewTask;
  readonly createClient: boolean;
  /** The version of the registry of categories that it was prepared by; absent: whatever it is. */
  readonly seen?: string | undefined;
}

export interface Batch {
  readonly engine: Engine;
  /** The edges of the batch; null where no task of it waits for another. */
  readonly edges: PendingEdges | null;
  readonly sets: ReturnType<typeof createSets>;
  readonly now: number;
  readonly clients: Map<string, Refusal | null>;
  readonly lanes: Map<string, number | Refusal>;
  readonly laneCounts: Map<string, number>;
  /** What is to be inserted, in order. */
  readonly rows: Row[];
  /** The idempotency keys of these rows, which the table does not have yet. */
  readonly keys: Map<string, NewTask>;
  ready: boolean;
  delayed: boolean;
  metadata: boolean;
  due: boolean;
  /** What is left of the quotas of clients that have one; null where none has. */
  rooms: Map<string, Room> | null;
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
    edges: items.some(({ task }) => task.dependsOn.length > 0) ? { rows: new Map(), pending: [], blocked: [] } : null,
    now: engine.now(),
    clients: new Map(),
    lanes: new Map(),
    laneCounts: new Map(),
    rows: [],
    keys: new Map(),
    ready: false,
    delayed: false,
    metadata: false,
    due: false,
    rooms: null,
  };
  if (items.some(({ seen }) => seen !== undefined && seen !== categoriesVersion(engine))) throw registryChanged();
  engine.wall.bind({ clients: [...new Set(items.map((item) => item.task.clientId))].sort() });
  const answers = items.map((item) => {
    const answer = enqueueOne(batch, item);
    if (atomic && !answer.ok) throw QueueError.from(answer.refusal);
    return answer;
  });
  if (batch.rows.length > 0) store(batch, actor);
  return answers;
}

/** The rows of one transaction have consecutive numbers: `first` bounds what is theirs. */
function store(batch: Batch, actor: string | null): void {
  const { engine, rows, clients, now, ready, delayed, metadata, edges } = batch;
  const { st } = engine;
  const first = st.insertMany('task_insert', rows) - rows.length + 1;
  const [only] = rows;
  if (metadata) st.run('enqueue_metadata', { first });
  if (batch.due) st.run('enqueue_sla', { first });
  const drawn = draws(engine);
  if (edges !== null) placeEdges(batch, edges, first, actor, drawn);
  else if (only !== undefined && rows.length === 1 && ready && drawn === 0) storeOne(engine, only, first, now, actor);
  else {
    if (ready) st.run('enqueue_ready', { first, now, draws: drawn });
    if (delayed) st.run('enqueue_delayed', { first, now });
    st.run('enqueue_log', { first, now, actor });
  }
  for (const [clientId, room] of batch.rooms ?? []) keepRoom(engine, clientId, room);
  for (const [clientId, refusal] of clients) if (refusal === null) engine.activated(clientId);
}

/** `row` is one of `task_insert`. */
function storeOne({ st }: Engine, row: Row, taskNo: number, now: number, actor: string | null): void {
  const [clientId, , laneId, priority] = row as readonly [string, string, number, number];
  st.insert('enqueue_ready_one', [clientId, priority, taskNo, laneId, row[14] as number | null, row[15] as number | null]);
  st.insert('enqueue_log_one', [clientId, taskNo, now, actor ?? `client:${clientId}`]);
}

function enqueueOne(batch: Batch, { task, createClient }: EnqueueItem): Result<EnqueueOutcome> {
  const refusal = clientRefusal(batch, task.clientId, createClient);
  if (refusal !== null) return { ok: false, refusal };
  if (task.idempotencyKey !== null) {
    const earlier = findEarlier(batch, task, task.idempotencyKey);
    if (earlier !== null) {
      if (batch.edges !== null && earlier.ok) nameEarlier(batch.edges, task, earlier.value.taskId);
      return earlier;
    }
  }
  const lane = laneOf(batch, task);
  if (typeof lane !== 'number') return { ok: false, refusal: lane };
  const waits = batch.edges === null ? null : resolveParents(batch, batch.edges, task);
  if (waits !== null && !waits.ok) return waits;
  const { now } = batch;
  const room = batch.rooms?.get(task.clientId);
  const full = room === undefined ? null : takeRoom(batch.engine, task.clientId, room, task.payload, now);
  if (full !== null) return { ok: false, refusal: full };
  const runAfter = task.runAfterUtc ?? now + task.delayMs;
  const due = task.dueAtUtc ?? (task.maxWaitMs === null ? null : now + task.maxWaitMs);
  batch.rows.push([
    task.clientId,
    task.taskId,
    lane,
    task.priority,
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
    due,
    task.expiresAtUtc ?? (task.ttlMs === null ? null : now + task.ttlMs),
    task.metadata,
    task.traceparent,
    task.parentTaskId,
  ]);
  if (task.idempotencyKey !== null) batch.keys.set(keyOf(task, task.idempotencyKey), task);
  if (task.metadata !== null) batch.metadata = true;
  if (due !== null) batch.due = true;
  if (runAfter <= now) batch.ready = true;
  else batch.delayed = true;
  return ok({ taskId: task.taskId, status: waits === null || waits.value === 0 ? 'queued' : 'blocked', createdAtUtc: now, deduplicated: false });
}

function clientRefusal(batch: Batch, clientId: string, create: boolean): Refusal | null {
  const known = batch.clients.get(clientId);
  if (known !== undefined) return known;
  const state = batch.engine.st.remembered('client_state', { client_id: clientId }, `client\n${clientId}`) as string | undefined;
  const [status = '', quota] = state?.split(' ') ?? [];
  let refusal: Refusal | null = null;
  if (status === '') {
    if (create) batch.engine.st.run('client_create', { client_id: clientId, now: batch.now });
    else refusal = refuse('unknown_client', `there is no client ${clientId}: an operator creates it first`).refusal;
  } else if (status !== 'active') refusal = refuse('client_suspended', `the client ${clientId} is suspended`).refusal;
  if (quota !== undefined && refusal === null) takeQuota(batch, clientId);
  batch.clients.set(clientId, refusal);
  return refusal;
}

function takeQuota(batch: Batch, clientId: string): void {
  const room = roomOf(batch.engine, clientId);
  if (room !== null) (batch.rooms ??= new Map()).set(clientId, room);
}

const keyOf = (task: NewTask, key: string): string => `${task.clientId}\n${key}`;

function findEarlier(batch: Batch, task: NewTask, key: string): Result<EnqueueOutcome> | null {
  const mine = batch.keys.get(keyOf(task, key));
  if (mine !== undefined) return repeated(task, mine.taskId, mine.requestDigest, batch.now, 'queued');
  const found = batch.engine.st.row('idempotent_find', { client_id: task.clientId, key });
  if (found === undefined) return null;
  const [, taskId, digest, createdAtUtc] = found as [number, string, string, number];
  const status = (batch.engine.st.row('place_of', { client_id: task.clientId, task_id: taskId })?.[6] ?? 'queued') as TaskState;
  return repeated(task, taskId, digest, createdAtUtc, status);
}

function repeated(task: NewTask, taskId: string, digest: string | null, createdAtUtc: number, status: TaskState): Result<EnqueueOutcome> {
  return digest === task.requestDigest
    ? ok({ taskId, status, createdAtUtc, deduplicated: true })
    : refuse('idempotency_conflict', 'this idempotency key was used with other content: use a new key', { task_id: taskId });
}

function laneOf(batch: Batch, task: NewTask): number | Refusal {
  const limitKey = task.limitKey ?? '';
  const key = `${task.clientId}\n${task.type}\n${task.compatibility}\n${limitKey}`;
  const known = batch.lanes.get(key);
  if (known !== undefined) return known;
  const asked = { client_id: task.clientId, type: task.type, compatibility: task.compatibility, limit_key: limitKey };
  const found = batch.engine.st.remembered('lane_find', asked, `lane\n${key}`);
  const lane = found === undefined ? newLane(batch, task) : (found as number);
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
  const laneId = engine.st.insert('lane_insert', [task.clientId, task.type, task.compatibility, task.region, task.limitKey ?? '']);
  coverLane(engine, batch.sets, { laneId, clientId: task.clientId, type: task.type, compatibility: task.compatibility });
  limitLane(engine, { laneId, clientId: task.clientId, type: task.type, limitKey: task.limitKey ?? '' });
  bump(engine, 'lanes_version');
  return laneId;
}
