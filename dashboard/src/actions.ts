// What may be done to tasks, from the two tables: the lifecycle says when, the access table says who. The server decides in any case.
import { allowedEvents } from '../../src/domain/lifecycle.ts';
import type { TaskState } from '../../src/domain/lifecycle.ts';
import type { Operation } from '../../src/domain/access.ts';
import type { ClientHandle, Task } from '../../src/client/entry.ts';
import type { Session } from './session.tsx';

export const ACTIONS = {
  cancel: { operation: 'task.cancel', bulk: true, danger: true, undo: 'requeue' },
  requeue: { operation: 'task.requeue', bulk: true, danger: false, undo: 'cancel' },
  reprioritise: { operation: 'task.reprioritise', bulk: true, danger: false, undo: null },
  amend: { operation: 'task.amend', bulk: false, danger: false, undo: null },
  purge: { operation: 'task.purge', bulk: false, danger: true, undo: null },
} as const satisfies Record<
  string,
  { readonly operation: Operation; readonly bulk: boolean; readonly danger: boolean; readonly undo: 'cancel' | 'requeue' | null }
>;

export type Action = keyof typeof ACTIONS;
const NAMES = Object.keys(ACTIONS) as readonly Action[];

export const isAllowed = (action: Action, state: TaskState): boolean => allowedEvents(state).includes(action);
export const actionsOf = (session: Session): readonly Action[] => NAMES.filter((action) => session.can(ACTIONS[action].operation));
export const actionsFor = (session: Session, state: TaskState): readonly Action[] => actionsOf(session).filter((action) => isAllowed(action, state));

/** Whether the server wants to know for whom and why. */
export const wantsReason = (session: Session, operation: Operation): boolean => session.reach(operation) === 'named';

/** Acts for one client: one's own, or the one that an admin of the platform names with a reason. */
export const insideOf = (session: Session, operation: Operation, clientId: string, why: string): ClientHandle =>
  wantsReason(session, operation) ? session.admin.inside(clientId, why) : session.connection.client(clientId);

export interface ActionInput {
  /** Of a cancel: kept in the timeline. */
  readonly reason?: string | undefined;
  readonly priority?: number | undefined;
  /** JSON text or value. */
  readonly payload?: unknown;
  /** Why an admin of the platform acts inside a client. */
  readonly why?: string | undefined;
}

export async function perform(session: Session, action: Action, { taskId, clientId }: Pick<Task, 'taskId' | 'clientId'>, input: ActionInput): Promise<void> {
  const { admin } = session;
  const inside = (): ClientHandle => insideOf(session, ACTIONS[action].operation, clientId, input.why ?? '');
  switch (action) {
    case 'cancel':
      return void (await admin.cancel(taskId, input.reason));
    case 'requeue':
      return void (await admin.requeue(taskId));
    case 'reprioritise':
      return void (await inside().reprioritise(taskId, input.priority ?? 100));
    case 'amend':
      return void (await inside().amend(taskId, { payload: input.payload }));
    case 'purge':
      return admin.purge(taskId);
  }
}

export interface Outcome {
  readonly done: readonly Task[];
  readonly refused: readonly { readonly task: Task; readonly error: unknown }[];
}

const AT_ONCE = 6;

/** Several tasks, a few at a time; stops early when the signal fires. */
export async function performAll(
  session: Session,
  action: Action,
  tasks: readonly Task[],
  input: ActionInput,
  told: (done: number) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  const done: Task[] = [];
  const refused: { task: Task; error: unknown }[] = [];
  const rest = [...tasks];
  const one = async (): Promise<void> => {
    for (let task = rest.shift(); task !== undefined && !signal.aborted; task = rest.shift()) {
      try {
        await perform(session, action, task, input);
        done.push(task);
      } catch (error) {
        refused.push({ task, error });
      }
      told(done.length + refused.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return { done, refused };
}
