// Due times on SQLite: the janitor tells how tasks stand, and what a forecast is made from.
import { FORECAST_AHEAD, FORECAST_ENDED, FORECAST_WINDOW_MS } from '../../domain/forecast.ts';
import type { ForecastFacts } from '../../domain/forecast.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import { slaStep } from '../../domain/sla.ts';
import type { ForecastAsked } from '../store.ts';
import type { Engine } from './engine.ts';
import type { Row, Statements } from './statements.ts';

const TOLD_A_STEP = 200;

/** `*` is bound. How many rows were looked at. */
export function tellSla(engine: Engine, now: number): number {
  const { st } = engine;
  const due = st.rows('sla_due', { now, most: TOLD_A_STEP });
  for (const [client, taskId, taskNo, dueAtUtc, status, finishedAtUtc] of due) {
    const row = { dueAtUtc: dueAtUtc as number, status: status as TaskState | null, finishedAtUtc: finishedAtUtc as number | null };
    const { state, next, event } = slaStep(row, now);
    const client_id = client as string;
    const task_no = taskNo as number;
    st.run('sla_put', { client_id, task_no, state, next });
    if (event === null) continue;
    const place = st.row('place_of', { client_id, task_id: taskId as string });
    const at = place?.[6] as TaskState;
    const details = JSON.stringify({ due_at_utc: row.dueAtUtc });
    st.run('event_add', { client_id, task_no, now, event, from_status: at, to_status: at, actor: 'system', attempt: place?.[9] as number, details });
  }
  return due.length;
}

const LAST = Number.MAX_SAFE_INTEGER;

/** As `explain_task` answers it; undefined: there is no such client. */
function ofType(st: Statements, client_id: string, type: string, priority: number): Row | undefined {
  return st.row('client_state', { client_id }) === undefined ? undefined : [0, type, '', '', priority, LAST];
}

export function forecastFacts({ st, wall, now }: Engine, clientId: string, asked: ForecastAsked): ForecastFacts | null {
  wall.bind({ clients: [clientId] });
  const client_id = clientId;
  const found = 'taskId' in asked ? st.row('explain_task', { client_id, task_id: asked.taskId }) : ofType(st, client_id, asked.type, asked.priority);
  if (found === undefined) return null;
  const [, type, , , priority, taskNo] = found as readonly [number, string, string, string, number, number];
  const nowUtc = now();
  const ended = st.row('forecast_ended', { client_id, type, since: nowUtc - FORECAST_WINDOW_MS, most: FORECAST_ENDED }) as readonly (number | null)[];
  return {
    type,
    ahead: st.row('forecast_ahead', { client_id, priority, task_no: taskNo, most: FORECAST_AHEAD })?.[0] as number,
    running: st.row('forecast_running', { client_id, most: FORECAST_AHEAD })?.[0] as number,
    ended: { count: ended[0] ?? 0, sinceUtc: ended[1] ?? null, meanMs: ended[2] ?? null },
    ofType: { count: ended[3] ?? 0, meanMs: ended[4] ?? null },
    nowUtc,
  };
}
