// A typed task: its category, its schemas and its defaults, as `defineTask` makes it, and how an enqueue by one is read. The
// library and the client over HTTP read it alike.
import { QueueError } from './errors.ts';
import type { EnqueueOptions, Json, Task } from './task.ts';

/** A typed task: `defineTask('Mail.Send', { input: schema })` with any Standard Schema. */
export interface TaskDefinition<Input = unknown, Output = Json> {
  readonly type: string;
  readonly input?: StandardSchema<Input>;
  readonly defaults?: EnqueueOptions;
  readonly version?: string;
  /** Checked by the worker before the result is stored. */
  readonly output?: StandardSchema<Output>;
}
/** The part of the Standard Schema interface (v1) that is used here. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>;
  };
}
export type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

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

/** The category, what goes with it, and the options over the defaults. A typed task checks its payload by its own schema first. */
export async function fromDefinition(
  task: string | TaskDefinition<never, unknown>,
  payload: unknown,
  options: EnqueueOptions,
): Promise<EnqueueOptions & { readonly type: string; readonly payload?: unknown }> {
  if (typeof task === 'string') return { ...options, type: task, payload };
  const checked: StandardResult<unknown> = task.input === undefined ? { value: payload } : await task.input['~standard'].validate(payload);
  if (checked.issues !== undefined) {
    const fields = checked.issues.map((issue) => ({ field: ['payload', ...(issue.path ?? []).map(keyOf)].join('.'), message: issue.message }));
    const told = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
    throw new QueueError('invalid_payload', `the payload is not what ${task.type} takes: ${told}`, { fields });
  }
  return { ...task.defaults, ...options, type: task.type, payload: checked.value };
}

const keyOf = (part: unknown): string => String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part);

/** What a task that has ended answers to who waits for its result. Throws `invalid_transition` for all but a completed one. */
export function resultOf({ status, result, errorMessage }: Task): Json | undefined {
  if (status === 'completed') return result;
  throw new QueueError('invalid_transition', `the task ended as ${status}${errorMessage === null ? '' : `: ${errorMessage}`}`, { status, error: errorMessage });
}
