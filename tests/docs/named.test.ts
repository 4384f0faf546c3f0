// What the documents name is there: files in backticks, links, and in asvs.tsv the test of each requirement.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENTS = ['SECURITY.md', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })];

/** `tests/…/x.ts`, also with a word behind it; no patterns and nothing that is left out. */
const PATH = /`((?:src|sql|tests|scripts|docs|dashboard|bench|examples)\/[\w./-]+)[`:]/g;
const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g;

const found = (text: string, form: RegExp): string[] => [...text.matchAll(form)].map(([, path]) => path as string);

function missingIn(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8').replaceAll(/^```[^]*?^```/gm, '');
  const paths = found(text, PATH).map((path) => join(ROOT, path));
  const links = found(text, LINK).map((link) => join(ROOT, dirname(document), link));
  return [...paths, ...links].filter((path) => !existsSync(path)).map((path) => `${document} names ${path.slice(ROOT.length)}`);
}

test('every file and link that a document names is there', () => {
  assert.deepEqual(DOCUMENTS.flatMap(missingIn), []);
  const named = DOCUMENTS.flatMap((document) => found(readFileSync(join(ROOT, document), 'utf8'), PATH));
  assert.ok(named.length > 100, `${named.length} are named`);
});

test('each requirement of asvs.tsv has a test that is there and has tests in it', () => {
  const [head, ...rows] = readFileSync(join(ROOT, 'asvs.tsv'), 'utf8').trim().split('\n');
  assert.equal(head, 'requirement\tsubject\tanswer\ttest');
  assert.ok(rows.length > 30);
  for (const row of rows) {
    const cells = row.split('\t');
    assert.equal(cells.length, 4, row);
    const [requirement = '', , , file = ''] = cells;
    assert.match(requirement, /^ASVS 5\.0 V\d+\.\d+\.\d+$/);
    assert.match(readFileSync(join(ROOT, file), 'utf8'), /\b(?:test|it|describe|cube)\(/, row);
  }
  assert.equal(new Set(rows.map((row) => row.split('\t')[0])).size, rows.length, 'each once');
});

test('each row of the threat model names a test, or the report that is made of them', () => {
  const rows = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').match(/^\| (?:Spoofing|Tampering|Repudiation|Information|Denial|Elevation)[^\n]*$/gm) ?? [];
  assert.ok(rows.length > 20);
  for (const row of rows) assert.match(row, /`tests\/[^`]+`|the isolation report/, row);
});
