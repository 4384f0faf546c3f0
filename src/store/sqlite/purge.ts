// What is left of an ended task after its time: a tombstone for the audit, and nothing of what was in it.
import { dependencyStep } from './dependencies.ts';
import type { Engine } from './engine.ts';

/** Empties ended tasks: payload, result, errors, messages and progress go; the row stays as a tombstone. */
export function purgeTasks(engine: Engine, taskNos: readonly number[], now: number, actor: string): void {
  if (taskNos.length === 0) return;
  const task_nos = JSON.stringify(taskNos);
  engine.st.run('purge_log', { task_nos, now, actor });
  const awaited = engine.st.run('purge_ended', { task_nos });
  for (const step of ['purge_sla', 'purge_attempts', 'purge_messages', 'purge_progress', 'purge_metadata', 'purge_finished']) engine.st.run(step, { task_nos });
  engine.st.run('purge_tasks', { task_nos, now });
  if (awaited > 0) dependencyStep(engine, now);
}
