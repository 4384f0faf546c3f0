// A task that begins anew waits again for those of its parents that are not done with.
import { edgeStateAt } from '../../domain/dependencies.ts';
import type { DependencyPolicy } from '../../domain/dependencies.ts';
import { QueueError } from '../../domain/errors.ts';
import type { Engine } from './engine.ts';
import type { Place } from './moves.ts';

/** How many parents it waits for. A parent that ended badly is waited for: it may be requeued as well. */
export function reopenEdges(engine: Engine, place: Place): number {
  const { st } = engine;
  const parents = st.rows('parents_of_task', { client_id: place.clientId, task_no: place.taskNo });
  if (parents.some(([, policy, state, , purged]) => purged === 1 && state !== 'met' && policy !== 'ignore'))
    throw new QueueError('parent_ended', 'a task that it waited for did not complete and is gone: enqueue the work anew');
  // Its own end is not to be told any more: whoever still waits goes on waiting.
  st.run('ended_forget', { client_id: place.clientId, task_no: place.taskNo });
  let waiting = 0;
  for (const [parentNo, policy, state, outcome, purged] of parents) {
    const now = purged === 1 ? 'met' : (edgeStateAt(outcome as string | null, policy as DependencyPolicy) ?? 'open');
    if (now === 'open') waiting++;
    if (now !== state)
      st.run('edge_state', {
        state: now,
        priority: place.effectivePriority,
        client_id: place.clientId,
        parent_no: parentNo as number,
        task_no: place.taskNo,
      });
  }
  return waiting;
}
