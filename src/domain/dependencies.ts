// What a task waits for. `dependsOn` is order, `parentTaskId` is lineage: two words for two things. Any DAG is allowed; since edges
// are given at enqueue alone, a circle can only be made among the items of one call, and is found here.
import type { Result } from './errors.ts';
import { ok, refuse } from './errors.ts';
import { isPlainObject, shown, wrongField } from './fields.ts';

/** What becomes of a child when this parent ends otherwise than completed. */
export const POLICIES = {
  cancel: 'the child is cancelled: nothing waits for what will not come; a requeue with `cascade` brings it back',
  ignore: 'the child runs all the same',
  wait: 'the child stays blocked until the parent was requeued and completed',
} as const satisfies Record<string, string>;
export type DependencyPolicy = keyof typeof POLICIES;
/** Nothing stays blocked unseen. */
export const DEFAULT_POLICY: DependencyPolicy = 'cancel';

export const EDGE_STATES = ['open', 'met', 'void'] as const;
/** `open`: waited for. `met`: done with. `void`: the child ended before. */
export type EdgeState = (typeof EDGE_STATES)[number];

/** As a caller gives it: a task id, the position of an item of the same call, or either with a policy. */
export type DependencyInput =
  | string
  | number
  | { readonly taskId: string; readonly policy?: DependencyPolicy }
  | { readonly position: number; readonly policy?: DependencyPolicy };

/** As it is kept. A position of the same call stands as `@3` until the service has put the id in. */
export interface Dependency {
  readonly taskId: string;
  readonly policy: DependencyPolicy;
}

/** The most parents of one task. */
export const MOST_PARENTS = 10_000;
const NONE: readonly Dependency[] = [];

export function checkDependsOn(value: unknown): Result<readonly Dependency[]> {
  if (!Array.isArray(value)) return wrongField('dependsOn', 'give a list of task ids, or in one call of many positions of the same call');
  if (value.length > MOST_PARENTS) return wrongField('dependsOn', `has ${value.length} parents, at most ${MOST_PARENTS} are allowed`);
  if (value.length === 0) return ok(NONE);
  const found = new Map<string, Dependency>();
  for (const [i, item] of (value as unknown[]).entries()) {
    const one = dependencyOf(item);
    if (typeof one === 'string') return wrongField(`dependsOn.${i}`, one);
    if (found.has(one.taskId)) return wrongField(`dependsOn.${i}`, 'names the same parent again');
    found.set(one.taskId, one);
  }
  return ok([...found.values()]);
}

/** A sentence instead of what is wrong. */
function dependencyOf(item: unknown): Dependency | string {
  const given = isPlainObject(item) ? item : typeof item === 'number' ? { position: item } : { taskId: item };
  const { taskId, position, policy = DEFAULT_POLICY } = given as { taskId?: unknown; position?: unknown; policy?: unknown };
  if (Object.keys(given).some((key) => !['taskId', 'position', 'policy'].includes(key))) return 'has a key that is not taskId, position or policy';
  if (typeof policy !== 'string' || !Object.hasOwn(POLICIES, policy)) return `${shown(policy)} is no policy: cancel, ignore or wait`;
  if ((taskId === undefined) === (position === undefined)) return 'give a task id or a position';
  if (position !== undefined) {
    if (!Number.isSafeInteger(position) || (position as number) < 0) return `${shown(position)} is no position: they start at 0`;
    return { taskId: `@${position as number}`, policy: policy as DependencyPolicy };
  }
  if (typeof taskId !== 'string' || taskId === '' || taskId.length > 64) return `${shown(taskId)} is no task id`;
  return { taskId, policy: policy as DependencyPolicy };
}

export const positionOf = ({ taskId }: Dependency): number | null => (taskId.startsWith('@') ? Number(taskId.slice(1)) : null);

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** What is no id of ours is an absent parent. */
export const namesParent = ({ taskId }: Dependency): boolean => TASK_ID.test(taskId);

export const noSuchParent = (position: number): { readonly ok: false; readonly refusal: ReturnType<typeof refuse>['refusal'] } =>
  refuse('not_found', `dependsOn.${position}: there is no such task`, { fields: [{ field: `dependsOn.${position}`, message: 'there is no such task' }] });

export const parentEnded = (position: number, outcome: string): ReturnType<typeof refuse> =>
  refuse('parent_ended', `dependsOn.${position}: the parent is ${outcome}: requeue it first, or depend on it under the policy ignore or wait`, { outcome });

/** What an edge is when it is made, or made anew: null where the task could never run. `outcome` null: the parent has not ended. */
export function edgeStateAt(outcome: string | null, policy: DependencyPolicy): EdgeState | null {
  if (outcome === null) return 'open';
  if (outcome === 'completed' || policy === 'ignore') return 'met';
  return policy === 'wait' ? 'open' : null;
}

/**
 * The items of one call with parents before their children, each in its own order otherwise; null for those that wait for
 * themselves. `parents` lists the positions that each item waits for.
 */
export function parentsFirst(parents: readonly (readonly number[])[]): { readonly order: readonly number[]; readonly circular: ReadonlySet<number> } {
  const waiting = parents.map((of) => of.length);
  const children = new Map<number, number[]>();
  for (const [i, of] of parents.entries())
    for (const parent of of) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [i]);
      else known.push(i);
    }
  const order = parents.flatMap((of, i) => (of.length === 0 ? [i] : []));
  for (let next = 0; next < order.length; next++)
    for (const child of children.get(order[next] as number) ?? []) {
      waiting[child] = (waiting[child] as number) - 1;
      if (waiting[child] === 0) order.push(child);
    }
  const placed = new Set(order);
  return { order, circular: new Set(parents.flatMap((_, i) => (placed.has(i) ? [] : [i]))) };
}
