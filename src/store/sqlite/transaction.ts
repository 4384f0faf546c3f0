// Enqueue inside the caller's own open transaction on the same file: the task is there if and only if the caller commits.
// The caller's connection has no authorizer of ours, so here the first wall alone isolates: the client of the handle.
import { realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import type { Result } from '../../domain/errors.ts';
import type { EnqueueOutcome } from '../store.ts';
import { createSets } from './capability-sets.ts';
import type { Engine } from './engine.ts';
import { enqueueBatch } from './enqueue.ts';
import type { EnqueueItem } from './enqueue.ts';
import { asQueueError } from './errors.ts';
import { Statements } from './statements.ts';
import type { NamedStatement } from '../sql-files.ts';
import type { Wall } from './wall.ts';

/** The statements as they are, on the tables themselves. */
const OPEN: Wall = { current: 'owner', name: (sql) => sql.replace(/\b(walled|shown)\./g, 'main.'), bind: () => undefined, forget: () => undefined };

export type EnqueueInside = (tx: unknown, items: readonly EnqueueItem[], actor: string | null) => Result<EnqueueOutcome>[];

export function createEnqueueInside(engine: Engine, file: string, named: ReadonlyMap<string, NamedStatement>): EnqueueInside {
  const known = new WeakMap<DatabaseSync, Engine>();
  return (tx, items, actor) => {
    const db = checkTransaction(tx, file);
    const wall = { ...OPEN };
    const inside = known.get(db) ?? { ...engine, db, wall, st: new Statements(db, wall, named) };
    known.set(db, inside);
    // Between two calls the caller may have rolled back.
    inside.st.forget();
    try {
      return enqueueBatch(inside, createSets(inside), items, actor, true);
    } catch (error) {
      throw asQueueError(error);
    }
  };
}

function checkTransaction(tx: unknown, file: string): DatabaseSync {
  const wrong = (message: string): never => {
    throw new QueueError('invalid_input', `tx: ${message}`, { fields: [{ field: 'tx', message }] });
  };
  if (!(tx instanceof DatabaseSync)) return wrong('give the DatabaseSync (node:sqlite) whose transaction the task joins');
  if (!tx.isOpen || !tx.isTransaction) return wrong('begin a transaction on it first: BEGIN IMMEDIATE');
  const location = tx.location();
  if (file === ':memory:' || location === null || realpathSync(location) !== realpathSync(file)) return wrong('it must be open on the file of this queue');
  return tx;
}
