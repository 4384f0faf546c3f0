// The handle of a client: enqueue, look, wait, cancel, requeue, reprioritise, amend, all inside its own client.
import { QueueError, unwrap } from '../domain/errors.ts';
import type { Result } from '../domain/errors.ts';
import { toJsonText } from '../domain/json-text.ts';
import { fromDefinition, resultOf } from '../domain/definition.ts';
import { ENDED } from '../domain/lifecycle.ts';
import { inBatches } from '../domain/stream.ts';
import { checkInt, checkMetadata } from '../domain/limits.ts';
import type { Principal } from '../domain/principal.ts';
import type { EnqueueOptions, Json, NewTask, Task } from '../domain/task.ts';
import type { StoreScope } from '../store/store.ts';
import { bulk } from './bulk.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import type { AmendInput, ClientHandle, EnqueueItem, EnqueueItemResult, EnqueueResult, TaskDefinition, TaskHandle, WaitOptions } from './handles.ts';
import { storeMany, withoutPositions } from './many.ts';
import { byRegistry } from './categories.ts';
import { outlook } from './forecasts.ts';
import { notFound, raise } from './refusal.ts';
import { moved, taskMoves, taskReads } from './tasks.ts';
import { limitHandle } from './limits.ts';
import { prepareWith } from './prepare.ts';
import { scheduleHandle } from './schedules.ts';

const WAIT_MS = 30_000;
/** A wait looks again at least this often, whatever the hints say. */
const LOOK_MS = 1000;

export function clientHandle(deps: Deps, principal: Principal, clientId: string, scope: StoreScope, createClients: boolean): ClientHandle {
  const wait = async (taskId: string, options: WaitOptions = {}): Promise<Task> => {
    await authorize(deps, principal, 'task.wait');
    return waitFor(deps, scope, taskId, options);
  };
  const enqueueOptions = (atomic: boolean): { atomic: boolean; createClients: boolean } => ({ atomic, createClients });
  return {
    clientId,
    ...taskReads(deps, principal, scope),
    ...taskMoves(deps, principal, scope),
    async enqueue<Output = Json>(
      type: string | TaskDefinition<never, Output>,
      payload?: unknown,
      options: EnqueueOptions & { signal?: AbortSignal; tx?: unknown } = {},
    ) {
      await authorize(deps, principal, 'task.enqueue');
      const { signal, tx, ...rest } = options;
      signal?.throwIfAborted();
      const item = await fromDefinition(type, payload, rest);
      const answers =
        tx === undefined
          ? await byRegistry(deps.store, (registry) =>
              deps.store.enqueue(scope, [prepare(deps, clientId, item, registry)], { ...enqueueOptions(false), ...seenOf(registry) }),
            )
          : await deps.store.enqueueInside(scope, tx, [prepare(deps, clientId, item, await deps.store.categories())], { createClients });
      return taskHandle<Output>(unwrap(answers[0] as Result<EnqueueResult>), wait);
    },
    async enqueueMany(items, { atomic = false } = {}) {
      await authorize(deps, principal, 'task.enqueue');
      return enqueueMany(deps, clientId, scope, items, enqueueOptions(atomic));
    },
    async *enqueueStream(items) {
      await authorize(deps, principal, 'task.enqueue');
      yield* inBatches(items, (batch) => enqueueMany(deps, clientId, scope, batch, enqueueOptions(false)));
    },
    ...outlook(deps, principal, scope, clientId),
    async reprioritise(taskId, priority) {
      await authorize(deps, principal, 'task.reprioritise');
      return moved(deps, scope, taskId, await deps.store.reprioritise(scope, taskId, unwrap(checkInt('priority', priority, 'priority'))));
    },
    async amend(taskId, change) {
      await authorize(deps, principal, 'task.amend');
      return moved(deps, scope, taskId, await deps.store.amend(scope, taskId, { ...checkAmend(deps, change), digest: deps.digest }));
    },
    limits: limitHandle(deps, principal, scope),
    schedules: scheduleHandle(deps, principal, clientId, scope, createClients),
    bulk: (event, request) => bulk(deps, principal, scope, event, request),
    wait,
  };
}

function taskHandle<Output>(result: EnqueueResult, wait: (taskId: string, options?: WaitOptions) => Promise<Task>): TaskHandle<Output> {
  return {
    ...result,
    result: async (options) => resultOf(await wait(result.taskId, options)) as Output,
  };
}

/** The store is told what it was remembered by. */
const seenOf = ({ seen }: { readonly seen?: string }): { readonly seen?: string } => (seen === undefined ? {} : { seen });

/** One task alone, checked by the registry as it was read. */
const prepare = (deps: Deps, clientId: string, item: EnqueueItem, registry: Parameters<typeof prepareWith>[3]): NewTask =>
  unwrap(withoutPositions(prepareWith(deps, clientId, item, registry)));

async function enqueueMany(
  deps: Deps,
  clientId: string,
  scope: StoreScope,
  items: readonly EnqueueItem[],
  options: { atomic: boolean; createClients: boolean },
): Promise<EnqueueItemResult[]> {
  return byRegistry(deps.store, (registry) => {
    const prepared = items.map((item) => prepareWith(deps, clientId, item, registry));
    return storeMany(prepared, options.atomic, (tasks) => deps.store.enqueue(scope, tasks, { ...options, ...seenOf(registry) }));
  });
}

async function waitFor(deps: Deps, scope: StoreScope, taskId: string, { timeoutMs = WAIT_MS, signal }: WaitOptions): Promise<Task> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const task = (await deps.store.task(scope, taskId)) ?? raise(notFound());
    if (ENDED.includes(task.status)) return task;
    if (signal?.aborted === true) throw new QueueError('aborted', 'the wait was given up by its signal');
    const left = until - performance.now();
    if (left <= 0)
      throw new QueueError('timeout', `the task is still ${task.status} after ${timeoutMs} ms: wait longer, or look at it later`, { status: task.status });
    await deps.store.changed(Math.min(left, LOOK_MS), signal, { for: 'task', clients: scope.clients, taskId });
  }
}

function checkAmend(
  deps: Deps,
  change: AmendInput,
): { payload?: { text: string; format: string | null }; maxAttempts?: number; maxRunMs?: number; metadata?: string | null } {
  const { payloadBytes: maxBytes, payloadDepth: maxDepth } = deps.limits;
  return {
    ...('payload' in change ? { payload: unwrap(toJsonText(change.payload, { maxBytes, maxDepth })) } : {}),
    ...(change.maxAttempts === undefined ? {} : { maxAttempts: unwrap(checkInt('maxAttempts', change.maxAttempts, 'maxAttempts')) }),
    ...(change.maxRunMs === undefined ? {} : { maxRunMs: unwrap(checkInt('maxRunMs', change.maxRunMs, 'maxRunMs')) }),
    ...(change.metadata === undefined ? {} : { metadata: unwrap(checkMetadata(change.metadata)) }),
  };
}
