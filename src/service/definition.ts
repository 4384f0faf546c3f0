// A typed task: its category, its schemas and its defaults, as `defineTask` makes it. Types only.
import type { EnqueueOptions, Json } from '../domain/task.ts';

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
