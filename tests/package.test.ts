// What package.json promises to those who install the package.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DEPENDENCY_FREE } from './architecture/rules.ts';

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Manifest;

/** Entries that may need a package to be installed beside. */
const WITH_PACKAGES: readonly string[] = ['./server', './postgres', './cron', './schemas'];

const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target !== 'string') as [string, Readonly<Record<string, string>>][];

describe('what is exported', () => {
  for (const [subpath, conditions] of entries) {
    it(`${subpath} leads to a source that exists, and to what the build makes of it`, () => {
      assert.deepEqual(Object.keys(conditions), ['prismq-source', 'types', 'default']);
      const source = conditions['prismq-source'] ?? '';
      assert.ok(existsSync(new URL(source, root)), source);
      const built = source.replace('./src/', './dist/').replace(/\.ts$/, '');
      assert.deepEqual([conditions['types'], conditions['default']], [`${built}.d.ts`, `${built}.js`]);
    });

    it(`${subpath} is held to Node alone, unless it may need packages`, () => {
      const held = (DEPENDENCY_FREE as readonly string[]).includes((conditions['prismq-source'] ?? '').replace('./', ''));
      assert.notEqual(held, WITH_PACKAGES.includes(subpath));
    });
  }
});

it('versions are exact, so that an install is the same everywhere', () => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
  assert.deepEqual(loose, []);
});

it('the Node that is installed for development is one that the package supports', () => {
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(manifest.engines.node) ?? assert.fail(manifest.engines.node);
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number) as [number, number];
  assert.ok(haveMajor > Number(major) || (haveMajor === Number(major) && haveMinor >= Number(minor)));
});
