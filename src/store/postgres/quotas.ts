// Quotas on PostgreSQL: functions/19_quotas.sql.
import type { QuotaInfo } from '../../domain/quota.ts';
import type { QuotaStore } from '../quotas.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';

const infoOf = (clientId: string, row: Row | undefined): QuotaInfo | null => {
  if (row === undefined) return null;
  const [tasks = null, bytes = null, usedTasks, usedBytes] = row as readonly (number | null)[];
  return { clientId, tasks, bytes, usedTasks: usedTasks ?? 0, usedBytes: usedBytes ?? 0 };
};

export const quotaOperations = (engine: Engine): QuotaStore => ({
  get: async (scope, client_id) => infoOf(client_id, (await call(engine, scope, 'quota_get', { client_id }))[0]),
  set: async (scope, client_id, { tasks, bytes }) => infoOf(client_id, (await call(engine, scope, 'quota_set', { client_id, tasks, bytes }))[0]),
});
