// The settings of a worker: flags over PRISMQ_WORKER_* over a configuration file (json, yaml, toml, ts, js) over the defaults.
import { readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import type { WorkerCapabilities } from '../../domain/task.ts';
import { CONFIG, parseSetting, settingFrom, wrongSetting } from '../../server/config.ts';
import type { SettingName, SettingValue } from '../../server/config.ts';
import type { Handlers, WorkerOptions } from '../../worker/types.ts';
import { wrongInput } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Place } from '../where.ts';
import { handlersOfList, handlersOfModule, loadModule } from './handlers.ts';

export interface WorkerFlags {
  readonly config?: string;
  readonly handlers?: string;
  readonly id?: string;
  readonly concurrency?: string;
  readonly strategy?: string;
  readonly maxTasks?: string;
  readonly clients?: string;
  readonly drain?: true;
}

export interface WorkerPlan {
  readonly handlers: Handlers;
  readonly options: WorkerOptions;
  /** Where the configuration file says the queue is. */
  readonly place: Place;
}

interface ConfigFile {
  readonly folder: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export async function planWorker(io: Io, flags: WorkerFlags): Promise<WorkerPlan> {
  const file = flags.config === undefined ? undefined : await readConfig(resolve(io.base, flags.config));
  const take = (name: SettingName, flag?: string): SettingValue | undefined =>
    (flag === undefined ? undefined : parseSetting(CONFIG[name].flag, CONFIG[name].type, flag)) ?? settingFrom(io.env, name) ?? fromFile(file, name);
  return {
    handlers: await findHandlers(io, flags.handlers, file),
    options: optionsOf({
      workerId: take('workerId', flags.id),
      concurrency: take('workerConcurrency', flags.concurrency),
      prefetch: take('workerPrefetch'),
      strategy: take('workerStrategy', flags.strategy),
      leaseMs: take('workerLeaseMs'),
      pollMs: take('workerPollMs'),
      maxTasks: take('workerMaxTasks', flags.maxTasks),
      drain: flags.drain ?? file?.values['drain'],
      ...capabilityOptions(take('workerCapabilities') as WorkerCapabilities | undefined, take('workerClients', flags.clients) as readonly string[] | undefined),
    }),
    place: placeOf(file),
  };
}

function placeOf(file: ConfigFile | undefined): Place {
  const path = (name: 'db' | 'keyFile'): string | undefined => {
    const given = fromFile(file, name) as string | undefined;
    return given === undefined || file === undefined ? undefined : resolve(file.folder, given);
  };
  return { db: path('db'), url: fromFile(file, 'url') as string | undefined, keyFile: path('keyFile') };
}

const optionsOf = (given: Readonly<Record<string, unknown>>): WorkerOptions =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as WorkerOptions;

function capabilityOptions(declared: WorkerCapabilities | undefined, clients: readonly string[] | undefined): Readonly<Record<string, unknown>> {
  const unknown = Object.keys(declared ?? {}).find((key) => !['categories', 'clients', 'attributes'].includes(key));
  if (unknown !== undefined) throw wrongInput('capabilities', `${JSON.stringify(unknown)} is unknown: there are categories, clients, attributes`);
  return { types: declared?.categories, clients: clients ?? declared?.clients, attributes: declared?.attributes };
}

async function findHandlers(io: Io, flag: string | undefined, file: ConfigFile | undefined): Promise<Handlers> {
  const path = flag ?? (settingFrom(io.env, 'workerHandlers') as string | undefined);
  if (path !== undefined) return handlersOfModule('--handlers', resolve(io.base, path));
  const given = file?.values['handlers'];
  if (given === undefined) throw wrongInput('--handlers', 'name the module with the handlers, or a configuration file with --config');
  if (typeof given === 'string') return handlersOfModule('handlers', resolve(file?.folder ?? io.base, given));
  if (!Array.isArray(given)) return recordOf(given);
  return given.every((entry) => Array.isArray(entry)) && given.length > 0 ? (given as unknown as Handlers) : handlersOfList(given, file?.folder ?? io.base);
}

/** A configuration written in TypeScript may hold the functions themselves. */
function recordOf(given: unknown): Handlers {
  if (typeof given === 'object' && given !== null) return given as Handlers;
  throw wrongInput('handlers', 'give the path of a module, or a list of { type, module, function }');
}

const KEYS: ReadonlyMap<string, SettingName> = new Map(
  Object.entries(CONFIG).flatMap(([name, { file }]) => (file === '' ? [] : [[file, name as SettingName] as const])),
);
const FREE_KEYS = ['drain'];

function fromFile(file: ConfigFile | undefined, name: SettingName): SettingValue | undefined {
  const key = CONFIG[name].file;
  const value = file?.values[key];
  if (value === undefined || value === null) return undefined;
  if (isOfType(CONFIG[name].type, value)) return value as SettingValue;
  throw wrongSetting(key, `${JSON.stringify(value)} is not ${EXPECTED[CONFIG[name].type]}`);
}

const EXPECTED = { integer: 'a whole number', text: 'a text', path: 'a path', list: 'a list of texts', json: 'an object' } as const;

function isOfType(type: keyof typeof EXPECTED, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'list') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  return type === 'json' ? typeof value === 'object' && !Array.isArray(value) : typeof value === 'string' && value !== '';
}

const PARSERS: Readonly<Record<string, (text: string) => unknown>> = { '.json': JSON.parse, '.yaml': parseYaml, '.yml': parseYaml, '.toml': parseToml };
const MODULES = ['.ts', '.mts', '.js', '.mjs'];

async function readConfig(path: string): Promise<ConfigFile> {
  const values = MODULES.includes(extname(path)) ? await configOfModule(path) : parseConfig(path);
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw wrongInput('--config', `${path} holds no settings: it is an object like { "concurrency": 4, "handlers": "./handlers.ts" }`);
  return { folder: dirname(path), values: knownKeys(path, values) };
}

async function configOfModule(path: string): Promise<unknown> {
  const module = await loadModule('--config', path);
  return module['config'] ?? module['default'];
}

function parseConfig(path: string): unknown {
  const parser = PARSERS[extname(path)];
  if (parser === undefined) throw wrongInput('--config', `${path}: the name must end in ${[...Object.keys(PARSERS), ...MODULES].join(', ')}`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw wrongInput(
      '--config',
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no file ${path}` : `${path} can not be read: ${(error as Error).message}`,
    );
  }
  try {
    // Plain objects, whatever the parser makes.
    return structuredClone(parser(text));
  } catch (error) {
    throw wrongInput('--config', `${path} is not well-formed: ${((error as Error).message.split('\n')[0] ?? '').trim()}`);
  }
}

/** `lease_ms` is read as `leaseMs`; a name that nobody knows is refused, since it would be a setting that does nothing. */
function knownKeys(path: string, values: object): ConfigFile['values'] {
  return Object.fromEntries(
    Object.entries(values).map(([given, value]) => {
      const key = given.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (KEYS.has(key) || FREE_KEYS.includes(key)) return [key, value as unknown];
      throw wrongInput('--config', `${path}: ${JSON.stringify(given)} is unknown: there are ${[...KEYS.keys(), ...FREE_KEYS].join(', ')}`);
    }),
  );
}
