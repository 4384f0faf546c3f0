// The shape of the code as tables: who may import whom, what may not be written where, how big things get.
// A rule that is not in here does not hold.

/**
 * One layer. A file belongs to the first row that has its path. `at`, `may` and `never` are paths from the root: one that ends
 * in `/` is a folder, `node:*` every module of Node, anything else a file, a module of Node or a package.
 */
export interface Layer {
  readonly name: string;
  readonly at: readonly string[];
  readonly may: readonly string[];
  /** Only by `import type`. */
  readonly types?: readonly string[];
  /** Wins over `may`. */
  readonly never: readonly string[];
  readonly because: string;
}

const INWARD = ['src/domain/', 'src/contract/'] as const;

export const LAYERS = [
  { name: 'domain', at: ['src/domain/'], may: ['src/domain/'], never: [], because: 'rules are pure: no clock, no randomness, no Node, no package' },
  { name: 'contract', at: ['src/contract/'], may: [...INWARD, 'zod'], never: [], because: 'it describes the outside as data' },
  {
    name: 'engine',
    at: ['src/store/sqlite/'],
    may: ['src/domain/', 'src/store/', 'node:*'],
    never: ['node:process', 'src/store/postgres/'],
    because: 'only an engine speaks to its database',
  },
  {
    name: 'driver',
    at: ['src/store/postgres/driver.ts'],
    may: ['src/domain/', 'node:*', 'pg'],
    never: ['node:process'],
    because: 'one file knows the optional driver, and loads it when a PostgreSQL store is opened',
  },
  {
    name: 'postgres engine',
    at: ['src/store/postgres/'],
    may: ['src/domain/', 'src/store/', 'node:*'],
    never: ['node:process', 'node:sqlite', 'src/store/sqlite/'],
    because: 'only an engine speaks to its database',
  },
  {
    name: 'store',
    at: ['src/store/'],
    may: ['src/domain/', 'src/store/', 'node:*'],
    never: ['src/store/sqlite/', 'src/store/postgres/', 'node:sqlite', 'node:process'],
    because: 'the port knows no engine',
  },
  {
    name: 'service',
    at: ['src/service/'],
    may: [...INWARD, 'src/service/', 'src/store/store.ts', 'node:crypto'],
    never: [],
    because: 'it decides over the port; engines, clocks and randomness are handed in',
  },
  {
    name: 'http',
    at: ['src/http/'],
    may: [...INWARD, 'src/http/', 'src/service/', 'hono', '@hono/node-server', 'zod', 'node:crypto', 'node:http', 'node:https', 'node:net', 'node:util'],
    never: [],
    because: 'it puts the service on the wire and knows no store',
  },
  {
    name: 'client',
    at: ['src/client/'],
    may: [...INWARD, 'src/client/'],
    types: ['src/service/handles.ts'],
    never: ['zod'],
    because: 'it runs wherever there is fetch',
  },
  {
    name: 'worker',
    at: ['src/worker/'],
    may: [...INWARD, 'src/client/', 'src/worker/', 'node:worker_threads', 'node:crypto', 'node:perf_hooks'],
    types: ['src/service/handles.ts'],
    never: [],
    because: 'it talks to a handle, in process or over the wire, and knows no store',
  },
  {
    name: 'cli',
    at: ['src/cli/'],
    may: [
      ...INWARD,
      'src/cli/',
      'src/client/',
      'src/worker/',
      'src/server/',
      'src/index.ts',
      'src/cron.ts',
      'src/schemas.ts',
      'node:*',
      'commander',
      'yaml',
      'smol-toml',
    ],
    types: ['src/service/handles.ts'],
    never: ['node:sqlite', 'node:process'],
    because: 'it is a user of the library like any other',
  },
  {
    name: 'cron',
    at: ['src/cron.ts'],
    may: ['src/domain/', 'croner'],
    never: [],
    because: 'cron expressions are read by a package that the library does without',
  },
  { name: 'schemas', at: ['src/schemas.ts'], may: ['src/domain/', 'ajv'], never: [], because: 'schemas are read by a package that the library does without' },
  { name: 'server', at: ['src/server/'], may: ['src/', 'node:*', '*'], never: ['src/cli/'], because: 'it wires everything' },
  {
    name: 'entries',
    at: [
      'src/index.ts',
      'src/sqlite.ts',
      'src/postgres.ts',
      'src/renewal.ts',
      'src/sealer.ts',
      'src/sealing.ts',
      'src/sealing-thread.ts',
      'src/moving.ts',
      'src/doctor.ts',
      'src/anchoring.ts',
      'src/background.ts',
    ],
    may: ['src/', 'node:*'],
    never: ['src/cli/', 'src/server/', 'node:process'],
    because: 'what is published wires what is inside, and nothing else',
  },
] as const satisfies readonly Layer[];

