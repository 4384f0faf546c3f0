// Pages of any engine: whose rights a list is read with, where it goes on, and what a page of rows answers.
import { refuse, unwrap } from '../domain/errors.ts';
import type { Task } from '../domain/task.ts';
import { taskOf } from './rows.ts';
import type { StoredRow } from './rows.ts';
import type { StorePage, StoreScope, TrailRow } from './store.ts';

export const clientOf = (scope: StoreScope): string => (scope.clients === '*' ? '*' : (scope.clients[0] ?? ''));

/** Whose rights a scope reads with: an admin of the platform sees no payload, nor does who is blind. */
export function readerOf(scope: StoreScope): 'client' | 'admin' | 'platform' | 'auditor' {
  if (scope.blind === true) return 'platform';
  if (scope.role === 'admin') return scope.clients === '*' ? 'platform' : 'admin';
  return scope.role === 'auditor' ? 'auditor' : 'client';
}

const wrongCursor = (): never =>
  unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));

/** In these states a task does not stand so any more, whatever was told. */
export const SLA_OVER = { at_risk: `'completed', 'cancelled'`, breached: `'cancelled'` } as const;

/** A cursor of a list of tasks is the sort value and the id of the last row of a page. */
export function parseCursor(cursor: string | undefined): { readonly value: number; readonly id: string } | null {
  if (cursor === undefined) return null;
  const match = /^(\d{1,16})\.([0-9a-f-]{36})$/.exec(cursor);
  return match === null ? wrongCursor() : { value: Number(match[1]), id: match[2] as string };
}

export function numberCursor(cursor: string | undefined, start: number): number {
  if (cursor === undefined) return start;
  return /^\d{1,16}$/.test(cursor) ? Number(cursor) : wrongCursor();
}

/** The page of rows that were asked for with one more than its limit. Each begins with its sort value. */
export function pageOfTasks(rows: readonly StoredRow[], limit: number, raw: boolean): StorePage<Task> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map((row) => taskOf(row.slice(1), raw)),
    nextCursor: rows.length > limit && last !== undefined ? `${last[0] as number}.${last[1] as string}` : null,
  };
}

export function pageOf<T>(rows: readonly StoredRow[], limit: number, map: (row: StoredRow) => T, cursor: (item: T) => number): StorePage<T> {
  const items = rows.slice(0, limit).map(map);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? String(cursor(last)) : null };
}

/** The client whose rows a scope is about, or null for the platform, which is about all. */
export const oneClient = (scope: StoreScope): string | null => (scope.clients === '*' ? null : clientOf(scope));

/** Merges lists that are newest first in an order of their own, each kept; of heads with one instant the earlier list's comes first. */
export function mergeNewest<T extends { readonly atUtc: number }>(lists: readonly (readonly T[])[], most: number): T[] {
  const next = lists.map(() => 0);
  const merged: T[] = [];
  while (merged.length < most) {
    let best = -1;
    for (const [i, list] of lists.entries()) {
      const head = list[next[i] as number];
      const known = best === -1 ? undefined : lists[best]?.[next[best] as number];
      if (head !== undefined && (known === undefined || head.atUtc > known.atUtc)) best = i;
    }
    const from = lists[best];
    if (from === undefined) return merged;
    merged.push(from[next[best] as number] as T);
    next[best] = (next[best] as number) + 1;
  }
  return merged;
}

/** A row of the trail as it is answered: where an engine has it stays inside. */
export const trailRowOf = ({ chain, id, atUtc, clientId, actor, action, object, outcome, details }: TrailRow): TrailRow => ({
  chain,
  id,
  atUtc,
  clientId,
  actor,
  action,
  object,
  outcome,
  details,
});
