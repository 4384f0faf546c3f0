// Limits in SQLite: the rows of the book, and which lanes each is about, matched when a limit is set or a lane is born.
import { matches } from '../../domain/category.ts';
import { refuse } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/errors.ts';
import { LIMITS_PER_CLIENT, bucketOf } from '../../domain/work-limit.ts';
import type { WorkLimit } from '../../domain/work-limit.ts';
import { limitOf } from '../limits.ts';
import type { LimitStore } from '../limits.ts';
import { clientOf } from '../pages.ts';
import type { StoreScope } from '../store.ts';
import { bump } from './engine.ts';
import type { Engine } from './engine.ts';
import { read } from './parts.ts';
import type { Parts } from './parts.ts';
import { security } from './registry.ts';

export function limitOperations({ engine, own }: Parts): LimitStore {
  const { writer } = engine;
  return {
    set: (scope, limit, action, reason) => writer.one(scope.actor, () => setLimit(engine, scope, limit, action, reason)),
    list: (scope) =>
      read(() => {
        own.wall.bind({ clients: scope.clients });
        return own.st.rows(scope.clients === '*' ? 'limits_all' : 'limits_list', scope.clients === '*' ? {} : { client_id: clientOf(scope) }).map(limitOf);
      }),
    delete: (scope, name, action, reason) => writer.one(scope.actor, () => deleteLimit(engine, scope, name, action, reason)),
  };
}

const about = (limit: Pick<WorkLimit, 'pattern' | 'key'>, type: string, laneKey: string): string | null =>
  limit.pattern !== null && !matches(limit.pattern, type) ? null : bucketOf(limit, laneKey);

function setLimit(engine: Engine, scope: StoreScope, limit: WorkLimit, action: string, reason: string | null): Refusal | null {
  const { st } = engine;
  engine.wall.bind({ clients: scope.clients });
  const client_id = clientOf(scope);
  if (st.row('client_get', { client_id }) === undefined) return refuse('unknown_client', `there is no client ${client_id}`).refusal;
  const { name, pattern, key, concurrency, rate, perMs } = limit;
  st.run('limit_lanes_drop', { client_id, name });
  st.run('limit_delete', { client_id, name });
  if ((st.row('limit_count', { client_id })?.[0] as number) >= LIMITS_PER_CLIENT)
    return refuse('quota_exceeded', `the client ${client_id} has ${LIMITS_PER_CLIENT} limits: one with * at the end of its key is about many keys`).refusal;
  st.run('limit_put', { client_id, name, pattern, limit_key: key, concurrency, rate, per_ms: perMs, now: engine.now() });
  const lanes = st.rows('lanes_of_client', { client_id }).flatMap(([laneId, type, laneKey]) => {
    const bucket = about(limit, type as string, laneKey as string);
    return bucket === null ? [] : [[laneId, bucket]];
  });
  st.run('limit_lanes_add', { client_id, name, lanes: JSON.stringify(lanes) });
  st.run('client_limited', { client_id, limited: 1 });
  bump(engine, 'lanes_version'); // Claims remember who is limited by this number.
  told(engine, scope, action, name, { pattern, key, concurrency, rate, perMs, reason });
  return null;
}

function deleteLimit(engine: Engine, scope: StoreScope, name: string, action: string, reason: string | null): boolean {
  const { st } = engine;
  engine.wall.bind({ clients: scope.clients });
  const client_id = clientOf(scope);
  if (st.run('limit_delete', { client_id, name }) === 0) return false;
  st.run('limit_lanes_drop', { client_id, name });
  st.run('limit_starts_drop', { client_id, name });
  if (st.row('limit_count', { client_id })?.[0] === 0) st.run('client_limited', { client_id, limited: 0 });
  bump(engine, 'lanes_version');
  told(engine, scope, action, name, { reason });
  return true;
}

function told(engine: Engine, scope: StoreScope, action: string, name: string, details: object): void {
  const given = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== null));
  security(engine, { actor: scope.actor, action, clientId: clientOf(scope), object: name, outcome: 'done', details: JSON.stringify(given) });
}

/** Puts a new lane under the limits of its client. */
export function limitLane(
  { st }: Engine,
  lane: { readonly laneId: number; readonly clientId: string; readonly type: string; readonly limitKey: string },
): void {
  for (const [name, pattern, key] of st.rows('limits_of', { client_id: lane.clientId })) {
    const bucket = about({ pattern: pattern as string | null, key: key as string | null }, lane.type, lane.limitKey);
    if (bucket !== null) st.run('lane_limit_add', { client_id: lane.clientId, lane_id: lane.laneId, name: name as string, bucket });
  }
}
