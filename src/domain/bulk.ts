// Many tasks at once, by their ids or by a filter: which moves there are, where the tasks of each are looked for, and how a walk that
// stopped goes on. Every step is bounded; whoever asks goes on with the cursor of the answer.
import type { Result } from './errors.ts';
import { ok, refuse } from './errors.ts';
import { EVENTS } from './lifecycle.ts';
import type { TaskState } from './lifecycle.ts';

export const BULK_EVENTS = ['cancel', 'requeue', 'reprioritise', 'purge'] as const;
export type BulkEvent = (typeof BULK_EVENTS)[number];

/** The places that are walked through, in this order, and the state that each tells. */
export const BULK_PLACES = [
  { place: 'blocked', state: 'blocked' },
  { place: 'ready', state: 'queued' },
  { place: 'delayed', state: 'queued' },
  { place: 'delayed', state: 'failed' },
  { place: 'leases', state: 'leased' },
  { place: 'finished', state: 'completed' },
  { place: 'finished', state: 'dead_letter' },
  { place: 'finished', state: 'cancelled' },
] as const satisfies readonly { readonly place: string; readonly state: TaskState }[];
export type BulkPlace = (typeof BULK_PLACES)[number];

/** The places that an event takes tasks from, narrowed to one state; their numbers in the table. */
export const placesOf = (event: BulkEvent, status: TaskState | undefined): readonly number[] =>
  BULK_PLACES.flatMap(({ state }, i) =>
    (EVENTS[event].from as readonly TaskState[]).includes(state) && (status === undefined || status === state) ? [i] : [],
  );

/** Where a walk stands: in a place, after the row of this key. */
export interface BulkCursor {
  readonly at: number;
  readonly sort: number;
  readonly key: string;
}
export const START: BulkCursor = { at: -1, sort: -1, key: '' };

export const bulkCursorText = ({ at, sort, key }: BulkCursor): string => `${at}.${sort}.${key}`;

export function parseBulkCursor(text: string): Result<BulkCursor> {
  const match = /^(\d)\.(-?\d{1,16})\.([0-9a-f-]{0,36})$/.exec(text);
  if (match === null || Number(match[1]) >= BULK_PLACES.length)
    return refuse('invalid_input', 'the cursor is not one that an earlier answer gave', { fields: [{ field: 'cursor', message: 'not a cursor' }] });
  return ok({ at: Number(match[1]), sort: Number(match[2]), key: match[3] as string });
}
