// The architecture rules fire on bad code and stay quiet on good code.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkDependencyFree, checkDrawers, checkForbidden, checkHeader, checkLayers, checkSizes } from './checks.ts';
import { cyclesOf, graphOf } from './graph.ts';
import { DEPENDENCY_FREE, FORBIDDEN, LAYERS, LIMITS } from './rules.ts';
import { sourceOf } from './source.ts';

/** Where a file of the layer may stand, and an import that its row refuses. */
const REFUSED: Readonly<Record<(typeof LAYERS)[number]['name'], readonly [path: string, specifiers: readonly string[]]>> = {
  domain: ['src/domain/a.ts', ['node:crypto', '../store/store.ts', 'zod', '../service/handles.ts']],
  contract: ['src/contract/a.ts', ['node:fs', '../service/queue.ts', 'commander']],
  engine: ['src/store/sqlite/a.ts', ['../../service/queue.ts', 'pino', '../../worker/types.ts', 'node:process']],
  driver: ['src/store/postgres/driver.ts', ['pino', 'node:process', '../../service/queue.ts']],
  'postgres engine': ['src/store/postgres/a.ts', ['pg', 'node:sqlite', '../sqlite/store.ts', '../../service/queue.ts']],
  store: ['src/store/a.ts', ['./sqlite/store.ts', './postgres/store.ts', 'node:sqlite', '../service/queue.ts']],
  service: ['src/service/a.ts', ['../store/sqlite/store.ts', '../store/sql-files.ts', 'node:fs', 'node:sqlite', '../worker/types.ts']],
  http: ['src/http/a.ts', ['../store/store.ts', '../client/client.ts', 'node:fs', 'commander']],
  client: ['src/client/a.ts', ['../service/queue.ts', 'node:http', 'zod', '../worker/worker.ts']],
  worker: ['src/worker/a.ts', ['../store/store.ts', '../service/queue.ts', 'node:fs', 'pino']],
  cli: ['src/cli/commands/a.ts', ['../../store/store.ts', '../../service/queue.ts', 'pino', 'node:sqlite']],
  cron: ['src/cron.ts', ['node:fs', './service/queue.ts', 'pino']],
  schemas: ['src/schemas.ts', ['node:fs', './service/queue.ts', 'pino']],
  server: ['src/server/a.ts', ['../cli/main.ts']],
  entries: ['src/index.ts', ['./cli/main.ts', './server/config.ts', 'commander', '../scripts/docs.ts']],
};

const FORMS = [
  (specifier: string) => `import { a } from '${specifier}';`,
  (specifier: string) => `import a, {\n  type b,\n  c as d,\n} from "${specifier}";`,
  (specifier: string) => `import * as all from '${specifier}';`,
  (specifier: string) => `import '${specifier}';`,
  (specifier: string) => `import type { a } from '${specifier}';`,
  (specifier: string) => `export { a } from '${specifier}';`,
  (specifier: string) => `export type * from '${specifier}';`,
  (specifier: string) => `const a = await import('${specifier}');`,
];

describe('import rules', () => {
  for (const { name } of LAYERS) {
    it(`refuse in ${name} what its row does not allow, in every form of import`, () => {
      const [path, specifiers] = REFUSED[name];
      for (const specifier of specifiers) for (const form of FORMS) assert.equal(checkLayers(sourceOf(path, form(specifier))).length, 1, form(specifier));
    });
  }

  it('allow what the row allows', () => {
    const allowed: readonly (readonly [string, string])[] = [
      ['src/domain/a.ts', './b.ts'],
      ['src/store/sqlite/a.ts', 'node:sqlite'],
      ['src/service/a.ts', '../store/store.ts'],
      ['src/http/a.ts', 'hono'],
      ['src/client/a.ts', '../contract/operations.ts'],
      ['src/worker/a.ts', '../domain/task.ts'],
      ['src/cli/a.ts', 'smol-toml'],
      ['src/server/a.ts', 'pino'],
      ['src/index.ts', './store/sqlite/store.ts'],
    ];
    for (const [path, specifier] of allowed) assert.deepEqual(checkLayers(sourceOf(path, `import { a } from '${specifier}';`)), []);
  });

  it('allow as a type what the row allows as a type, and as nothing else', () => {
    for (const folder of ['worker', 'client', 'cli']) {
      const fires = (text: string): number => checkLayers(sourceOf(`src/${folder}/a.ts`, text)).length;
      assert.equal(fires("import type { A } from '../service/handles.ts';"), 0);
      assert.equal(fires("export type { A } from '../service/handles.ts';"), 0);
      assert.equal(fires("import { type A } from '../service/handles.ts';"), 1);
      assert.equal(fires("await import('../service/handles.ts');"), 1);
    }
  });

  it('see a module that a thread loads by URL', () => {
    assert.equal(checkLayers(sourceOf('src/worker/a.ts', "new Worker(new URL('../store/store.ts', import.meta.url));")).length, 1);
  });

  it('read no import in comments, strings, templates and regular expressions', () => {
    const text =
      "// import 'zod';\n/* import 'zod'; */\nconst a = \"import 'zod';\";\nconst b = `import 'zod'; ${a} import 'zod';`;\nconst c = /import 'zod'/;\n";
    assert.deepEqual(checkLayers(sourceOf('src/domain/a.ts', text)), []);
  });

  it('refuse a file that belongs to no layer', () => {
    assert.equal(checkLayers(sourceOf('src/elsewhere/a.ts', '')).length, 1);
  });
});

