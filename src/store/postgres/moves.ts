// Moves of one task: the database finds the place, asks the lifecycle and moves; what it refuses becomes a sentence here.
import { allowedEvents } from '../../domain/lifecycle.ts';
import type { TaskEvent, TaskState } from '../../domain/lifecycle.ts';
import { refuse } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { StoreScope, TaskChange } from '../store.ts';
import { goOn } from './go-on.ts';
import { call, isTaskId } from './engine.ts';
import type { Engine } from './engine.ts';

const NOT_FOUND: Refusal = { code: 'not_found', message: 'no task of this client has this id' };

export async function moveTask(
  engine: Engine,
  scope: StoreScope,
  taskId: string,
  event: TaskEvent,
  change: Readonly<Record<string, unknown>>,
): Promise<Refusal | null> {
  if (!isTaskId(taskId)) return NOT_FOUND;
  const [row] = await call(engine, scope, 'move_task', { task_id: taskId, event, change: JSON.stringify(change) });
  const [verdict, state, more] = row as readonly [string, TaskState, boolean | null];
  if (more === true) goOn(engine);
  if (verdict === 'done') return null;
  if (verdict === 'not_found') return NOT_FOUND;
  const allowed = allowedEvents(state);
  return refuse('invalid_transition', `a task that is ${state} can not take \`${event}\`; it can take: ${allowed.join(', ') || 'nothing'}`, {
    state,
    event,
    allowed,
  }).refusal;
}

/** Only what is given is changed: an absent key stays as it is. */
export function amendment(change: TaskChange): Readonly<Record<string, unknown>> {
  return {
    ...(change.payload === undefined ? {} : { payload: change.payload.text, format: change.payload.format }),
    ...(change.maxAttempts === undefined ? {} : { max_attempts: change.maxAttempts }),
    ...(change.maxRunMs === undefined ? {} : { max_run_ms: change.maxRunMs }),
    ...(change.metadata === undefined ? {} : { metadata: change.metadata }),
  };
}
