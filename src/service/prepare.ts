// What is to be enqueued, checked whole: against the registry of categories and against the limits, its defaults filled in.
import { checkCategory, checkMode } from '../domain/category.ts';
import { ok, refuse } from '../domain/errors.ts';
import type { Result } from '../domain/errors.ts';
import { newTask } from '../domain/limits.ts';
import type { CompileSchema } from '../domain/schema.ts';
import type { Json, NewTask } from '../domain/task.ts';
import type { CategoryRow } from '../store/store.ts';
import { mostSpecific, schemaOf } from './categories.ts';
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
  const task = newTask(
    { clientId, type, payload, options },
    { taskId: deps.newId(), digest: deps.digest, defaults: mostSpecific(categories.rows, type), limits: deps.limits },
  );
  return task.ok && categories.rows.length > 0 ? fitting(deps, task.value, categories.rows) : task;
}

/** By their text; a schema that was changed has another. */
const checks = new WeakMap<CompileSchema, Map<string, ReturnType<CompileSchema>>>();
const MOST_CHECKS = 500;

function checkOf(compile: CompileSchema, text: string): ReturnType<CompileSchema> {
  const known = checks.get(compile) ?? new Map<string, ReturnType<CompileSchema>>();
  checks.set(compile, known);
  let check = known.get(text);
  if (check === undefined) {
    check = compile(JSON.parse(text) as Json);
    if (known.size >= MOST_CHECKS) known.clear();
    known.set(text, check);
  }
  return check;
}

/** The payload held against the schema of its category, where there is one and something that reads it. */
function fitting({ schemas }: Deps, task: NewTask, rows: readonly CategoryRow[]): Result<NewTask> {
  const schema = schemas === undefined ? null : schemaOf(rows, task.type);
  if (schema === null) return ok(task);
  const troubles = checkOf(schemas as CompileSchema, schema)(JSON.parse(task.payload) as Json);
  if (troubles.length === 0) return ok(task);
  const fields = troubles.map(({ path, message }) => ({ field: `payload${path}`, message }));
  return refuse(
    'invalid_payload',
    `the payload does not fit the schema of ${task.type}: ${fields.map(({ field, message }) => `${field} ${message}`).join('; ')}`,
    {
      fields,
    },
  );
}
