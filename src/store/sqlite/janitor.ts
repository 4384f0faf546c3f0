// The janitor's steps: bounded, set-based, idempotent; any process may run them at any time and none is needed for safety.
// They cross clients because time passes for all of them alike.
import type { TickReport } from '../../domain/task.ts';
import { dependencyStep } from './dependencies.ts';
import { draws } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Ready } from '../waiters.ts';
import type { Row } from './statements.ts';
import { tellSla } from './sla.ts';
import { lapse } from './moves.ts';
import { purgeTasks } from './purge.ts';
import { expireLeases } from './settle.ts';
import type { BackoffOf } from './settle.ts';

const EXPIRED_A_STEP = 500;
const DUE_A_STEP = 1000;
const LAPSED_A_STEP = 200;
const PURGED_A_STEP = 500;
const MESSAGES_A_STEP = 500;
const MESSAGES_KEPT_MS = 30 * 86_400_000;

/** Moves what is due from delayed to ready; `*` is bound. How many rows. */
export function promoteDue(engine: Engine, now: number, most: number): number {
  const { st } = engine;
  const picked = st.run('due_pick', { now, most });
  if (picked > 0) {
    st.run('due_ready', { draws: draws(engine) });
    st.run('due_undelay');
    st.run('due_log', { now });
    if (engine.risen.isHeard()) engine.risen.ready.push(...st.rows('due_clients').map(readyOf));
    st.run('picked_clear');
  }
  return picked;
}

const readyOf = ([clientId, count]: Row): Ready => ({ clientId: clientId as string, count: count as number });

/** One step of everything that is due. */
export function tick(engine: Engine, backoffOf: BackoffOf, retentionMs: number): TickReport {
  const now = engine.now();
  engine.wall.bind({ clients: '*' });
  const { expired, buried } = expireLeases(engine, backoffOf, now, EXPIRED_A_STEP);
  const lapsed = lapseDue(engine, now);
  dependencyStep(engine, now);
  tellSla(engine, now);
  const promoted = promoteDue(engine, now, DUE_A_STEP);
  const purged = purgeOld(engine, now - retentionMs, now);
  dropMessages(engine, now - MESSAGES_KEPT_MS);
  return { expired, promoted, buried, lapsed, purged };
}

function lapseDue(engine: Engine, now: number): number {
  const found = engine.st.rows('lapse_find', { now, most: LAPSED_A_STEP });
  // One may have ended with another of these that it waited for.
  return found.filter(([clientId, taskId]) => lapse(engine, clientId as string, taskId as string)).length;
}

function purgeOld(engine: Engine, cut: number, now: number): number {
  let purged = 0;
  for (const [clientId] of engine.st.rows('clients_with_finished', { cut })) {
    const taskNos = engine.st.rows('retention_find', { client_id: clientId as string, cut, most: PURGED_A_STEP - purged }).map(([taskNo]) => taskNo as number);
    purgeTasks(engine, taskNos, now, 'system');
    purged += taskNos.length;
    if (purged >= PURGED_A_STEP) break;
  }
  return purged;
}

function dropMessages(engine: Engine, cut: number): void {
  const ids = engine.st.rows('messages_old', { cut, most: MESSAGES_A_STEP }).map(([id]) => id as number);
  if (ids.length > 0) engine.st.run('messages_drop', { ids: JSON.stringify(ids) });
}
