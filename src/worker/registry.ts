// Which handler runs which task: pattern → handler, the most specific pattern wins (exact, then the longest prefix, then `*`).
import { checkPattern } from '../domain/category.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import type { TaskDefinition } from '../service/handles.ts';
import type { Handler, Handlers, HandlerSpec } from './types.ts';
import { withSchemas } from './validate.ts';

export interface RegisteredHandler {
  readonly pattern: string;
  readonly run: Handler;
  readonly version: string | undefined;
}

export interface Registry {
  /** Throws `already_exists` for a pattern that has a handler, unless `override`; `invalid_category` for one that is ill-formed. */
  add(task: string | TaskDefinition<unknown, unknown>, handler: Handler | HandlerSpec, options?: { readonly override?: boolean }): Registry;
  /** The handler of exactly this pattern. */
  get(pattern: string): RegisteredHandler | undefined;
  /** The handler that runs a task of this type. */
  find(type: string): RegisteredHandler | undefined;
  list(): readonly RegisteredHandler[];
}

/** Types are remembered with what they matched; a queue with more distinct types than this starts over. */
const REMEMBERED = 10_000;

export function createRegistry(handlers?: Exclude<Handlers, Registry>): Registry {
  const registry = emptyRegistry();
  if (isList(handlers)) for (const [task, handler] of handlers) registry.add(task, handler);
  else for (const [pattern, handler] of Object.entries(handlers ?? {})) registry.add(pattern, handler);
  return registry;
}

/** The registry that was given, or one made of what was given. */
export const registryOf = (handlers: Handlers): Registry => (isRegistry(handlers) ? handlers : createRegistry(handlers));

// A record may have a pattern `find`, but no record has all four as functions of these names: categories may not be told from them otherwise.
const isRegistry = (handlers: Handlers): handlers is Registry => REGISTRIES.has(handlers);
const isList = (handlers: Exclude<Handlers, Registry> | undefined): handlers is Extract<Handlers, readonly unknown[]> => Array.isArray(handlers);
const REGISTRIES = new WeakSet<object>();

function emptyRegistry(): Registry {
  const entries = new Map<string, RegisteredHandler>();
  const found = new Map<string, RegisteredHandler | undefined>();
  const registry: Registry = {
    add(task, handler, options) {
      const spec = specOf(task, handler);
      const pattern = typeof task === 'string' ? task : task.type;
      checkFree(pattern, entries.has(pattern) && !(options?.override ?? spec.override ?? false));
      entries.set(pattern, { pattern, run: withSchemas(spec), version: spec.version });
      found.clear();
      return registry;
    },
    get: (pattern) => entries.get(pattern),
    find(type) {
      const known = found.get(type);
      if (known !== undefined || found.has(type)) return known;
      if (found.size >= REMEMBERED) found.clear();
      const entry = mostSpecific(entries, type);
      found.set(type, entry);
      return entry;
    },
    list: () => [...entries.values()],
  };
  REGISTRIES.add(registry);
  return registry;
}

function mostSpecific(entries: ReadonlyMap<string, RegisteredHandler>, type: string): RegisteredHandler | undefined {
  const exact = entries.get(type);
  if (exact !== undefined) return exact;
  for (let dot = type.lastIndexOf('.'); dot > 0; dot = type.lastIndexOf('.', dot - 1)) {
    const entry = entries.get(`${type.slice(0, dot)}.*`);
    if (entry !== undefined) return entry;
  }
  return entries.get('*');
}

function specOf(task: string | TaskDefinition<unknown, unknown>, handler: Handler | HandlerSpec): HandlerSpec {
  const given: HandlerSpec = typeof handler === 'function' ? { run: handler } : handler;
  if (typeof given?.run !== 'function')
    throw new QueueError('invalid_input', 'A handler is a function (input, ctx) => result, or an object with one as `run`.');
  if (typeof task === 'string') return given;
  const { version, input, output } = task;
  return { ...(version === undefined ? {} : { version }), ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }), ...given };
}

function checkFree(pattern: string, taken: boolean): void {
  unwrap(checkPattern(pattern));
  if (taken)
    throw new QueueError('already_exists', `\`${pattern}\` has a handler already. Remove one of the two, or pass override: true to replace the first.`);
}
