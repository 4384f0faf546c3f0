// One function a rule, from sources to the sentences that say what is wrong and where.
import { functionsOf } from './functions.ts';
import type { Graph } from './graph.ts';
import { importsOf } from './imports.ts';
import { OPTIONAL, DRAWERS, FORBIDDEN, type Forbidden, LAYERS, type Layer, LIMITS } from './rules.ts';
import { lineAt, type Source } from './source.ts';

/** Whether a path is named by one of the entries of a rule. */
function isIn(target: string, entries: readonly string[]): boolean {
  return entries.some((entry) => {
    if (entry === '*') return !target.startsWith('node:') && !target.endsWith('.ts');
    if (entry === 'node:*') return target.startsWith('node:');
    return entry.endsWith('/') ? target.startsWith(entry) : target === entry;
  });
}

export function checkLayers(source: Source): readonly string[] {
  if (!source.path.startsWith('src/')) return [];
  const layer: Layer | undefined = LAYERS.find(({ at }) => isIn(source.path, at));
  if (layer === undefined) return [`${source.path} belongs to no layer: move it, or give tests/architecture/rules.ts a row`];
  return importsOf(source)
    .filter(({ target, kind }) => isIn(target, layer.never) || !isIn(target, kind === 'type' ? [...layer.may, ...(layer.types ?? [])] : layer.may))
    .map(({ specifier, line }) => `${source.path}:${line} imports ${specifier}, which ${layer.name} may not: ${layer.because}`);
}

export function checkForbidden(source: Source): readonly string[] {
  const rules: readonly Forbidden[] = FORBIDDEN;
  return rules
    .filter(({ at, except }) => isIn(source.path, at) && !isIn(source.path, except))
    .flatMap(({ name, pattern, instead }) =>
      [...source.code.matchAll(pattern)].map((match) => `${source.path}:${lineAt(source, match.index)} has ${name}: ${instead}`),
    );
}

export function checkDrawers(source: Source): readonly string[] {
  const names = source.path.split('/').map((part) => part.replace(/\..*$/, ''));
  const drawer = names.find((name) => (DRAWERS as readonly string[]).includes(name));
  return drawer === undefined ? [] : [`${source.path}: "${drawer}" says nothing about what is in it: name it after what it does`];
}

export function checkHeader(source: Source): readonly string[] {
  if (!source.path.startsWith('src/') || /^(?:#!.*\n)?\/\/ /.test(source.text)) return [];
  return [`${source.path} does not begin with a comment that says what it is for`];
}

export function checkSizes(source: Source): readonly string[] {
  if (!source.path.startsWith('src/')) return [];
  const lines = linesOf(source);
  const long = lines > LIMITS.file ? [`${source.path} has ${lines} lines, over ${LIMITS.file}: split it`] : [];
  const functions = functionsOf(source).filter((span) => span.lines > LIMITS.function);
  return [...long, ...functions.map((span) => `${source.path}:${span.line} ${span.name} has ${span.lines} lines, over ${LIMITS.function}: split it`)];
}

export const linesOf = (source: Source): number => source.text.replace(/\n$/, '').split('\n').length;

/** Everything that `entry` reaches by imports that exist at run time, or by name only, must be Node or a file of ours. */
export function checkDependencyFree(graph: Graph, entry: string): readonly string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { target, line } of graph.get(path) ?? []) {
      if (target.startsWith('node:')) continue;
      if (target.startsWith('src/')) walk(target, [...trail, target]);
      else if (target !== OPTIONAL.package || path !== OPTIONAL.at)
        wrong.push(`${path}:${line} imports ${target}, and ${entry} has to run on Node alone (${trail.join(' → ')})`);
    }
  };
  walk(entry, [entry]);
  return wrong;
}
