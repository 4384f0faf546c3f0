// The category registry: which types there may be, and their defaults.
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkPattern } from '../domain/category.ts';
import type { CategoryMode } from '../domain/category.ts';
import { toJsonText } from '../domain/json-text.ts';
import { checkInt } from '../domain/limits.ts';
import type { Principal } from '../domain/principal.ts';
import { checkBackoff } from '../domain/retry.ts';
import type { Json } from '../domain/task.ts';
import type { CategoryRow, StoreScope } from '../store/store.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';
import type { AdminHandle, CategoryInfo } from './handles.ts';

const MODES: readonly CategoryMode[] = ['open', 'hierarchical', 'registered'];
export const infoOf = (row: CategoryRow): CategoryInfo => ({ ...row, schema: row.schema === null ? null : (JSON.parse(row.schema) as Json) });

export function categoryAdmin(deps: Deps, principal: Principal, scope: StoreScope): AdminHandle['categories'] {
  const { store } = deps;
  return {
    async set(category) {
      await authorize(deps, principal, 'category.set');
      const row = checkCategoryRow(deps, category);
      await store.setCategory(scope, row);
      return infoOf((await store.categories()).rows.find(({ pattern }) => pattern === row.pattern) ?? row);
    },
    async list() {
      await authorize(deps, principal, 'category.list');
      return (await store.categories()).rows.map(infoOf);
    },
    async delete(pattern) {
      await authorize(deps, principal, 'category.delete');
      if (!(await store.deleteCategory(scope, pattern))) throw new QueueError('not_found', `there is no category ${pattern}`);
    },
    async mode(mode) {
      if (mode === undefined) {
        await authorize(deps, principal, 'category.list');
        return (await store.categories()).mode;
      }
      await authorize(deps, principal, 'category.set');
      if (!MODES.includes(mode))
        throw new QueueError('invalid_input', `the mode is one of ${MODES.join(', ')}`, { fields: [{ field: 'mode', message: 'unknown' }] });
      await store.setCategoryMode(scope, mode);
      return mode;
    },
  };
}

function checkCategoryRow(deps: Deps, category: { readonly pattern: string } & Partial<CategoryInfo>): CategoryRow {
  const number = (key: 'priority' | 'maxAttempts' | 'maxRunMs' | 'maxWaitMs'): number | null => {
    const value = category[key] ?? null;
    return value === null ? null : unwrap(checkInt(key, value, key));
  };
  const limits = { maxBytes: deps.limits.payloadBytes, maxDepth: deps.limits.payloadDepth };
  return {
    pattern: unwrap(checkPattern(category.pattern)),
    priority: number('priority'),
    maxAttempts: number('maxAttempts'),
    maxRunMs: number('maxRunMs'),
    backoff: category.backoff == null ? null : unwrap(checkBackoff(category.backoff)),
    schema: category.schema == null ? null : checkSchema(deps, unwrap(toJsonText(category.schema, limits)).text),
    maxWaitMs: number('maxWaitMs'),
    version: 1,
  };
}

/** What is no schema is refused before anything is held against it. */
function checkSchema({ schemas }: Deps, text: string): string | null {
  if (text === 'null') return null;
  try {
    schemas?.(JSON.parse(text) as Json);
  } catch (error) {
    const message = `is no JSON Schema: ${(error as Error).message.slice(0, 300)}`;
    throw new QueueError('invalid_input', `schema: ${message}`, { fields: [{ field: 'schema', message }] });
  }
  return text;
}
