// What a forecast is made from on PostgreSQL: put together in functions/18_sla.sql.
import { FORECAST_AHEAD, FORECAST_ENDED, FORECAST_WINDOW_MS } from '../../domain/forecast.ts';
import type { ForecastFacts } from '../../domain/forecast.ts';
import type { ForecastAsked, StoreScope } from '../store.ts';
import { call, isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';

export async function forecastFacts(engine: Engine, scope: StoreScope, clientId: string, asked: ForecastAsked): Promise<ForecastFacts | null> {
  const of = 'taskId' in asked ? { task_id: asked.taskId, type: null, priority: null } : { task_id: null, type: asked.type, priority: asked.priority };
  if (of.task_id !== null && !isTaskId(of.task_id)) return null;
  const bounds = { ahead: FORECAST_AHEAD, ended: FORECAST_ENDED, window: FORECAST_WINDOW_MS };
  const [row] = await call(engine, scope, 'forecast_facts', { client_id: clientId, ...of, ...bounds });
  return typeof row?.[0] === 'string' ? (JSON.parse(row[0]) as ForecastFacts) : null;
}
