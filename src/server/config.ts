// Every setting as one table, and the only reader of the environment. A flag wins over the environment, the environment over
// a configuration file, and that over the default.
import { existsSync } from 'node:fs';
import { QueueError } from '../domain/errors.ts';

export type SettingType = 'path' | 'text' | 'integer' | 'list' | 'json';

export interface Setting {
  readonly env: string;
  /** Of the command line; '' where there is none. */
  readonly flag: string;
  /** Key in the configuration file of a worker; '' where there is none. */
  readonly file: string;
  readonly type: SettingType;
  /** '' where nothing is assumed. */
  readonly default: string | number;
  readonly meaning: string;
}

export const CONFIG = {
  db: { env: 'PRISMQ_DB', flag: '--db', file: 'db', type: 'path', default: './prismq.db', meaning: 'the file of the queue' },
  url: { env: '', flag: '--url', file: '', type: 'text', default: '', meaning: 'a PostgreSQL database in place of a file, by one login for everything' },
  clientUrl: {
    env: 'PRISMQ_CLIENT_URL',
    flag: '',
    file: '',
    type: 'text',
    default: '',
    meaning: 'PostgreSQL: the login of clients; with the three below, as `prismq setup` writes them, it is used where no file and no URL is named',
  },
  workerUrl: { env: 'PRISMQ_WORKER_URL', flag: '', file: '', type: 'text', default: '', meaning: 'PostgreSQL: the login of workers' },
  adminUrl: {
    env: 'PRISMQ_ADMIN_URL',
    flag: '',
    file: '',
    type: 'text',
    default: '',
    meaning: 'PostgreSQL: the login of admins, the janitor and key look-ups',
  },
  signingKey: {
    env: 'PRISMQ_SIGNING_KEY',
    flag: '',
    file: '',
    type: 'text',
    default: '',
    meaning: 'PostgreSQL: the key that signs the context of every call, KID:HEX',
  },
  workerId: {
    env: 'PRISMQ_WORKER_ID',
    flag: '--id',
    file: 'id',
    type: 'text',
    default: '',
    meaning: 'name of the worker; by default a fresh one at every start',
  },
  workerHandlers: {
    env: 'PRISMQ_WORKER_HANDLERS',
    flag: '--handlers',
    file: 'handlers',
    type: 'path',
    default: '',
    meaning: 'module with the handlers: a record from pattern to function',
  },
  workerConcurrency: {
    env: 'PRISMQ_WORKER_CONCURRENCY',
    flag: '--concurrency',
    file: 'concurrency',
    type: 'integer',
    default: 10,
    meaning: 'handlers at work at once, 1–10,000',
  },
  workerPrefetch: {
    env: 'PRISMQ_WORKER_PREFETCH',
    flag: '',
    file: 'prefetch',
    type: 'integer',
    default: '',
    meaning: 'tasks claimed beyond that and kept ready, 0–500; by default found by the worker',
  },
  workerStrategy: {
    env: 'PRISMQ_WORKER_STRATEGY',
    flag: '--strategy',
    file: 'strategy',
    type: 'text',
    default: 'PRIORITY',
    meaning: 'how the next task is chosen',
  },
  workerLeaseMs: {
    env: 'PRISMQ_WORKER_LEASE_MS',
    flag: '',
    file: 'leaseMs',
    type: 'integer',
    default: 30_000,
    meaning: 'how long a claim holds without renewal, 1,000–3,600,000 ms',
  },
  workerPollMs: {
    env: 'PRISMQ_WORKER_POLL_MS',
    flag: '',
    file: 'pollMs',
    type: 'integer',
    default: 1000,
    meaning: 'an idle worker looks this often, 1–60,000 ms',
  },
  workerMaxTasks: {
    env: 'PRISMQ_WORKER_MAX_TASKS',
    flag: '--max-tasks',
    file: 'maxTasks',
    type: 'integer',
    default: '',
    meaning: 'the worker stops after so many tasks',
  },
  workerCapabilities: {
    env: 'PRISMQ_WORKER_CAPABILITIES',
    flag: '',
    file: 'capabilities',
    type: 'json',
    default: '',
    meaning: 'what the worker declares: { "categories": […], "clients": […], "attributes": { … } }',
  },
  workerClients: {
    env: 'PRISMQ_WORKER_CLIENTS',
    flag: '--clients',
    file: 'clients',
    type: 'list',
    default: '',
    meaning: 'clients whose tasks are taken, separated by commas; by default all',
  },
  swf: { env: 'PRISMQ_SWF', flag: '', file: '', type: 'path', default: '../shared/data/LCG.swf.gz', meaning: 'the workload that the tests replay a slice of' },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof CONFIG;
export type SettingValue = string | number | readonly string[] | object;
export type Environment = Readonly<Record<string, string | undefined>>;

export const environment = (): Environment => process.env;

/** What the environment says of a setting; nothing for an empty variable. */
export function settingFrom(env: Environment, name: SettingName): SettingValue | undefined {
  const { env: variable, type } = CONFIG[name];
  const text = env[variable];
  return text === undefined || text.trim() === '' ? undefined : parseSetting(variable, type, text);
}

/** The text of a flag or a variable as the value that its type says. */
export function parseSetting(where: string, type: SettingType, text: string): SettingValue {
  switch (type) {
    case 'integer':
      if (/^-?\d{1,15}$/.test(text.trim())) return Number(text);
      throw wrongSetting(where, `${JSON.stringify(text)} is no whole number`);
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    case 'json':
      return parseObject(where, text);
    default:
      return text;
  }
}

function parseObject(where: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongSetting(where, `is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw wrongSetting(where, 'give a JSON object');
}

export const wrongSetting = (field: string, message: string): QueueError =>
  new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });

/** Where relative paths start: the folder in which npm was called, since npm runs scripts in that of the package. */
export function baseFolder(env: Environment, cwd: string): string {
  const called = env['INIT_CWD'];
  return called !== undefined && called !== '' && existsSync(called) ? called : cwd;
}

/** How the reader would call this program again. */
export function programName(env: Environment): string {
  const script = env['npm_lifecycle_event'];
  if (script === 'npx') return 'npx prismq';
  return script === 'start' || script === 'dev' || script === 'prismq' ? 'npm run -s prismq --' : 'prismq';
}
