// `prismq/worker`: what a program that runs tasks imports.
export { ERRORS, QueueError } from '../domain/errors.ts';
export { defineTask } from '../domain/definition.ts';
export { on } from './define.ts';
export { TaskAborted } from './held.ts';
export { deadLetter, release, retryIn } from './outcome.ts';
export { createRegistry } from './registry.ts';
export { loopRenewal } from './renewal.ts';
export { threadRenewal } from './thread-renewal.ts';
export { startWorker } from './worker.ts';
export type { ErrorCode } from '../domain/errors.ts';
export type { TaskDefinitionOptions } from '../domain/definition.ts';
export type { Outcome } from './outcome.ts';
export type { WorkerServer, WorkerTarget } from './enlist.ts';
export type { RegisteredHandler, Registry } from './registry.ts';
export type { Renewal } from './renewal.ts';
export type { RenewalModule, RenewalSource } from './renewal-shared.ts';
export type {
  AbortCause,
  Handler,
  HandlerContext,
  HandlerEntry,
  Handlers,
  HandlerSpec,
  ParentOutcome,
  Worker,
  WorkerEvent,
  WorkerLogger,
  WorkerOptions,
  WorkerSummary,
} from './types.ts';
export type * from '../domain/task.ts';
export type { EnqueueResult, Queue, StandardSchema, TaskDefinition, WorkerHandle } from '../service/handles.ts';
