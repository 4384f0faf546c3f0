// What workers ask. Who it is comes from the key; which client a lease is of, from its receipt.
import type { OperationName } from '../contract/operations.ts';
import type { Operation } from '../domain/access.ts';
import { QueueError } from '../domain/errors.ts';
import { JsonText, scanJson } from '../domain/json-text.ts';
import { LIMITS } from '../domain/limits.ts';
import type { ClaimedTask, Json, LeaseRef, Settlement, SettleResult, TaskFailure } from '../domain/task.ts';
import type { ClaimOptions, EnqueueItem, RegisterInput, WorkerHandle } from '../service/handles.ts';
import { LOOK_MS, given, handleOf, itemOf } from './bench.ts';
import type { Bench, Performer } from './bench.ts';
import type { Answer, Call } from './reply.ts';

const workerOf = (call: Call, bench: Bench): WorkerHandle => handleOf(call, bench) as WorkerHandle;

const LOST = 'the lease is not the current one: absent, lapsed, ended, or of another worker';

/** The worker whose key it is; another one's name is as good as absent. */
function self(call: Call, bench: Bench): WorkerHandle {
  const handle = workerOf(call, bench);
  if (call.params['id'] !== handle.workerId) throw new QueueError('not_found', 'there is no such worker');
  return handle;
}

/** Before anything is done: what the body asks for is more than one operation, and scopes may give one and not another. */
async function authorizeAll({ principal }: Call, { queue }: Bench, operations: readonly Operation[]): Promise<void> {
  for (const operation of new Set(operations)) await queue.authorize(principal, operation);
}

function leaseOf(call: Call, bench: Bench): LeaseRef {
  const taskId = call.params['id'] as string;
  const lease = bench.receipts.open(workerOf(call, bench).workerId, taskId, given<{ leaseId: string }>(call).leaseId);
  if (lease === null) throw new QueueError('lease_lost', LOST);
  return { taskId, ...lease };
}

const text = (value: unknown): JsonText => (value instanceof JsonText ? value : new JsonText('null'));
const json = (stored: string | null): JsonText | null => (stored === null ? null : new JsonText(stored));
const settled = (taskId: string, status: string): Answer => ({ value: { taskId, ok: true, status } });
const done: Answer = { status: 204 };

/** A text names itself; an object says more. */
const failureOf = (error: string | TaskFailure): TaskFailure => (typeof error === 'string' ? { message: error } : error);

function claimed(bench: Bench, workerId: string, task: ClaimedTask): unknown {
  const { clientId, taskId, leaseId, payload, compatibility, metadata, waitedMs: _, ...rest } = task;
  return {
    taskId,
    clientId,
    leaseId: bench.receipts.seal(workerId, taskId, clientId, leaseId),
    ...rest,
    payload: new JsonText(payload),
    compatibility: new JsonText(compatibility),
    metadata: json(metadata),
  };
}

/** Waits in slices, so that a key that was revoked meanwhile ends it. */
async function claim(call: Call, handle: WorkerHandle): Promise<{ readonly tasks: readonly ClaimedTask[]; readonly waitedMs: number }> {
  const { waitMs = 0, ...options } = given<ClaimOptions>(call);
  const from = performance.now();
  for (;;) {
    const askedAt = performance.now();
    const left = from + waitMs - askedAt;
    const tasks = await claimOnce(call, handle, { ...options, waitMs: Math.max(0, Math.min(left, LOOK_MS)) });
    if (call.isGone()) return { tasks: await handBack(handle, tasks), waitedMs: 0 };
    if (tasks.length > 0 || left <= LOOK_MS) return { tasks, waitedMs: Math.floor(askedAt - from + (tasks[0]?.waitedMs ?? 0)) };
    await call.stillOpen();
  }
}

/** Nothing, when the caller went away or the server drains. */
async function claimOnce(call: Call, handle: WorkerHandle, options: ClaimOptions): Promise<readonly ClaimedTask[]> {
  try {
    return await handle.claim(options.waitMs === 0 ? options : { ...options, signal: call.signal() });
  } catch (error) {
    if (call.isGone()) return [];
    throw error;
  }
}

/** Nobody will hear of these: without this they would stay leased to nobody. */
async function handBack(handle: WorkerHandle, tasks: readonly ClaimedTask[]): Promise<readonly ClaimedTask[]> {
  if (tasks.length > 0) await handle.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'release', clientId, taskId, leaseId })));
  return [];
}

type WireSettlement = Settlement & { readonly result?: unknown; readonly error?: string | TaskFailure };

/** The item as the store takes it, or the refusal that it gets. */
function settlementOf(bench: Bench, workerId: string, item: WireSettlement): Settlement | SettleResult {
  const lease = bench.receipts.open(workerId, item.taskId, item.leaseId);
  if (lease === null) return { taskId: item.taskId, ok: false, code: 'lease_lost', message: LOST };
  const of = { ...item, ...lease } as Settlement;
  if (item.op === 'fail') return { ...of, error: failureOf(item.error) } as Settlement;
  if (item.op !== 'complete' || item.result === undefined) return of;
  const { text: result } = text(item.result);
  const scan = scanJson(result, { maxBytes: LIMITS.resultBytes.max, maxDepth: LIMITS.payloadDepth.default, name: 'result' });
  if (!scan.ok) return { taskId: item.taskId, ok: false, code: scan.refusal.code as 'invalid_payload', message: scan.refusal.message };
  return { ...of, result } as Settlement;
}

