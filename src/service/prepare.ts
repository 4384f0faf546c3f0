// What is to be enqueued, checked whole: against the registry of categories and against the limits, its defaults filled in.
import { checkCategory, checkMode } from '../domain/category.ts';
import type { Result } from '../domain/errors.ts';
import { newTask } from '../domain/limits.ts';
import type { NewTask } from '../domain/task.ts';
import type { CategoryRow } from '../store/store.ts';
import { mostSpecific } from './categories.ts';
import type { Deps } from './deps.ts';
import type { EnqueueItem } from './handles.ts';

/** One item checked against the category registry and the limits; its defaults filled in. */
export function prepareWith(
  deps: Deps,
  clientId: string,
  item: EnqueueItem,
  categories: { readonly mode: 'open' | 'hierarchical' | 'registered'; readonly rows: readonly CategoryRow[] },
): Result<NewTask> {
  const { type, payload, ...options } = item;
  const form = checkCategory(type);
  if (!form.ok) return form;
  const known =
    categories.mode === 'open'
      ? form
      : checkMode(
          type,
          categories.mode,
          categories.rows.map((row) => row.pattern),
        );
  if (!known.ok) return known;
  return newTask(
    { clientId, type, payload, options },
    { taskId: deps.newId(), digest: deps.digest, defaults: mostSpecific(categories.rows, type), limits: deps.limits },
  );
}
