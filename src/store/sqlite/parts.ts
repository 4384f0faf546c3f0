// What the operations of the SQLite store are made over, and how a synchronous read becomes an answer.
import { categoryValue } from '../rows.ts';
import type { createCategories, Engine } from './engine.ts';
import type { createClaimer } from './claim.ts';
import type { createSets } from './capability-sets.ts';
import { asQueueError } from './errors.ts';
import type { Reader } from './reads.ts';
import type { StoreOptions } from '../store.ts';
import type { EnqueueInside } from './transaction.ts';
import type { Watch } from './watch.ts';

export interface Parts {
  readonly engine: Engine;
  readonly sets: ReturnType<typeof createSets>;
  readonly claimer: ReturnType<typeof createClaimer>;
  readonly categories: ReturnType<typeof createCategories>;
  /** Heavy reads: its own connection where there is a file. */
  readonly reader: Reader;
  /** The writer's connection, for reads that must see the write lock's own state. */
  readonly own: Reader;
  readonly watch: Watch;
  readonly inside: EnqueueInside;
}

/** Reads are synchronous; what SQLite throws becomes a typed error. */
export function read<T>(action: () => T): Promise<T> {
  try {
    return Promise.resolve(action());
  } catch (error) {
    return Promise.reject(asQueueError(error));
  }
}

export const backoffIn = ({ engine, categories }: Parts): ((type: string) => StoreOptions['defaultBackoff']) => {
  return (type) => categoryValue(categories.read().rows, type, 'backoff') ?? engine.options.defaultBackoff;
};
