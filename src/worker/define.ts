// The handler of a typed task: one definition that the caller enqueues by and the worker handles by.
import type { TaskDefinition } from '../domain/definition.ts';
import type { Outcome } from './outcome.ts';
import type { HandlerContext, HandlerEntry, HandlerSpec } from './types.ts';

/** A handler of this definition, its input and result typed by it: `startWorker(queue, [on(SendMail, async (mail) => …)])`. */
export const on = <Input, Output>(
  task: TaskDefinition<Input, Output>,
  run: (input: Input, ctx: HandlerContext) => Output | Outcome | Promise<Output | Outcome>,
  options: Omit<HandlerSpec<Input>, 'run' | 'input' | 'output'> = {},
): HandlerEntry => [task, { run, ...options } as HandlerSpec];
