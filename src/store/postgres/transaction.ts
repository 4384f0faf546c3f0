// Enqueue inside the caller's own transaction: the task is there if and only if the caller commits. The caller's login needs the
// class `prismq_client`; its context is signed for this one call and taken away after it.
import { QueueError } from '../../domain/errors.ts';
import type { NewTask } from '../../domain/task.ts';
import type { Outcomes, StoreScope } from '../store.ts';
import { actingOf } from './acting.ts';
import type { Signer } from './context.ts';
import { enqueueColumns, outcomesOf } from './enqueue.ts';
import { asQueueError } from './errors.ts';
import { statement, valuesOf } from './statements.ts';

/** Runs one statement on the caller's connection, inside its transaction, and answers its rows as arrays or as objects. */
export type RunInside = (text: string, values: unknown[]) => Promise<readonly unknown[]>;

interface PgLike {
  query(config: { readonly text: string; readonly values: unknown[] }): Promise<{ readonly rows: readonly unknown[] }>;
  readonly processID?: number;
}

const isPgLike = (tx: unknown): tx is PgLike => typeof tx === 'object' && tx !== null && 'query' in tx && typeof tx.query === 'function';

function runnerOf(tx: unknown): RunInside {
  if (typeof tx === 'function') return tx as RunInside;
  if (isPgLike(tx)) return async (text, values) => (await tx.query({ text, values })).rows;
  const message = 'give the client of `pg` whose transaction the task joins, or a function (text, values) => rows that runs a statement inside it';
  throw new QueueError('invalid_input', `tx: ${message}`, { fields: [{ field: 'tx', message }] });
}

/** A setting of the transaction alone: gone by the next statement when there is none. */
const BEGIN = `SELECT set_config('prismq.inside', '1', true) AS inside`;
const END = `SELECT set_config('prismq.ctx', '', true) AS done, set_config('prismq.inside', '', true) AS inside`;
const PROBE = `SELECT coalesce(current_setting('prismq.inside', true), '') AS inside`;
const COLUMNS = ['i', 'verdict', 'task_id', 'status', 'created_at_utc'] as const;

const cells = (row: unknown): unknown[] => (Array.isArray(row) ? row : COLUMNS.map((name) => (row as Record<string, unknown>)[name]));

export async function enqueueInside(
  signer: Signer,
  lanesMost: number,
  scope: StoreScope,
  tx: unknown,
  tasks: readonly NewTask[],
  createClients: boolean,
): Promise<Outcomes> {
  const run = runnerOf(tx);
  const token = signer.sign(actingOf(scope, [...new Set(tasks.map((task) => task.clientId))].sort()), 0);
  const found = statement('enqueue');
  try {
    await run(BEGIN, []);
    const [probe] = await run(PROBE, []);
    if ((Array.isArray(probe) ? probe[0] : (probe as { readonly inside?: unknown })?.inside) !== '1') {
      const message = 'begin a transaction on it first';
      throw new QueueError('invalid_input', `tx: ${message}`, { fields: [{ field: 'tx', message }] });
    }
    const rows = await run(found.text, valuesOf(found, { ...enqueueColumns(tasks, { atomic: false, createClients }, lanesMost), token }));
    await run(END, []);
    const numbered = rows.map((row) => {
      const [i, verdict, taskId, status, createdAtUtc] = cells(row);
      return [i === null ? null : Number(i), verdict, taskId, status, Number(createdAtUtc)];
    });
    return outcomesOf(tasks, numbered, lanesMost);
  } catch (error) {
    throw asQueueError(error);
  }
}