describe('the rule on dependencies of published entries', () => {
  const chain = (last: string): ReturnType<typeof graphOf> =>
    graphOf([sourceOf('src/index.ts', "import './a.ts';"), sourceOf('src/a.ts', "export * from './b.ts';"), sourceOf('src/b.ts', last)]);

  it('finds a package behind two files', () => {
    assert.match(checkDependencyFree(chain("import { z } from 'zod';"), DEPENDENCY_FREE[0]).join(), /src\/b\.ts:1 imports zod.*src\/a\.ts/);
  });

  it('finds a package that is imported late, or for its types', () => {
    for (const late of ["await import('zod');", "import type { z } from 'zod';"]) assert.equal(checkDependencyFree(chain(late), DEPENDENCY_FREE[0]).length, 1);
  });

  it('is content with Node', () => {
    assert.deepEqual(checkDependencyFree(chain("import 'node:fs';"), DEPENDENCY_FREE[0]), []);
  });
});

describe('the rule on circles', () => {
  const pair = (back: string): ReturnType<typeof graphOf> => graphOf([sourceOf('src/a.ts', "import { b } from './b.ts';"), sourceOf('src/b.ts', back)]);

  it('finds two files that import each other', () => {
    assert.deepEqual(cyclesOf(pair("import { a } from './a.ts';")), [['src/a.ts', 'src/b.ts', 'src/a.ts']]);
  });

  it('counts an import of names that are all types, since it loads the file', () => {
    assert.equal(cyclesOf(pair("import { type A } from './a.ts';")).length, 1);
  });

  it('counts no import of types', () => {
    assert.deepEqual(cyclesOf(pair("import type { A } from './a.ts';")), []);
  });
});

/** Bad and good snippets of what may not be written. */
const WRITTEN: Readonly<Record<(typeof FORBIDDEN)[number]['name'], { readonly bad: readonly string[]; readonly good: readonly string[] }>> = {
  'process.env': {
    bad: ['process.env.HOME', 'process?.env', "process['env']", 'const { env } = process;', 'const { argv, env: e } = process;'],
    good: ['process.pid', '// process.env', "'process.env'", 'const { argv } = process;'],
  },
  'Date.now': { bad: ['Date.now()', 'now ?? Date.now', "Date['now']()"], good: ['clock.now()', '`Date.now()`', 'type A = Date'] },
  'new Date()': {
    bad: ['new Date()', 'new Date( /* now */ )', 'new Date', 'Date()'],
    good: ['new Date(ms)', "new Date('2026-01-01')", 'value instanceof Date', 'toDate()'],
  },
  'Math.random': { bad: ['Math.random()', 'random = Math.random', "Math['random']()"], good: ['Math.max(1, 2)', '/Math.random/'] },
  randomUUID: { bad: ['crypto.randomUUID()', 'randomUUIDv7()', "import { randomUUID } from 'node:crypto';"], good: ['random()', '"randomUUID"'] },
  'what only Node has': {
    bad: ['Buffer.from(text)', 'process.pid', 'setImmediate(next)', "require('fs')", 'timer.unref()', 'let timer: NodeJS.Timeout;'],
    good: ['this.process', 'new Uint8Array(1)', 'setTimeout(next, 0)', "'process'", 'processed()'],
  },
  'export default': { bad: ['export default 1;', 'const a = 1; export { a as default };'], good: ['export const a = 1;', 'switch (a) { default: b(); }'] },
};

describe('what may not be written', () => {
  for (const { name, at, except } of FORBIDDEN) {
    it(`${name} is found, and only in code`, () => {
      for (const folder of at) {
        for (const snippet of WRITTEN[name].bad) assert.notDeepEqual(checkForbidden(sourceOf(`${folder}a.ts`, snippet)), [], snippet);
        for (const snippet of WRITTEN[name].good) assert.deepEqual(checkForbidden(sourceOf(`${folder}a.ts`, snippet)), [], snippet);
      }
    });
    it(`${name} is allowed where the table says so`, () => {
      for (const path of ['tests/a.ts', ...except]) assert.deepEqual(checkForbidden(sourceOf(path, WRITTEN[name].bad[0] as string)), []);
    });
  }
});

describe('names and headers', () => {
  it('refuse a drawer, as folder and as file', () => {
    for (const path of ['src/utils/a.ts', 'src/domain/helpers.ts', 'tests/common/a.test.ts', 'src/lib/a.ts'])
      assert.equal(checkDrawers(sourceOf(path, '')).length, 1, path);
    assert.deepEqual(checkDrawers(sourceOf('src/domain/library.ts', '')), []);
  });

  it('want a comment at the head of a file of src', () => {
    assert.equal(checkHeader(sourceOf('src/a.ts', 'export const a = 1; // late\n')).length, 1);
    for (const text of ['// What it is for.\n', '#!/usr/bin/env node\n// What it is for.\n']) assert.deepEqual(checkHeader(sourceOf('src/a.ts', text)), []);
  });
});

describe('sizes', () => {
  it('refuse a file over the limit and allow one at it', () => {
    assert.equal(checkSizes(sourceOf('src/a.ts', '//\n'.repeat(LIMITS.file + 1))).length, 1);
    assert.deepEqual(checkSizes(sourceOf('src/a.ts', '//\n'.repeat(LIMITS.file))), []);
  });

  it('refuse a function over the limit and allow one at it', () => {
    const withLines = (lines: number): string => `export function a(): void {\n${'b();\n'.repeat(lines - 2)}}\n`;
    assert.match(checkSizes(sourceOf('src/a.ts', withLines(LIMITS.function + 1))).join(), /src\/a\.ts:1 a has 51 lines/);
    assert.deepEqual(checkSizes(sourceOf('src/a.ts', withLines(LIMITS.function))), []);
  });
});
