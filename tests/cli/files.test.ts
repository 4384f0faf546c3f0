// Which files the demo takes, whose they are, and what is counted in them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { countText } from '../../src/cli/demo/count.ts';
import { areaOf, categoryOf, clientsOf, findFiles } from '../../src/cli/demo/files.ts';
import { checkCategory } from '../../src/domain/category.ts';
import { isClientId } from '../../src/domain/names.ts';
import { temporaryFolder } from './rig.ts';

function folderWith(paths: readonly string[]): string {
  const folder = temporaryFolder();
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${path}\n`);
  }
  return folder;
}
const found = async (folder: string): Promise<readonly string[]> => (await findFiles(folder, join(folder, 'prismq.db'))).map((file) => file.path);

describe('the files of a folder', () => {
  it('are all but node_modules, dot folders, links and the queue itself', async () => {
    const folder = folderWith(['a.md', 'src/b.ts', 'src/deep/c.ts', 'node_modules/x/index.js', '.hidden/d.ts', 'prismq.db', 'prismq.db-wal']);
    symlinkSync('/etc/passwd', join(folder, 'link'));
    assert.deepEqual(await found(folder), ['a.md', 'src/b.ts', 'src/deep/c.ts']);
  });

  it('are those that git does not ignore, in a checkout, whatever their names', async () => {
    const folder = folderWith(['a.md', 'ignored/b.ts', 'src/new file ž\n.ts', '.gitignore']);
    writeFileSync(join(folder, '.gitignore'), 'ignored/\n');
    execFileSync('git', ['init', '-q', folder]);
    assert.deepEqual(await found(folder), ['.gitignore', 'a.md', 'src/new file ž\n.ts']);
    assert.deepEqual(await found(join(folder, 'src')), ['new file ž\n.ts']);
  });

  it('are at most 2,000, from every part of it', async () => {
    const folder = folderWith(Array.from({ length: 2500 }, (_, i) => `${i % 5}/${i}.txt`));
    const files = await findFiles(folder, join(folder, 'prismq.db'));
    assert.ok(files.length > 1000 && files.length <= 2000);
    assert.equal(clientsOf(files).size, 5);
  });
});

describe('a file of the demo', () => {
  it('belongs to its top-level area', () => {
    assert.deepEqual(['README.md', 'src/a/b.ts', '.ci/run', 'my docs/x', '--/x'].map(areaOf), ['root', 'src', 'ci', 'my_docs', 'other']);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (path) => isClientId(areaOf(path))));
  });

  it('is of the category of its extension', () => {
    assert.deepEqual(['a.ts', 'b.test.mjs', 'README', 'x.SQL', 'a.weird-one', 'a.zig', '.gitignore', 'a.constructor'].map(categoryOf), [
      'Demo.Files.TypeScript',
      'Demo.Files.JavaScript',
      'Demo.Files.Other',
      'Demo.Files.Sql',
      'Demo.Files.Other',
      'Demo.Files.Zig',
      'Demo.Files.Other',
      'Demo.Files.Constructor',
    ]);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (path) => checkCategory(categoryOf(path)).ok));
  });

  it('shares a client with others when there are too many areas', () => {
    const files = Array.from({ length: 20 }, (_, i) => Array.from({ length: i + 1 }, (__, j) => ({ path: `area${i}/${j}.ts`, bytes: 1 }))).flat();
    const clients = clientsOf(files);
    assert.equal(new Set(clients.values()).size, 9);
    assert.deepEqual([clients.get('area19'), clients.get('area0')], ['area19', 'others']);
  });

  it('has as many lines and words as wc and a split say', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'ž', ' ', '\n', '\t', '\r\n')).map((parts) => parts.join('')),
        (text) => {
          const { lines, words } = countText(Buffer.from(text));
          assert.equal(words, text.split(/[\t-\r ]+/).filter((word) => word !== '').length);
          assert.equal(lines, text === '' ? 0 : text.replace(/\n$/, '').split('\n').length);
        },
      ),
    );
  });
});