async function settle(call: Call, bench: Bench): Promise<Answer> {
  const asked = given<{ items: readonly WireSettlement[] }>(call).items;
  await authorizeAll(call, bench, asked.length === 0 ? ['lease.complete'] : asked.map(({ op }) => `lease.${op}` as const));
  const handle = workerOf(call, bench);
  const items = asked.map((item) => settlementOf(bench, handle.workerId, item));
  const answers = await handle.settle(items.filter((item) => 'op' in item));
  let next = 0;
  return { value: { results: items.map((item) => ('op' in item ? answers[next++] : item)) } };
}

async function beat(call: Call, bench: Bench): Promise<Answer> {
  const { status, leases = [], leaseMs } = given<{ status?: 'ready'; leases?: readonly { taskId: string; leaseId: string }[]; leaseMs?: number }>(call);
  const lives = status !== undefined || leases.length === 0;
  await authorizeAll(call, bench, [...(lives ? (['worker.heartbeat'] as const) : []), ...(leases.length > 0 ? (['lease.heartbeat'] as const) : [])]);
  const handle = self(call, bench);
  if (status !== undefined) await handle.beat(status);
  const refs: LeaseRef[] = [];
  const forged: string[] = [];
  for (const { taskId, leaseId } of leases) {
    const lease = bench.receipts.open(handle.workerId, taskId, leaseId);
    if (lease === null) forged.push(taskId);
    else refs.push({ taskId, ...lease });
  }
  const { extended, lost, cancelled, timedOut } =
    refs.length === 0 ? { extended: [], lost: [], cancelled: [], timedOut: [] } : await handle.heartbeat(refs, leaseMs);
  return { value: { extended, lost: [...lost, ...forged], cancelled, timedOut } };
}

export const workerPerformers = {
  register: async (call, bench) => ({ value: await self(call, bench).register(given<RegisterInput>(call)) }),
  beat,
  async deregister(call, bench) {
    await self(call, bench).deregister();
    return done;
  },
  async inbox(call, bench) {
    const tasks = await workerOf(call, bench).inbox(given<{ limit?: number }>(call).limit);
    return { value: { tasks: tasks.map((task) => ({ ...task, compatibility: new JsonText(task.compatibility) })) } };
  },
  async claim(call, bench) {
    const handle = workerOf(call, bench);
    const { tasks, waitedMs } = await claim(call, handle);
    return { value: { tasks: tasks.map((task) => claimed(bench, handle.workerId, task)), waitedMs } };
  },
  async completeTask(call, bench) {
    const lease = leaseOf(call, bench);
    const { leaseId: _, result, ...timing } = given<{ leaseId: string; result?: unknown; startedAfterMs?: number; runMs?: number }>(call);
    await workerOf(call, bench).complete(lease, result, timing);
    return settled(lease.taskId, 'completed');
  },
  async failTask(call, bench) {
    const lease = leaseOf(call, bench);
    const { error, retry, retryInMs } = given<{ error: string | TaskFailure; retry?: boolean; retryInMs?: number }>(call);
    const status = await workerOf(call, bench).fail(lease, failureOf(error), {
      ...(retry === undefined ? {} : { retry }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    });
    return settled(lease.taskId, status);
  },
  async releaseTask(call, bench) {
    const lease = leaseOf(call, bench);
    const { delayMs } = given<{ delayMs?: number }>(call);
    await workerOf(call, bench).release(lease, delayMs === undefined ? {} : { delayMs });
    return settled(lease.taskId, 'queued');
  },
  async progressTask(call, bench) {
    await workerOf(call, bench).progress(leaseOf(call, bench), given<{ progress: Json }>(call).progress);
    return done;
  },
  async logTask(call, bench) {
    const { message, details } = given<{ message: string; details?: Json }>(call);
    await workerOf(call, bench).log(leaseOf(call, bench), message, details);
    return done;
  },
  async enqueueChild(call, bench) {
    const { type, payload, ...rest } = itemOf<EnqueueItem & { leaseId: string }>(call);
    const { leaseId: _, ...options } = rest;
    const { taskId, status, createdAtUtc, deduplicated } = await workerOf(call, bench).enqueueChild(
      leaseOf(call, bench),
      type,
      payload ?? new JsonText('null'),
      options,
    );
    return { status: deduplicated ? 200 : 201, value: { taskId, status, createdAtUtc, deduplicated } };
  },
  async enqueueChildren(call, bench) {
    const { tasks, next } = given<{ tasks: readonly EnqueueItem[]; next?: EnqueueItem }>(call);
    const filled = (item: EnqueueItem): EnqueueItem => ({ ...item, payload: item.payload ?? new JsonText('null') });
    // oxlint-disable-next-line unicorn/no-thenable -- an option by its name, never a function
    const after = next === undefined ? {} : { then: filled(next) };
    return { status: 201, value: await workerOf(call, bench).enqueueChildren(leaseOf(call, bench), tasks.map(filled), after) };
  },
  async leaseParents(call, bench) {
    const { limit, after } = given<{ limit?: number; after?: number }>(call);
    const page = { ...(limit === undefined ? {} : { limit }), ...(after === undefined ? {} : { cursor: String(after) }) };
    const { items, nextCursor } = await workerOf(call, bench).parents(leaseOf(call, bench), page);
    return {
      value: { parents: items.map((parent) => ({ ...parent, result: json(parent.result) })), nextAfter: nextCursor === null ? null : Number(nextCursor) },
    };
  },
  settle,
} satisfies Partial<Record<OperationName, Performer>>;
