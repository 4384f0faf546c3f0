// The trail that an auditor reads: what happened to tasks and what concerned security, by client, time, actor, object and action.
import { CHAINS } from '../../domain/audit-chain.ts';
import type { ChainName } from '../../domain/audit-chain.ts';
import { refuse, unwrap } from '../../domain/errors.ts';
import { clientOf, mergeNewest, trailRowOf } from '../pages.ts';
import type { StorePage, StoreScope, TrailFilter, TrailRow } from '../store.ts';
import type { Reader } from './reads.ts';
import type { Params } from './statements.ts';

/** Newest first, from both chains. The cursor says how far each was read. */
export function readTrail(reader: Reader, scope: StoreScope, filter: TrailFilter): StorePage<TrailRow> {
  reader.wall.bind({ clients: scope.clients });
  const before = trailCursor(reader, scope, filter.cursor);
  const lists = CHAINS.map((chain) => (filter.chain === undefined || filter.chain === chain ? trailOf(reader, chain, before[chain].at, filter) : []));
  const page = mergeNewest(lists, filter.limit);
  const items = page.map(trailRowOf);
  if (lists.reduce((sum, list) => sum + list.length, 0) === page.length) return { items, nextCursor: null };
  const next = { ...before };
  for (const row of page) if (row.at < next[row.chain].at) next[row.chain] = { at: row.at, name: nameOf(scope, row) };
  return { items, nextCursor: `${next.tasks.name}~${next.security.name}` };
}

/** How far a chain was read: the row in the order of the table, and how a cursor names it. */
interface Place {
  readonly at: number;
  readonly name: string;
}
const START: Place = { at: Number.MAX_SAFE_INTEGER, name: '' };

/** A row as a cursor names it. The order of the table runs over all clients: one client is given what it knows of the row instead. */
const nameOf = ({ clients }: StoreScope, { at, chain, id, object }: Placed): string =>
  clients === '*' ? String(at) : chain === 'tasks' ? `${object as string}.${id}` : String(id);

const NAMES = /^(?:(?:([0-9a-f-]{36})\.)?(\d{1,16}))?~(\d{1,16})?$/;

function trailCursor(reader: Reader, scope: StoreScope, cursor: string | undefined): Record<ChainName, Place> {
  if (cursor === undefined) return { tasks: START, security: START };
  const match = NAMES.exec(cursor);
  const [, taskId, no, event] = match ?? [];
  const tasks =
    no === undefined ? START.at : scope.clients === '*' ? Number(no) : rowOf(reader, 'trail_row', { ...own(scope), task_id: taskId ?? '', number: Number(no) });
  const security =
    event === undefined ? START.at : scope.clients === '*' ? Number(event) : rowOf(reader, 'trail_event', { ...own(scope), shown_id: Number(event) });
  if (match === null || tasks === undefined || security === undefined)
    return unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));
  const [name = '', other = ''] = cursor.split('~');
  return { tasks: { at: tasks, name }, security: { at: security, name: other } };
}

const own = (scope: StoreScope): Params => ({ client_id: clientOf(scope) });
const rowOf = (reader: Reader, name: string, params: Params): number | undefined => reader.st.row(name, params)?.[0] as number | undefined;

const TRAIL = {
  tasks: `SELECT e.row_no, e.log_id, e.at_utc, e.client_id, e.actor, e.event, e.task_id, 'done', json_object('from', e.from_status, 'to', e.to_status, 'attempt', e.attempt, 'details', json(e.details))
    FROM shown.task_logs e WHERE e.row_no < :before`,
  security: `SELECT e.event_id, e.shown_id, e.at_utc, e.client_id, e.actor, e.action, e.object, e.outcome, coalesce(e.details, '{}') FROM walled.security_events e WHERE e.event_id < :before`,
} as const satisfies Record<ChainName, string>;
const TRAIL_ORDER = { tasks: 'e.row_no', security: 'e.event_id' } as const satisfies Record<ChainName, string>;
const TRAIL_COLUMN = { tasks: { action: 'e.event', object: 'e.task_id' }, security: { action: 'e.action', object: 'e.object' } } as const;

interface Placed extends TrailRow {
  readonly at: number;
}

function trailOf(reader: Reader, chain: ChainName, before: number, filter: TrailFilter): Placed[] {
  const wanted = [
    ['e.client_id', 'client_id', filter.clientId],
    ['e.actor', 'actor', filter.actor],
    [TRAIL_COLUMN[chain].action, 'action', filter.action],
    [TRAIL_COLUMN[chain].object, 'object', filter.object],
  ] as const;
  const given = wanted.filter(([, , value]) => value !== undefined);
  const sql = `${TRAIL[chain]}${given.map(([column, name]) => ` AND ${column} = :${name}`).join('')} AND e.at_utc >= :since AND e.at_utc < :until ORDER BY ${TRAIL_ORDER[chain]} DESC LIMIT :most`;
  const params = {
    before,
    since: filter.sinceUtc ?? 0,
    until: filter.untilUtc ?? Number.MAX_SAFE_INTEGER,
    most: filter.limit + 1,
    ...Object.fromEntries(given.map(([, name, value]) => [name, value as string])),
  };
  return reader.st.composed('sealer', sql, params).map((row) => ({
    chain,
    at: row[0] as number,
    id: row[1] as number,
    atUtc: row[2] as number,
    clientId: row[3] as string | null,
    actor: row[4] as string,
    action: row[5] as string,
    object: row[6] as string | null,
    outcome: row[7] as TrailRow['outcome'],
    details: row[8] as string,
  }));
}
