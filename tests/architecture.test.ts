// The shape of the code is kept: layers import inward, published entries need nothing but Node, time and randomness come in as
// arguments, nothing grows too big. The rules are tables in architecture/rules.ts; architecture/selftest.test.ts shows that each fires.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDependencyFree, checkDrawers, checkForbidden, checkHeader, checkLayers, checkSizes, linesOf } from './architecture/checks.ts';
import { functionsOf } from './architecture/functions.ts';
import { cyclesOf, graphOf, readSources } from './architecture/graph.ts';
import { DEPENDENCY_FREE, FOLDERS } from './architecture/rules.ts';
import type { Source } from './architecture/source.ts';

const sources = readSources(new URL('../', import.meta.url), FOLDERS);
const graph = graphOf(sources);
const all = (check: (source: Source) => readonly string[]): string => sources.flatMap(check).join('\n');

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

test('the files of src are found', () => {
  assert.ok(sources.filter(({ path }) => path.startsWith('src/')).length > 10);
});

test('every layer imports only what its row of the table allows', () => {
  assert.equal(all(checkLayers), '');
});

test('the published entries reach nothing but Node and files of ours', () => {
  const wrong = DEPENDENCY_FREE.filter((entry) => graph.has(entry)).flatMap((entry) => checkDependencyFree(graph, entry));
  assert.equal(wrong.join('\n'), '');
});

test('no files import each other in a circle', () => {
  const cycles = cyclesOf(graph).map((trail) => trail.join(' → '));
  assert.equal(cycles.join('\n'), '');
});

test('clock, randomness and environment are read only where the table allows', () => {
  assert.equal(all(checkForbidden), '');
});

test('no file or folder is a drawer for everything', () => {
  assert.equal(all(checkDrawers), '');
});

test('every file of src begins by saying what it is for', () => {
  assert.equal(all(checkHeader), '');
});

test('no file of src is over 300 lines and no function over 50', (t) => {
  const inSrc = sources.filter(({ path }) => path.startsWith('src/'));
  const files = inSrc.map(linesOf);
  const functions = inSrc.flatMap(functionsOf).map(({ lines }) => lines);
  t.diagnostic(`src: ${files.length} files, median ${median(files)} lines, longest ${Math.max(0, ...files)}`);
  t.diagnostic(`src: ${functions.length} functions, median ${median(functions)} lines, longest ${Math.max(0, ...functions)}`);
  assert.equal(all(checkSizes), '');
});
