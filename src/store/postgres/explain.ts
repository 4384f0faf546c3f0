// What PostgreSQL knows of why tasks do not run: put together in functions/17_explain.sql.
import { AHEAD_MOST, WAITING_MOST } from '../../domain/explain.ts';
import type { ExplainFacts, WorkerSet } from '../../domain/explain.ts';
import { LIMITS } from '../../domain/limits.ts';
import { unroutableOf } from '../rows.ts';
import type { StoreScope, UnroutableFacts } from '../store.ts';
import { call } from './engine.ts';
import type { Engine } from './engine.ts';

const ALIVE = { alive_ms: LIMITS.activeMs.default };

export async function explainFacts(engine: Engine, scope: StoreScope, clientId: string, taskId: string): Promise<ExplainFacts | null> {
  const [row] = await call(engine, scope, 'explain_facts', { client_id: clientId, task_id: taskId, ...ALIVE, most: AHEAD_MOST });
  return typeof row?.[0] === 'string' ? (JSON.parse(row[0]) as ExplainFacts) : null;
}

export async function unroutableFacts(engine: Engine, scope: StoreScope, most: number): Promise<UnroutableFacts> {
  const lanes = (await call(engine, scope, 'unroutable', { ...ALIVE, most_waiting: WAITING_MOST, most })).map(unroutableOf);
  const [row] = await call(engine, scope, 'worker_sets', ALIVE);
  return { lanes, sets: JSON.parse(row?.[0] as string) as WorkerSet[] };
}
