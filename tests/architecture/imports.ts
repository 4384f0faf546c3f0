// What a file imports: static, re-exported, dynamic, and modules that it loads by URL (threads).
import { posix } from 'node:path';
import { lineAt, type Source } from './source.ts';

export interface Import {
  readonly specifier: string;
  /** A path of the checkout for a relative specifier, `node:…`, or the name of a package. */
  readonly target: string;
  /** `type` leaves no trace at run time; `load` runs in a thread of its own. */
  readonly kind: 'value' | 'type' | 'load';
  readonly line: number;
}

const STATIC = /\bimport\s+(type\s+)?[\w$*{},\s]+?\s*\bfrom\s*(?=['"])/g;
const REEXPORT = /\bexport\s+(type\s+)?(?:\*(?:\s+as\s+[\w$]+)?|\{[\w$,\s]*\})\s*from\s*(?=['"])/g;
const BARE = /\bimport\s*(?=['"])/g;
const DYNAMIC = /\bimport\s*\(\s*(?=['"`])/g;
const LOADED = /^\.{1,2}\/.*\.ts$/;

export function importsOf(source: Source): readonly Import[] {
  const found = new Map<number, Import['kind']>();
  for (const pattern of [STATIC, REEXPORT, BARE, DYNAMIC]) {
    // An import whose names are all `type` still loads the file under verbatimModuleSyntax: only `import type` is a type.
    for (const match of source.code.matchAll(pattern)) found.set(match.index + match[0].length, match[1] === undefined ? 'value' : 'type');
  }
  for (const literal of source.literals)
    if (!found.has(literal.start) && LOADED.test(literal.value) && source.path.startsWith('src/')) found.set(literal.start, 'load');
  const imports: Import[] = [];
  for (const { start, value } of source.literals) {
    const kind = found.get(start);
    if (kind !== undefined) imports.push({ specifier: value, target: targetOf(source.path, value), kind, line: lineAt(source, start) });
  }
  return imports;
}

function targetOf(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier));
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
