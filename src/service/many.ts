// Many tasks in one call: each checked by itself, positions of the call put in as ids, parents stored before their children.
import { QueueError, unwrap } from '../domain/errors.ts';
import type { Result } from '../domain/errors.ts';
import { namesParent, noSuchParent, parentsFirst, positionOf } from '../domain/dependencies.ts';
import type { Dependency } from '../domain/dependencies.ts';
import { wrongField } from '../domain/fields.ts';
import type { NewTask } from '../domain/task.ts';
import type { Outcomes } from '../store/store.ts';
import type { EnqueueItemResult } from './handles.ts';

type Prepared = readonly Result<NewTask>[];

/** One task alone has no positions to name. */
export function withoutPositions(prepared: Result<NewTask>): Result<NewTask> {
  if (!prepared.ok || prepared.value.dependsOn.length === 0) return prepared;
  for (const [i, dependency] of prepared.value.dependsOn.entries()) {
    if (positionOf(dependency) !== null) return wrongField(`dependsOn.${i}`, 'positions are for calls of many tasks: give the task id');
    if (!namesParent(dependency)) return noSuchParent(i);
  }
  return prepared;
}

/** Puts the ids in for positions. An item that waits for one that is refused, or for itself in a circle, is refused as well. */
export function linkPositions(prepared: Prepared): { readonly items: Prepared; readonly order: readonly number[] } {
  if (!prepared.some((item) => item.ok && item.value.dependsOn.length > 0)) return { items: prepared, order: prepared.map((_, i) => i) };
  const parents = prepared.map((item) =>
    item.ok ? item.value.dependsOn.flatMap((one) => positionOf(one) ?? []).filter((position) => position < prepared.length) : [],
  );
  const { order, circular } = parentsFirst(parents);
  const items = [...prepared];
  for (const i of [...order, ...circular]) {
    const item = items[i];
    if (item?.ok === true && item.value.dependsOn.length > 0) items[i] = circular.has(i) ? inACircle(i) : linked(item.value, items);
  }
  return { items, order: [...order, ...circular] };
}

const inACircle = (i: number): Result<NewTask> => wrongField('dependsOn', `the item at ${i} waits for itself, over the items that it depends on`);

function linked(task: NewTask, items: Prepared): Result<NewTask> {
  const found: Dependency[] = [];
  for (const [i, dependency] of task.dependsOn.entries()) {
    const position = positionOf(dependency);
    if (position === null && !namesParent(dependency)) return noSuchParent(i);
    const parent = position === null ? null : items[position];
    if (parent === null) found.push(dependency);
    else if (parent === undefined) return wrongField(`dependsOn.${i}`, `there is no item at ${position}: positions start at 0`);
    else if (!parent.ok) return noSuchParent(i);
    else found.push({ taskId: parent.value.taskId, policy: dependency.policy });
  }
  return { ok: true, value: { ...task, dependsOn: found } };
}

/** Stores what is good, parents first, and answers each item in the order of the call. */
export async function storeMany(prepared: Prepared, atomic: boolean, store: (tasks: readonly NewTask[]) => Promise<Outcomes>): Promise<EnqueueItemResult[]> {
  const { items, order } = linkPositions(prepared);
  if (atomic) for (const item of items) unwrap(item);
  const good = order.flatMap((i) => {
    const item = items[i];
    return item?.ok === true ? [{ i, task: item.value }] : [];
  });
  const stored = good.length === 0 ? [] : await store(good.map(({ task }) => task));
  const answers: Result<Outcomes[number] extends Result<infer T> ? T : never>[] = [];
  for (const [at, { i }] of good.entries()) answers[i] = stored[at] as Outcomes[number];
  return items.map((item, i) => {
    const answer = item.ok ? answers[i] : item;
    if (answer === undefined) throw new QueueError('internal', 'the store answered nothing');
    return answer.ok ? { ok: true, ...answer.value } : { ok: false, ...answer.refusal };
  });
}
