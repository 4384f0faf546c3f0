// What SQLite knows of why a task does not run.
import { AHEAD_MOST, WAITING_MOST } from '../../domain/explain.ts';
import type { ExplainFacts, WorkerSet } from '../../domain/explain.ts';
import { LIMITS } from '../../domain/limits.ts';
import type { Compatibility, GrantSpec, WorkerCapabilities } from '../../domain/task.ts';
import { oneClient } from '../pages.ts';
import { unroutableOf } from '../rows.ts';
import type { StoreScope, UnroutableFacts } from '../store.ts';
import type { Engine } from './engine.ts';
import type { Row, Statements } from './statements.ts';

/** Sets of workers that one look takes in. */
const MOST_SETS = 1000;

export function explainFacts({ st, wall, now }: Engine, clientId: string, taskId: string): ExplainFacts | null {
  wall.bind({ clients: [clientId] });
  const client_id = clientId;
  const found = st.row('explain_task', { client_id, task_id: taskId });
  if (found === undefined) return null;
  const [laneId, type, compatibility, status, priority, taskNo] = found as readonly [number, string, string, string, number, number];
  const nowUtc = now();
  const counts = (rows: readonly Row[]): ReadonlyMap<string, number> =>
    new Map(rows.map(([name, bucket, n]) => [`${name as string}\n${bucket as string}`, n as number]));
  const under = st.rows('explain_limits', { client_id, lane_id: laneId }) as unknown as readonly [string, string][];
  const rules = new Map(under.length === 0 ? [] : st.rows('limits_of', { client_id }).map((row) => [row[0] as string, row]));
  const running = counts(under.length === 0 ? [] : st.rows('limit_running', { client_id }));
  const started = counts(under.length === 0 ? [] : st.rows('limit_started', { client_id, now: nowUtc }));
  const ahead = st.row('explain_ahead', { client_id, priority, task_no: taskNo, most: AHEAD_MOST })?.[0] as number;
  return {
    lane: { clientId, type, compatibility: JSON.parse(compatibility) as Compatibility },
    isActive: status === 'active',
    limits: under.map(([name, bucket]) => {
      const [, , , concurrency = null, rate = null, perMs = null] = (rules.get(name) ?? []) as readonly (number | null)[];
      const key = `${name}\n${bucket}`;
      return { name, concurrency, running: running.get(key) ?? 0, rate, perMs, started: started.get(key) ?? 0 };
    }),
    sets: setsOf(st, nowUtc),
    ahead,
    nowUtc,
  };
}

const setsOf = (st: Statements, nowUtc: number): WorkerSet[] =>
  st.rows('explain_sets', { alive_since: nowUtc - LIMITS.activeMs.default, most: MOST_SETS }).map(([key, live]) => {
    const { declared, grants } = JSON.parse(key as string) as { readonly declared: WorkerCapabilities; readonly grants: readonly GrantSpec[] };
    return { declared, grants, live: live as number };
  });

/** What no live worker covers and is due; `ensureLanes` was called. */
export function unroutableFacts({ st, wall, now }: Engine, scope: StoreScope, most: number): UnroutableFacts {
  wall.bind({ clients: scope.clients });
  const nowUtc = now();
  const bounds = { alive_since: nowUtc - LIMITS.activeMs.default, most_waiting: WAITING_MOST, most };
  const lanes = st.rows('unroutable', { client_id: oneClient(scope), ...bounds }).map(unroutableOf);
  return { lanes, sets: setsOf(st, nowUtc) };
}
