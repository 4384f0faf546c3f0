// When a task will start, or one of a category that would be enqueued now.
import { checkCategory } from '../domain/category.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { obstacleOf } from '../domain/explain.ts';
import { forecastTask, forecastType } from '../domain/forecast.ts';
import type { Forecast } from '../domain/forecast.ts';
import { LIMITS, checkInt } from '../domain/limits.ts';
import type { Principal } from '../domain/principal.ts';
import type { StoreScope } from '../store/store.ts';
import { mostSpecific } from './categories.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import type { ClientHandle } from './handles.ts';
import { notFound, raise } from './refusal.ts';

export async function forecastTaskOf(deps: Deps, principal: Principal, scope: StoreScope, taskId: string): Promise<Forecast> {
  await authorize(deps, principal, 'task.forecast');
  const task = (await deps.store.task(scope, taskId)) ?? raise(notFound());
  const [facts, known] = await Promise.all([deps.store.forecast(scope, task.clientId, { taskId }), deps.store.explain(scope, task.clientId, taskId)]);
  return facts === null || known === null ? raise(notFound()) : forecastTask(task, facts, obstacleOf(task, known));
}

/** What a task of a category that is enqueued now would meet. */
async function forecastTypeOf(deps: Deps, principal: Principal, scope: StoreScope, clientId: string, type: string, priority?: number): Promise<Forecast> {
  await authorize(deps, principal, 'category.forecast');
  unwrap(checkCategory(type));
  const given = mostSpecific((await deps.store.categories()).rows, type);
  const asked = priority === undefined ? (given.priority ?? LIMITS.priority.default) : unwrap(checkInt('priority', priority, 'priority'));
  const facts = (await deps.store.forecast(scope, clientId, { type, priority: asked })) ?? raise(new QueueError('not_found', 'there is no such client'));
  return forecastType(facts, given.maxWaitMs ?? null);
}

/** What a client has before it: when more would start, and how much more it may enqueue. */
export const outlook = (deps: Deps, principal: Principal, scope: StoreScope, clientId: string): Pick<ClientHandle, 'forecastType' | 'quota'> => ({
  forecastType: (type, priority) => forecastTypeOf(deps, principal, scope, clientId, type, priority),
  async quota() {
    await authorize(deps, principal, 'client.usage');
    return (await deps.store.quotas.get(scope, clientId)) ?? raise(new QueueError('not_found', 'there is no such client'));
  },
});
