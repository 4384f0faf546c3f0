// The stream of events, read from the audit. For all clients its position is the order of the table; for one client it is the number
// in the client's chain, which tells nothing of others. Rows have no such number of their own: it follows from the seals, and for rows
// younger than the last seal from counting them. Where a stream is now is remembered, so that the next look goes on from there.
import type { StoreScope, StreamPage } from '../store.ts';
import { clientOf } from '../pages.ts';
import { logOf } from '../rows.ts';
import type { Reader } from './reads.ts';

/** Rows of the audit that one look passes. */
const EVENT_WINDOW = 10_000;
const REMEMBERED = 4096;

export type EventReader = (reader: Reader, scope: StoreScope, after: number | null, limit: number) => StreamPage;

export function createEvents(): EventReader {
  /** Row that a stream has read up to, by client and number. Only a shortcut: without it the place is looked for. */
  const places = new Map<string, number>();
  const remember = (clientId: string, no: number, row: number): void => {
    if (places.size >= REMEMBERED) places.clear();
    places.set(`${clientId} ${no}`, row);
  };
  return (reader, scope, after, limit) => {
    reader.wall.bind({ clients: '*' });
    const end = (reader.st.row('events_last')?.[0] as number | null | undefined) ?? 0;
    reader.wall.bind({ clients: scope.clients });
    if (scope.clients === '*') return eventsOfAll(reader, after, end, limit);
    const clientId = clientOf(scope);
    const now = (): StreamPage => {
      const [no, row] = reader.st.row('events_count', { client_id: clientId }) as [number, number];
      remember(clientId, no, row);
      return { items: [], last: no, more: false };
    };
    if (after === null) return now();
    const from = places.get(`${clientId} ${after}`) ?? rowOf(reader, clientId, after);
    // A number that was never given: of another time of the file. It goes on with what happens now.
    if (from === null) return now();
    const until = Math.min(end, from + EVENT_WINDOW);
    const rows = from >= end ? [] : reader.st.rows('events_of', { client_id: clientId, after: from, until, most: limit });
    const items = rows.map((row, i) => ({ ...logOf(row.slice(1)), position: after + 1 + i }));
    const last = after + items.length;
    const full = items.length === limit;
    remember(clientId, last, full ? (rows.at(-1)?.[0] as number) : Math.max(from, until));
    return { items, last, more: full || until < end };
  };
}

function eventsOfAll(reader: Reader, after: number | null, end: number, limit: number): StreamPage {
  if (after === null || after >= end) return { items: [], last: after === null ? end : after, more: false };
  const until = Math.min(end, after + EVENT_WINDOW);
  const items = reader.st.rows('events_all', { after, until, most: limit }).map((row) => ({ ...logOf(row.slice(1)), position: row[0] as number }));
  const full = items.length === limit;
  return { items, last: full ? (items.at(-1)?.position as number) : until, more: full || until < end };
}

/** The row of the n-th event of a client; 0 is before the first. Null when there is none. */
function rowOf(reader: Reader, clientId: string, number: number): number | null {
  if (number <= 0) return 0;
  const params = { client_id: clientId, number };
  const row = reader.st.row('event_sealed', params) ?? reader.st.row('event_unsealed', params);
  return (row?.[0] as number | undefined) ?? null;
}
