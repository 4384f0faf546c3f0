// Limits on PostgreSQL: the changes are functions of the database; that limits hold is its claim's affair.
import { LIMITS_PER_CLIENT } from '../../domain/work-limit.ts';
import { limitOf } from '../limits.ts';
import type { LimitStore } from '../limits.ts';
import { clientOf } from '../pages.ts';
import { actingOf, classOf } from './acting.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import { refusalOf } from './schedules.ts';
import { statement } from './statements.ts';

export function limitOperations(engine: Engine): LimitStore {
  return {
    async set(scope, limit, action, reason) {
      const { name, pattern, key, concurrency, rate, perMs } = limit;
      const client_id = clientOf(scope);
      const params = { client_id, name, pattern, limit_key: key, concurrency, rate, per_ms: perMs, most: LIMITS_PER_CLIENT, action, reason };
      const [answer] = await call(engine, scope, 'limit_put', params);
      return refusalOf(answer?.[0], client_id, `the client ${client_id} has ${LIMITS_PER_CLIENT} limits: one with * at the end of its key is about many keys`);
    },
    async list(scope) {
      const all = scope.clients === '*';
      const one = { statement: statement(all ? 'limits_all' : 'limits_list'), params: all ? {} : { client_id: clientOf(scope) } };
      return ((await engine.pools[classOf(scope)].read(actingOf(scope), [one]))[0] as Row[]).map(limitOf);
    },
    delete: async (scope, name, action, reason) =>
      (await call(engine, scope, 'limit_delete', { client_id: clientOf(scope), name, action, reason }))[0]?.[0] === true,
  };
}
