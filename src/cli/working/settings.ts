// The settings of a worker: flags over PRISMQ_WORKER_* over a configuration file (json, yaml, toml, ts, js) over the defaults.
import { resolve } from 'node:path';
import type { WorkerCapabilities } from '../../domain/task.ts';
import { CONFIG, settingFrom } from '../../server/config.ts';
import type { SettingName } from '../../server/config.ts';
import { readConfigFile } from '../../server/config-file.ts';
import type { ConfigFile } from '../../server/config-file.ts';
import { parseSetting, settingOf } from '../../server/setting.ts';
import type { Setting, SettingValue } from '../../server/setting.ts';
import type { Handlers, WorkerOptions } from '../../worker/types.ts';
import { wrongInput } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Place } from '../where.ts';
import { handlersOfList, handlersOfModule } from './handlers.ts';

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

export async function planWorker(io: Io, flags: WorkerFlags): Promise<WorkerPlan> {
  const file = flags.config === undefined ? undefined : await readConfigFile(resolve(io.base, flags.config), KEYS, EXAMPLE);
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

const ROWS: readonly Setting[] = Object.values(CONFIG);
const KEYS: readonly string[] = [...ROWS.filter(({ of, file }) => of !== 'serve' && file !== '').map(({ file }) => file), 'drain'];
const EXAMPLE = '{ "concurrency": 4, "handlers": "./handlers.ts" }';

function fromFile(file: ConfigFile | undefined, name: SettingName): SettingValue | undefined {
  const key = CONFIG[name].file;
  const value = file?.values[key];
  return value === undefined || value === null ? undefined : settingOf(key, CONFIG[name].type, value);
}