/** What is published as a library: nothing that these reach, over any number of files, is a package. */
export const DEPENDENCY_FREE = [
  'src/index.ts',
  'src/client/entry.ts',
  'src/worker/entry.ts',
  'src/sqlite.ts',
  'src/renewal.ts',
  'src/sealing-thread.ts',
  'src/worker/renewal-thread.ts',
] as const;

/** A package that only the file named loads, and only when it is needed: what is published works without it. */
export const OPTIONAL = { package: 'pg', at: 'src/store/postgres/driver.ts' } as const;

/** A thing that may not be written in these folders. */
export interface Forbidden {
  readonly name: string;
  readonly pattern: RegExp;
  readonly at: readonly string[];
  readonly except: readonly string[];
  readonly instead: string;
}

const TIMELESS = ['src/domain/', 'src/store/', 'src/service/'] as const;

export const FORBIDDEN = [
  {
    name: 'process.env',
    pattern: /\bprocess\s*(?:(?:\?\.|\.)\s*env\b|(?:\?\.)?\s*\[)|\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g,
    at: ['src/'],
    except: ['src/server/config.ts'],
    instead: 'read settings through src/server/config.ts',
  },
  { name: 'Date.now', pattern: /\bDate\s*(?:\?\.|\.)\s*now\b|\bDate\s*\[/g, at: TIMELESS, except: [], instead: 'take the clock as an argument' },
  {
    name: 'new Date()',
    pattern: /\bnew\s+Date\b\s*(?:\(\s*\)|(?!\s*\())|(?<!\bnew\s+)\bDate\(/g,
    at: TIMELESS,
    except: [],
    instead: 'take the instant as an argument',
  },
  { name: 'Math.random', pattern: /\bMath\s*(?:\?\.|\.)\s*random\b|\bMath\s*\[/g, at: TIMELESS, except: [], instead: 'take random numbers as an argument' },
  { name: 'randomUUID', pattern: /\brandomUUID(?:v7)?\b/g, at: TIMELESS, except: [], instead: 'take ids as an argument' },
  {
    name: 'what only Node has',
    pattern: /(?<![.\w])(?:Buffer|process|setImmediate|clearImmediate|__dirname|__filename|require|NodeJS)\b|\.\s*unref\b/g,
    at: ['src/client/'],
    except: [],
    instead: 'use what browsers have too: Uint8Array, setTimeout, fetch, crypto',
  },
  { name: 'export default', pattern: /\bexport\s+default\b|\bas\s+default\b/g, at: ['src/'], except: [], instead: 'export by name' },
] as const satisfies readonly Forbidden[];

/** Folders and files that would become drawers for everything. */
export const DRAWERS = ['utils', 'util', 'helpers', 'helper', 'common', 'lib', 'misc', 'shared'] as const;

/** Hard limits of `src`, in lines. The aims are 200 and 30. */
export const LIMITS = { file: 300, function: 50 } as const;

/** Folders whose files are read; one that is not there yet is skipped. */
export const FOLDERS = ['src', 'tests', 'scripts', 'bench', 'examples'] as const;
