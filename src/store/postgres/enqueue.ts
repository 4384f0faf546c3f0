// Enqueue: the calls of many callers as one statement of columns. What the database answers for each becomes its outcome or refusal.
import { noSuchParent, parentEnded } from '../../domain/dependencies.ts';
import { ok, refuse } from '../../domain/errors.ts';
import { quotaExceeded } from '../../domain/quota.ts';
import type { Refusal, Result } from '../../domain/errors.ts';
import { QueueError } from '../../domain/errors.ts';
import type { TaskState } from '../../domain/lifecycle.ts';
import type { NewTask } from '../../domain/task.ts';
import type { EnqueueOutcome, StoreScope } from '../store.ts';
import { enqueued } from '../waiters.ts';
import { actingOf, classOf } from './acting.ts';
import { column } from './columns.ts';
import type { Engine } from './engine.ts';
import type { Row } from './pool.ts';
import type { Params } from './statements.ts';

export interface EnqueueOptions {
  readonly atomic: boolean;
  readonly createClients: boolean;
  /** The version of the registry that was not asked but remembered. */
  readonly seen?: string;
}

export function enqueueColumns(tasks: readonly NewTask[], { atomic, createClients, seen }: EnqueueOptions, lanesMost: number): Params {
  const of = (key: Exclude<keyof NewTask, 'dependsOn'>): string | null => column(tasks.map((task) => task[key]));
  return {
    atomic,
    create_clients: createClients,
    lanes_most: lanesMost,
    client_ids: of('clientId'),
    task_ids: of('taskId'),
    types: of('type'),
    compatibilities: of('compatibility'),
    regions: of('region'),
    limit_keys: of('limitKey'),
    priorities: of('priority'),
    max_attempts: of('maxAttempts'),
    max_runs: of('maxRunMs'),
    delays: of('delayMs'),
    run_afters: of('runAfterUtc'),
    due_ats: of('dueAtUtc'),
    max_waits: of('maxWaitMs'),
    expires_ats: of('expiresAtUtc'),
    ttls: of('ttlMs'),
    payloads: of('payload'),
    formats: of('format'),
    keys: of('idempotencyKey'),
    digests: of('requestDigest'),
    creators: of('createdBy'),
    metadatas: of('metadata'),
    traces: of('traceparent'),
    lineages: of('parentTaskId'),
    depends: column(tasks.map(({ dependsOn }) => (dependsOn.length === 0 ? null : JSON.stringify(dependsOn.map(({ taskId, policy }) => [taskId, policy]))))),
    seen: seen ?? null,
  };
}

/** Stores a batch on one login. Batches of clients run together whoever's they are: the signed context lists exactly those in it. */
export async function enqueue(
  engine: Engine,
  scope: StoreScope,
  tasks: readonly NewTask[],
  options: EnqueueOptions,
): Promise<readonly Result<EnqueueOutcome>[]> {
  const lanesMost = engine.options.lanesPerClient;
  const run = async (all: readonly NewTask[]): Promise<Result<EnqueueOutcome>[]> => {
    const acting = actingOf(scope, [...new Set(all.map((task) => task.clientId))].sort());
    try {
      return outcomesOf(all, await engine.pools[classOf(scope)].run('enqueue', acting, enqueueColumns(all, options, lanesMost)), lanesMost);
    } catch (error) {
      throw sayRefusal(error, lanesMost);
    }
  };
  const { actor } = actingOf(scope);
  // An atomic batch stands alone: it stores all of its own or none.
  const kind = options.atomic
    ? `atomic ${(tasks[0] as NewTask).taskId}`
    : `enqueue ${classOf(scope)} ${scope.role} ${actor} ${options.createClients} ${options.seen ?? ''}`;
  return engine.batches.submit({ kind, items: tasks, owner: scope.actor, run, touched: (answers) => enqueued(tasks, answers) });
}

/** Rows of i, verdict, task_id, status, created_at_utc; one without i says it of all. */
export function outcomesOf(tasks: readonly NewTask[], rows: readonly Row[], lanesMost: number): Result<EnqueueOutcome>[] {
  const [whole] = rows;
  if (whole?.[0] === null) {
    const createdAtUtc = whole[4] as number;
    return tasks.map(({ taskId }) => ok({ taskId, status: 'queued', createdAtUtc, deduplicated: false }));
  }
  const answers: Result<EnqueueOutcome>[] = [];
  for (const [i, verdict, taskId, status, createdAtUtc] of rows as readonly [number, string, string, string, number][]) {
    const { clientId } = tasks[i] as NewTask;
    answers[i] =
      verdict === 'stored' || verdict === 'again'
        ? ok({ taskId, status: status as TaskState, createdAtUtc, deduplicated: verdict === 'again' })
        : { ok: false, refusal: refusalOf(verdict, clientId, lanesMost, taskId) };
  }
  return answers;
}

function refusalOf(verdict: string, clientId: string, lanesMost: number, taskId: string | null): Refusal {
  const [word = '', position, outcome = ''] = verdict.split(':');
  switch (word) {
    case 'no_parent':
      return noSuchParent(Number(position)).refusal;
    case 'parent_ended':
      return parentEnded(Number(position), outcome).refusal;
    case 'unknown_client':
      return refuse('unknown_client', `there is no client ${clientId}: an operator creates it first`).refusal;
    case 'client_suspended':
      return refuse('client_suspended', `the client ${clientId} is suspended`).refusal;
    case 'too_many_lanes':
      return refuse('too_many_lanes', `the client ${clientId} has ${lanesMost} distinct pairs of type and compatibility: put what varies into the payload`)
        .refusal;
    case 'quota_exceeded':
      return quotaExceeded(clientId, { tasks: numberOf(position), bytes: numberOf(outcome) });
    case 'idempotency_conflict':
      return refuse(
        'idempotency_conflict',
        'this idempotency key was used with other content: use a new key',
        taskId === null ? undefined : { task_id: taskId },
      ).refusal;
    default:
      return refuse('internal', 'the database answered what this program does not know').refusal;
  }
}

/** What a batch itself refuses; everything else has its sentence already. */
const VERDICTS: readonly string[] = [
  'unknown_client',
  'client_suspended',
  'too_many_lanes',
  'idempotency_conflict',
  'no_parent',
  'parent_ended',
  'quota_exceeded',
];
const numberOf = (text: string | undefined): number | null => (text === undefined || text === '' ? null : Number(text));

/** A refusal that ended an atomic batch names its client where the sentence goes. */
export function sayRefusal(error: unknown, lanesMost: number): unknown {
  if (!(error instanceof QueueError) || error.cause !== undefined || !VERDICTS.includes(error.code.split(':')[0] ?? '')) return error;
  return QueueError.from(refusalOf(error.code, error.message, lanesMost, null));
}
