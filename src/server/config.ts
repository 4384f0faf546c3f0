// Every setting as one table, and the only reader of the environment. A flag wins over the environment, the environment over
// a configuration file, and that over the default.
import { existsSync } from 'node:fs';
import { LIMITS } from '../domain/limits.ts';
import type { LimitName } from '../domain/limits.ts';
import { parseSetting } from './setting.ts';
import type { Setting, SettingType, SettingValue } from './setting.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const rangeOf = (name: LimitName): readonly [number, number] => [LIMITS[name].min, LIMITS[name].max];

/** A row of a server: `PRISMQ_MAX_BODY_BYTES` is `maxBodyBytes` in a file. */
function serve(env: string, type: SettingType, standard: string | number, meaning: string, more: Partial<Setting> = {}): Setting {
  const file = env
    .slice('PRISMQ_'.length)
    .toLowerCase()
    .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return { of: 'serve', env, flag: '', file, type, default: standard, meaning, ...more };
}

/** Of the logins of PostgreSQL, which only the environment has. */
const pg = (env: string, meaning: string): Setting => ({ of: 'all', env, flag: '', file: '', type: 'text', default: '', meaning: `PostgreSQL: ${meaning}` });

export const CONFIG = {
  db: { of: 'all', env: 'PRISMQ_DB', flag: '--db', file: 'db', type: 'path', default: './prismq.db', meaning: 'the file of the queue' },
  url: {
    of: 'caller',
    env: 'PRISMQ_URL',
    flag: '--url',
    file: 'url',
    type: 'text',
    default: '',
    meaning: 'the server to work at, or a PostgreSQL database, instead of a file',
  },
  key: { of: 'caller', env: 'PRISMQ_KEY', flag: '', file: '', type: 'text', default: '', meaning: 'the API key for that server; never on the command line' },
  keyFile: { of: 'caller', env: 'PRISMQ_KEY_FILE', flag: '--key-file', file: 'keyFile', type: 'path', default: '', meaning: 'the file that holds it' },
  clientUrl: pg('PRISMQ_CLIENT_URL', 'the login of clients; with the three below, as `prismq setup` writes them, it is used where no file and no URL is named'),
  workerUrl: pg('PRISMQ_WORKER_URL', 'the login of workers'),
  adminUrl: pg('PRISMQ_ADMIN_URL', 'the login of admins, the janitor and key look-ups'),
  signingKey: pg('PRISMQ_SIGNING_KEY', 'the key that signs the context of every call, KID:HEX'),
  debug: {
    of: 'caller',
    env: 'PRISMQ_DEBUG',
    flag: '--debug',
    file: '',
    type: 'text',
    default: '',
    meaning: 'anything: say what is behind an error, with its stack',
  },

  // a server
  host: serve('PRISMQ_HOST', 'text', '127.0.0.1', 'the address to listen on', { flag: '--host' }),
  port: serve('PRISMQ_PORT', 'integer', 7800, 'the port to listen on; 0 is any that is free', { flag: '--port', range: [0, 65_535] }),
  tlsCert: serve('PRISMQ_TLS_CERT', 'path', '', 'the certificate, with its chain, in PEM', { flag: '--tls-cert' }),
  tlsKey: serve('PRISMQ_TLS_KEY', 'path', '', 'the private key of the certificate, in PEM', { flag: '--tls-key' }),
  tlsPassphrase: serve('PRISMQ_TLS_PASSPHRASE', 'text', '', 'opens the private key; never on the command line', { file: '', secret: true }),
  proxies: serve('PRISMQ_PROXIES', 'integer', 0, 'proxies in front that speak TLS and write `X-Forwarded-For`', { flag: '--proxies', range: [0, 10] }),
  issuers: serve('PRISMQ_ISSUERS', 'objects', '', 'whose tokens (JWT) are taken, as docs/server.md says'),
  metrics: serve('PRISMQ_METRICS', 'text', 'loopback', '`/metrics`: no key on this machine, a key everywhere, or not there', {
    choices: ['loopback', 'key', 'off'],
  }),
  dashboard: serve('PRISMQ_DASHBOARD', 'text', 'on', 'the dashboard at `/`, or not there', { choices: ['on', 'off'] }),
  rateKey: serve('PRISMQ_RATE_KEY', 'rate', 'none', 'requests of one key: a second, or a second/at once'),
  rateClient: serve('PRISMQ_RATE_CLIENT', 'rate', 'none', 'requests of all keys of one client'),
  rateAddress: serve('PRISMQ_RATE_ADDRESS', 'rate', '5/50', 'failed logins of one address'),
  maxBodyBytes: serve('PRISMQ_MAX_BODY_BYTES', 'integer', 4_000_000, 'the body of a request', { range: [1000, 64_000_000] }),
  maxConnections: serve('PRISMQ_MAX_CONNECTIONS', 'integer', 10_000, 'connections at once', { range: [1, 1_000_000] }),
  graceMs: serve('PRISMQ_GRACE_MS', 'integer', 10_000, 'how long requests may go on after SIGTERM, ms', { range: [0, 600_000] }),
  synchronous: serve('PRISMQ_SYNCHRONOUS', 'text', 'FULL', '`NORMAL` may lose the last commits at a power cut', { choices: ['FULL', 'NORMAL'] }),
  retentionMs: serve('PRISMQ_RETENTION_MS', 'integer', LIMITS.retentionMs.default, LIMITS.retentionMs.meaning, { range: rangeOf('retentionMs') }),
  auditKey: serve('PRISMQ_AUDIT_KEY', 'text', '', 'the private key (Ed25519, PEM) that signs the heads of the audit; without one nothing is anchored', {
    file: '',
    secret: true,
  }),
  auditAnchors: serve('PRISMQ_AUDIT_ANCHORS', 'path', '', 'the file that signed heads are appended to; without one they go to the log'),
  auditAnchorMs: serve('PRISMQ_AUDIT_ANCHOR_MS', 'integer', 600_000, 'how often what is new is signed, ms', { range: [1000, 86_400_000] }),
  auditRetentionMs: serve('PRISMQ_AUDIT_RETENTION_MS', 'integer', '', `${LIMITS.auditRetentionMs.meaning}, ms`, { range: rangeOf('auditRetentionMs') }),
  payloadBytes: serve('PRISMQ_PAYLOAD_BYTES', 'integer', LIMITS.payloadBytes.default, LIMITS.payloadBytes.meaning, { range: rangeOf('payloadBytes') }),
  masterKey: serve(
    'PRISMQ_MASTER_KEY',
    'text',
    '',
    'seals payloads of clients at rest: 64 hex digits, after a rotation the older ones behind it; never on the command line',
    {
      file: '',
      secret: true,
    },
  ),
  logLevel: serve('PRISMQ_LOG_LEVEL', 'text', 'info', 'the least that is logged; `debug` has every request', { flag: '--log-level', choices: LOG_LEVELS }),
  logFormat: serve('PRISMQ_LOG_FORMAT', 'text', 'auto', '`auto` is pretty on a terminal and JSON elsewhere', {
    flag: '--log-format',
    choices: ['auto', 'json', 'pretty'],
  }),

  // a worker
  workerId: {
    of: 'worker',
    env: 'PRISMQ_WORKER_ID',
    flag: '--id',
    file: 'id',
    type: 'text',
    default: '',
    meaning: 'name of the worker; by default a fresh one at every start',
  },
  workerHandlers: {
    of: 'worker',
    env: 'PRISMQ_WORKER_HANDLERS',
    flag: '--handlers',
    file: 'handlers',
    type: 'path',
    default: '',
    meaning: 'module with the handlers: a record from pattern to function',
  },
  workerConcurrency: {
    of: 'worker',
    env: 'PRISMQ_WORKER_CONCURRENCY',
    flag: '--concurrency',
    file: 'concurrency',
    type: 'integer',
    default: 10,
    meaning: 'handlers at work at once, 1–10,000',
  },
  workerPrefetch: {
    of: 'worker',
    env: 'PRISMQ_WORKER_PREFETCH',
    flag: '',
    file: 'prefetch',
    type: 'integer',
    default: '',
    meaning: 'tasks claimed beyond that and kept ready, 0–500; by default found by the worker',
  },
  workerStrategy: {
    of: 'worker',
    env: 'PRISMQ_WORKER_STRATEGY',
    flag: '--strategy',
    file: 'strategy',
    type: 'text',
    default: 'PRIORITY',
    meaning: 'how the next task is chosen',
  },
  workerLeaseMs: {
    of: 'worker',
    env: 'PRISMQ_WORKER_LEASE_MS',
    flag: '',
    file: 'leaseMs',
    type: 'integer',
    default: 30_000,
    meaning: 'how long a claim holds without renewal, 1,000–3,600,000 ms',
  },
  workerPollMs: {
    of: 'worker',
    env: 'PRISMQ_WORKER_POLL_MS',
    flag: '',
    file: 'pollMs',
    type: 'integer',
    default: 1000,
    meaning: 'an idle worker looks this often, 1–60,000 ms',
  },
  workerMaxTasks: {
    of: 'worker',
    env: 'PRISMQ_WORKER_MAX_TASKS',
    flag: '--max-tasks',
    file: 'maxTasks',
    type: 'integer',
    default: '',
    meaning: 'the worker stops after so many tasks',
  },
  workerCapabilities: {
    of: 'worker',
    env: 'PRISMQ_WORKER_CAPABILITIES',
    flag: '',
    file: 'capabilities',
    type: 'json',
    default: '',
    meaning: 'what the worker declares: { "categories": […], "clients": […], "attributes": { … } }',
  },
  workerClients: {
    of: 'worker',
    env: 'PRISMQ_WORKER_CLIENTS',
    flag: '--clients',
    file: 'clients',
    type: 'list',
    default: '',
    meaning: 'clients whose tasks are taken, separated by commas; by default all',
  },
  swf: {
    of: 'tests',
    env: 'PRISMQ_SWF',
    flag: '',
    file: '',
    type: 'path',
    default: '../shared/data/LCG.swf.gz',
    meaning: 'the workload that the tests replay a slice of',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof CONFIG;
export type Environment = Readonly<Record<string, string | undefined>>;

export const environment = (): Environment => process.env;

/** What the environment says of a setting; nothing for an empty variable. */
export function settingFrom(env: Environment, name: SettingName): SettingValue | undefined {
  const { env: variable, type } = CONFIG[name];
  const text = env[variable];
  return text === undefined || text.trim() === '' ? undefined : parseSetting(variable, type, text);
}

/** Where relative paths start: the folder in which npm was called, since npm runs scripts in that of the package. */
export function baseFolder(env: Environment, cwd: string): string {
  const called = env['INIT_CWD'];
  return called !== undefined && called !== '' && existsSync(called) ? called : cwd;
}

/** What runs builds and checks says so, and may give a terminal all the same. */
export const isAutomated = (env: Environment): boolean => !['', '0', 'false'].includes((env['CI'] ?? '').toLowerCase());

/** How the reader would call this program again. */
export function programName(env: Environment): string {
  const script = env['npm_lifecycle_event'];
  if (script === 'npx') return 'npx prismq';
  return script === 'start' || script === 'dev' || script === 'prismq' ? 'npm run -s prismq --' : 'prismq';
}
