// `prismq/client`: what a program imports that speaks to a server. Wants fetch and Web Crypto and nothing else, so it runs in
// browsers, Bun, Deno and edge workers.
export { defineTask } from '../domain/definition.ts';
export { ERRORS, QueueError } from '../domain/errors.ts';
export { connect, redeemBootstrap } from './connect.ts';
export type { Connection } from './connect.ts';
export type { Identity } from './answers.ts';
export type { ConnectOptions } from './options.ts';
export type { TaskDefinitionOptions } from '../domain/definition.ts';
export type { ErrorCode } from '../domain/errors.ts';
export type * from '../domain/task.ts';
export type {
  AdminHandle,
  AuditorHandle,
  CategoryInfo,
  ClaimOptions,
  ClientHandle,
  ClientInfo,
  EnqueueItem,
  EnqueueItemResult,
  EnqueueResult,
  EventOptions,
  GrantInfo,
  InboxItem,
  KeyInfo,
  ListFilter,
  MadeKey,
  NewKey,
  Page,
  QueueStats,
  RegisterInput,
  SecurityEvent,
  StandardSchema,
  TaskDefinition,
  TaskHandle,
  WaitOptions,
  WorkerHandle,
} from '../service/handles.ts';
