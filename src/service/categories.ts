// The defaults that the registry gives a task type: each value from the most specific category that names it.
import { matches } from '../domain/category.ts';
import { isRegistryChanged } from '../domain/errors.ts';
import type { CategoryRow, Store } from '../store/store.ts';

const specificity = (pattern: string): number => (pattern === '*' ? 0 : pattern.endsWith('.*') ? pattern.length : 1000 + pattern.length);

interface Defaults {
  priority?: number;
  maxAttempts?: number;
  maxRunMs?: number;
  maxWaitMs?: number;
}

/** The schema of the most specific category that has one. */
export const schemaOf = (rows: readonly CategoryRow[], type: string): string | null =>
  rows
    .filter((row) => row.schema !== null && row.schema !== 'null' && matches(row.pattern, type))
    .sort((a, b) => specificity(b.pattern) - specificity(a.pattern))[0]?.schema ?? null;

export function mostSpecific(rows: readonly CategoryRow[], type: string): Defaults {
  const defaults: Defaults = {};
  if (rows.length === 0) return defaults;
  const matching = rows.filter((row) => matches(row.pattern, type)).sort((a, b) => specificity(a.pattern) - specificity(b.pattern));
  for (const row of matching)
    for (const key of ['priority', 'maxAttempts', 'maxRunMs', 'maxWaitMs'] as const) {
      const value = row[key];
      if (value !== null) defaults[key] = value;
    }
  return defaults;
}

type Registry = Awaited<ReturnType<Store['categories']>>;

/** Prepares and stores by the registry as it is remembered, and once more by the registry as it is where that has changed. */
export async function byRegistry<T>(store: Store, work: (registry: Registry) => Promise<T>): Promise<T> {
  try {
    return await work(await store.categories(true));
  } catch (error) {
    if (!isRegistryChanged(error)) throw error;
    return work(await store.categories());
  }
}
