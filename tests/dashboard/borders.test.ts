// What the dashboard may reach of the rest: the pure rules, the table of operations and the client. It runs in a browser, so a
// file of a server that slipped in would be found here and not by a user.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { it } from 'node:test';
import { importsOf } from '../architecture/imports.ts';
import { sourceOf } from '../architecture/source.ts';

const ROOT = new URL('../../', import.meta.url);
const MAY = ['dashboard/src/', 'src/domain/', 'src/contract/', 'src/client/'] as const;
/** Only by `import type`. */
const TYPES = ['src/service/handles.ts'] as const;
const PACKAGES = [
  'react',
  'react-dom/client',
  '@tanstack/react-query',
  '@tanstack/react-router',
  '@tanstack/react-virtual',
  '@base-ui/react/dialog',
  'uplot',
] as const;

const files = readdirSync(new URL('dashboard/src/', ROOT), { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => `dashboard/src/${path}`);
const sources = files.map((path) => sourceOf(path, readFileSync(new URL(path, ROOT), 'utf8')));

it('the files of the dashboard are found', () => assert.ok(files.length > 30));

it('the dashboard imports the rules, the client and its packages, and nothing of a server', () => {
  const wrong = sources.flatMap((source) =>
    importsOf(source).flatMap(({ specifier, kind, line }) => {
      const path = specifier.startsWith('.') ? posix.join(posix.dirname(source.path), specifier) : null;
      const fine =
        path === null
          ? (PACKAGES as readonly string[]).includes(specifier)
          : MAY.some((folder) => path.startsWith(folder)) || (kind === 'type' && (TYPES as readonly string[]).includes(path));
      return fine ? [] : [`${source.path}:${line} imports ${specifier}`];
    }),
  );
  assert.deepEqual(wrong, []);
});

it('nothing in it makes markup or code of text', () => {
  const wrong = sources.filter(({ code }) =>
    /dangerouslySetInnerHTML|\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|\beval\b|new\s+Function|document\.write/.test(code),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

it('every file begins by saying what it is for', () => {
  assert.deepEqual(
    sources.filter(({ text }) => !text.startsWith('// ')).map(({ path }) => path),
    [],
  );
});
