// A typed task: one definition that the caller enqueues by and the worker handles by.
import type { StandardSchema, TaskDefinition } from '../service/handles.ts';
import type { EnqueueOptions, Json } from '../domain/task.ts';
import type { Outcome } from './outcome.ts';
import type { HandlerContext, HandlerEntry, HandlerSpec } from './types.ts';

export interface TaskDefinitionOptions<Input, Output> {
  /** Any Standard Schema: the worker refuses a payload that does not match, for good. */
  readonly input?: StandardSchema<Input>;
  /** Any Standard Schema: a result that does not match fails the task, for good. */
  readonly output?: StandardSchema<Output>;
  /** Options of every enqueue by this definition. */
  readonly defaults?: EnqueueOptions;
  /** Shown with the worker. */
  readonly version?: string;
}

/** `const SendMail = defineTask('Mail.Send', { input: schema })`: enqueue with it, and handle it by `on(SendMail, …)`. */
export const defineTask = <Input = unknown, Output = Json>(type: string, options: TaskDefinitionOptions<Input, Output> = {}): TaskDefinition<Input, Output> =>
  Object.freeze({ type, ...options });

/** A handler of this definition, its input and result typed by it: `startWorker(queue, [on(SendMail, async (mail) => …)])`. */
export const on = <Input, Output>(
  task: TaskDefinition<Input, Output>,
  run: (input: Input, ctx: HandlerContext) => Output | Outcome | Promise<Output | Outcome>,
  options: Omit<HandlerSpec<Input>, 'run' | 'input' | 'output'> = {},
): HandlerEntry => [task, { run, ...options } as HandlerSpec];
