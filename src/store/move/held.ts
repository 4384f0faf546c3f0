// What a writer of a store that is held still is told. The code travels inside the message that the database raises.
import type { ErrorCode } from '../../domain/errors.ts';
import type { Marker } from './side.ts';

export interface Held {
  readonly code: Extract<ErrorCode, 'store_moving' | 'store_moved'>;
  readonly message: string;
}

export function heldBy({ role, state, other }: Marker): Held {
  if (role === 'to') return { code: 'store_moving', message: `the queue is being moved here from ${other}: it opens when all of it is there` };
  if (state === 'moved') return { code: 'store_moved', message: `the queue has moved to ${other}: work there` };
  if (state === 'draining') return { code: 'store_moving', message: `the queue is about to move to ${other}: no task is claimed any more; try again` };
  return { code: 'store_moving', message: `the queue is being moved to ${other}: it can be read and not written; try again` };
}

const FORM = /^prismq (store_moving|store_moved): ([^]*)$/;
export const heldText = ({ code, message }: Held): string => `prismq ${code}: ${message}`;

/** Null when the text is of something else. */
export function heldOf(text: string): Held | null {
  const match = FORM.exec(text);
  return match === null ? null : { code: match[1] as Held['code'], message: match[2] as string };
}
