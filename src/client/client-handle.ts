// The handle of a client over HTTP: the same as `queue.client(id)`. Whose tasks these are is the key's affair.
import { fromDefinition, resultOf } from '../domain/definition.ts';
import { QueueError } from '../domain/errors.ts';
import { inBatches } from '../domain/stream.ts';
import type { EnqueueOptions } from '../domain/task.ts';
import type { ClientHandle, EnqueueItem, EnqueueItemResult, EnqueueResult, TaskDefinition, TaskHandle } from '../service/handles.ts';
import { jsonOf, newKey, taskBody } from './body.ts';
import { limitHandle, scheduleHandle } from './clock.ts';
import type { Line } from './line.ts';
import { taskMoves, taskReads, waitFor } from './reads.ts';

const BULK = { cancel: 'bulkCancel', requeue: 'bulkRequeue', reprioritise: 'bulkReprioritise', purge: 'bulkPurge' } as const;
/** A call of many transactions is given this long. */
const BULK_MS = 60_000;

export function clientHandle(line: Line, clientId: string): ClientHandle {
  const { call, headers } = line;
  return {
    clientId,
    ...taskReads(line),
    ...taskMoves(line),
    async enqueue<Output>(
      type: string | TaskDefinition<never, Output>,
      payload?: unknown,
      options: EnqueueOptions & { signal?: AbortSignal; tx?: unknown } = {},
    ) {
      const { signal, tx, ...rest } = options;
      if (tx !== undefined)
        throw new QueueError('invalid_input', 'tx: a transaction of yours can not go over HTTP: enqueue in process, or without it', {
          fields: [{ field: 'tx', message: 'only in process' }],
        });
      return handleOf<Output>(line, await enqueue(line, await fromDefinition(type, payload, rest), signal));
    },
    enqueueMany: (items, { atomic = false } = {}) => enqueueMany(line, items, atomic),
    enqueueStream: (items) => inBatches(items, (batch) => enqueueMany(line, batch, false)),
    forecastType: (type, priority) => call('forecastType', { query: { type, priority }, headers }),
    reprioritise: (id, priority) => call('updateTask', { path: { id }, body: { priority }, headers }),
    amend: (id, change) =>
      call('updateTask', { path: { id }, body: { ...change, ...('payload' in change ? { payload: jsonOf(change.payload, 'payload') } : {}) }, headers }),
    async bulk(event, { onProgress, signal, ...body }) {
      const report = await call(BULK[event], { body, headers, signal, waitMs: BULK_MS });
      onProgress?.(report);
      return report;
    },
    wait: (id, options = {}) => waitFor(line, id, options),
    quota: () => call('quota', { headers }),
    schedules: scheduleHandle(line),
    limits: limitHandle(line),
  };
}

/** Without a key of the caller's own, one is made: then a repeat can only be ours, after an answer that was lost. */
async function enqueue({ call, headers }: Line, item: EnqueueItem, signal: AbortSignal | undefined): Promise<EnqueueResult> {
  const body = taskBody(item);
  if (item.idempotencyKey !== undefined) return call('enqueue', { body, headers, signal });
  const made = await call('enqueue', { body, headers: { ...headers, 'idempotency-key': newKey() }, signal });
  return { ...made, deduplicated: false };
}

async function enqueueMany({ call, headers }: Line, items: readonly EnqueueItem[], atomic: boolean): Promise<readonly EnqueueItemResult[]> {
  if (items.length === 0) return [];
  const tasks = items.map((item) => taskBody({ ...item, idempotencyKey: item.idempotencyKey ?? newKey() }));
  const { results } = await call('enqueueMany', { body: { tasks, atomic }, headers });
  return results.map((result, i) => (result.ok && items[i]?.idempotencyKey === undefined ? { ...result, deduplicated: false } : result));
}

function handleOf<Output>(line: Line, { taskId, status, createdAtUtc, deduplicated }: EnqueueResult): TaskHandle<Output> {
  return {
    taskId,
    status,
    createdAtUtc,
    deduplicated,
    result: async (options = {}) => resultOf(await waitFor(line, taskId, options)) as Output,
  };
}
