// What an ended task tells those that wait for it, and the priority that they lend. Bounded steps over two work lists: what one
// step leaves, the next one takes; the janitor and the process that left it go on.
import type { Engine } from './engine.ts';
import { draws } from './engine.ts';
import type { Row } from './statements.ts';

/** Edges of one step, and tasks whose priority it finds anew. */
const EDGES_A_STEP = 1000;
const LENT_A_STEP = 1000;
/** After the last client. */
const BEYOND = '~';

/** Which engines left something to do: asked after each commit. */
const left = new WeakSet<Engine>();
export const hasLeft = (engine: Engine): boolean => left.has(engine);

/** One bounded step for the clients that are bound; true: there is more. */
export function dependencyStep(engine: Engine, now: number): boolean {
  let edges = EDGES_A_STEP;
  while (edges > 0) {
    const done = edgeStep(engine, now, edges);
    if (done === null) break;
    edges -= Math.max(1, done);
  }
  const more = edges <= 0 && engine.st.row('ended_any') !== undefined;
  const lending = lendStep(engine);
  if (more || lending) left.add(engine);
  else left.delete(engine);
  return more || lending;
}

/** Goes through up to `most` edges of ended parents; how many, or null when no parent ended. */
function edgeStep(engine: Engine, now: number, most: number): number | null {
  const { st } = engine;
  if (st.row('ended_any') === undefined) return null;
  const picked = st.run('edges_pick', { most });
  const last = picked < most ? [BEYOND, 0, 0] : (st.row('edges_last') as Row);
  st.run('ended_drop', { client_id: last[0] as string, parent_no: last[1] as number });
  if (last[0] !== BEYOND) st.run('ended_pass', { client_id: last[0] as string, parent_no: last[1] as number, after_no: last[2] as number });
  if (picked > 0) {
    if (st.run('edges_met') > 0) unblock(engine, now);
    if (st.run('edges_doom') > 0) cancelDoomed(engine, now);
    st.run('edges_clear');
  }
  return picked;
}

function unblock(engine: Engine, now: number): void {
  const { st } = engine;
  st.run('edges_close');
  st.run('blocked_less');
  st.run('unblock_ready', { now, draws: draws(engine) });
  st.run('unblock_later', { now });
  if (st.run('unblock_log', { now }) > 0) {
    st.run('unblock_leave');
    for (const [clientId] of st.rows('freed_clients')) {
      engine.activated(clientId as string);
      if (engine.risen.isHeard()) engine.risen.ready.push({ clientId: clientId as string, count: EDGES_A_STEP });
    }
  }
  st.run('freed_clear');
}

function cancelDoomed(engine: Engine, now: number): void {
  const { st } = engine;
  st.run('doomed_finish', { now });
  st.run('doomed_log', { now });
  st.run('doomed_leave');
  endEdges(engine);
}

/** What is staged as doomed waits no more, and whoever waits for it is told. */
function endEdges({ st }: Engine): void {
  st.run('doomed_lent');
  st.run('doomed_void');
  st.run('doomed_ended');
  st.run('doomed_clear');
}

/** A task ended by a move of its own: cancelled, lapsed. */
export function endedByMove(engine: Engine, clientId: string, taskNo: number, now: number): void {
  engine.st.insert('doomed_one', [taskNo, clientId, 'cancelled']);
  endEdges(engine);
  dependencyStep(engine, now);
}

/** Ends of attempts of which some are waited for: the hits are still staged. */
export function endedByAttempt(engine: Engine, now: number): void {
  if (engine.st.run('settle_ended') > 0) dependencyStep(engine, now);
}

/** Finds the effective priority of tasks anew, level by level towards the parents; true: there is more. */
function lendStep(engine: Engine): boolean {
  const { st } = engine;
  let budget = LENT_A_STEP;
  while (budget > 0) {
    const picked = st.run('lent_pick', { most: budget });
    if (picked === 0) return false;
    budget -= picked;
    st.run('lent_taken');
    st.run('lent_same');
    st.run('lent_ready', { draws: draws(engine) });
    st.run('lent_unready');
    st.run('lent_tasks');
    st.run('lent_edges');
    st.run('lent_on');
    st.run('lent_clear');
  }
  return true;
}

/** New tasks lend to their parents. */
export function lendFrom(engine: Engine, taskNos: readonly number[]): void {
  if (engine.st.run('enqueue_lent', { task_nos: JSON.stringify(taskNos) }) > 0 && lendStep(engine)) left.add(engine);
}

/** A task whose own priority changed: it lends anew, and is lent to anew. */
export function lendAnew(engine: Engine, clientId: string, taskNo: number, priority: number): void {
  const { st } = engine;
  const task = { client_id: clientId, task_no: taskNo };
  st.run('edges_reprioritise', { ...task, priority });
  const changed = st.run('parents_change', task) + st.run('priority_change', task);
  if (changed > 0 && lendStep(engine)) left.add(engine);
}
