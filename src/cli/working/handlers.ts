// Handlers of a worker from a module of the user's, or from a list of modules and functions.
import { resolve } from 'node:path';
import { QueueError } from '../../domain/errors.ts';
import { loadModule } from '../../server/config-file.ts';
import type { Handler, HandlerEntry, HandlerSpec, Handlers } from '../../worker/types.ts';
import { wrongInput } from '../failure.ts';

/** `export const handlers = { 'Mail.*': async (input, ctx) => … }`, or the same as the default export. */
export async function handlersOfModule(field: string, file: string): Promise<Handlers> {
  const module = await loadModule(field, file);
  const handlers = module['handlers'] ?? module['default'];
  if (typeof handlers === 'object' && handlers !== null) return handlers as Handlers;
  throw wrongInput(field, `${file} exports no handlers: export const handlers = { 'Mail.*': async (input, ctx) => … }, or the same as default`);
}

interface Listed {
  readonly type: string;
  readonly module: string;
  readonly function: string;
  readonly version?: string;
}

/** A list of `{ type, module, function, version? }`; the first bad entry is named by its place and nothing is started. */
export async function handlersOfList(list: readonly unknown[], folder: string): Promise<Handlers> {
  const entries: HandlerEntry[] = [];
  for (const [i, item] of list.entries()) {
    const field = `handlers[${i}]`;
    const listed = checkListed(field, item);
    if (entries.some(([type]) => type === listed.type))
      throw new QueueError('already_exists', `${field}: ${listed.type} has a handler already`, { fields: [{ field, message: 'a second handler' }] });
    const module = await loadModule(field, resolve(folder, listed.module));
    entries.push([listed.type, handlerOf(field, module[listed.function], listed)]);
  }
  return entries;
}

function checkListed(field: string, item: unknown): Listed {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrongInput(field, 'give { type, module, function }');
  const known = ['type', 'module', 'function', 'version'];
  for (const [key, value] of Object.entries(item)) {
    if (!known.includes(key)) throw wrongInput(field, `${JSON.stringify(key)} is unknown: there are ${known.join(', ')}`);
    if (typeof value !== 'string' || value === '') throw wrongInput(field, `${key} is not a text`);
  }
  for (const key of known.slice(0, 3)) if (!(key in item)) throw wrongInput(field, `${key} is missing: give { type, module, function }`);
  return item as Listed;
}

function handlerOf(field: string, exported: unknown, { module, function: name, version }: Listed): Handler | HandlerSpec {
  const tag = version === undefined ? {} : { version };
  if (typeof exported === 'function') return { run: exported as Handler, ...tag };
  if (typeof exported === 'object' && exported !== null && typeof (exported as HandlerSpec).run === 'function') return { ...(exported as HandlerSpec), ...tag };
  throw wrongInput(field, `${module} exports no function ${name}`);
}
