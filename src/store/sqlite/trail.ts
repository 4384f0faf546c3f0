// The trail that an auditor reads: what happened to tasks and what concerned security, by client, time, actor, object and action.
import { CHAINS } from '../../domain/audit-chain.ts';
import type { ChainName } from '../../domain/audit-chain.ts';
import { refuse, unwrap } from '../../domain/errors.ts';
import type { StorePage, StoreScope, TrailFilter, TrailRow } from '../store.ts';
import { classOf } from './reads.ts';
import type { Reader } from './reads.ts';

/** Newest first, from both chains. The cursor says how far each was read. */
export function readTrail(reader: Reader, scope: StoreScope, filter: TrailFilter): StorePage<TrailRow> {
  reader.wall.bind({ clients: scope.clients });
  const before = trailCursor(filter.cursor);
  const rows = CHAINS.flatMap((chain) => (filter.chain === undefined || filter.chain === chain ? trailOf(reader, scope, chain, before[chain], filter) : []));
  const items = rows.toSorted((a, b) => b.atUtc - a.atUtc || b.id - a.id).slice(0, filter.limit);
  if (rows.length <= filter.limit) return { items, nextCursor: null };
  const next = { ...before };
  for (const { chain, id } of items) next[chain] = Math.min(next[chain], id);
  return { items, nextCursor: `${next.tasks}.${next.security}` };
}

function trailCursor(cursor: string | undefined): Record<ChainName, number> {
  if (cursor === undefined) return { tasks: Number.MAX_SAFE_INTEGER, security: Number.MAX_SAFE_INTEGER };
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(cursor);
  if (match === null)
    return unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));
  return { tasks: Number(match[1]), security: Number(match[2]) };
}

const TRAIL = {
  tasks: `SELECT e.log_id, e.at_utc, e.client_id, e.actor, e.event, e.task_id, 'done', json_object('from', e.from_status, 'to', e.to_status, 'attempt', e.attempt, 'details', json(e.details))
    FROM shown.task_logs e WHERE e.log_id < :before`,
  security: `SELECT e.event_id, e.at_utc, e.client_id, e.actor, e.action, e.object, e.outcome, coalesce(e.details, '{}') FROM walled.security_events e WHERE e.event_id < :before`,
} as const satisfies Record<ChainName, string>;
const TRAIL_ID = { tasks: 'e.log_id', security: 'e.event_id' } as const satisfies Record<ChainName, string>;
const TRAIL_COLUMN = { tasks: { action: 'e.event', object: 'e.task_id' }, security: { action: 'e.action', object: 'e.object' } } as const;

function trailOf(reader: Reader, scope: StoreScope, chain: ChainName, before: number, filter: TrailFilter): TrailRow[] {
  const wanted = [
    ['e.client_id', 'client_id', filter.clientId],
    ['e.actor', 'actor', filter.actor],
    [TRAIL_COLUMN[chain].action, 'action', filter.action],
    [TRAIL_COLUMN[chain].object, 'object', filter.object],
  ] as const;
  const given = wanted.filter(([, , value]) => value !== undefined);
  const sql = `${TRAIL[chain]}${given.map(([column, name]) => ` AND ${column} = :${name}`).join('')} AND e.at_utc >= :since AND e.at_utc < :until ORDER BY ${TRAIL_ID[chain]} DESC LIMIT :most`;
  const params = {
    before,
    since: filter.sinceUtc ?? 0,
    until: filter.untilUtc ?? Number.MAX_SAFE_INTEGER,
    most: filter.limit + 1,
    ...Object.fromEntries(given.map(([, name, value]) => [name, value as string])),
  };
  const cls = scope.role === 'auditor' ? 'auditor' : classOf(scope);
  return reader.st.composed(cls, sql, params).map((row) => ({
    chain,
    id: row[0] as number,
    atUtc: row[1] as number,
    clientId: row[2] as string | null,
    actor: row[3] as string,
    action: row[4] as string,
    object: row[5] as string | null,
    outcome: row[6] as TrailRow['outcome'],
    details: row[7] as string,
  }));
}
