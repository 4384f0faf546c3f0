// The files of the checkout and the imports between them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Import, importsOf } from './imports.ts';
import { type Source, sourceOf } from './source.ts';

export type Graph = ReadonlyMap<string, readonly Import[]>;

/** Every TypeScript file of these folders under `root`. */
export function readSources(root: URL, folders: readonly string[]): readonly Source[] {
  const paths = folders.filter((folder) => existsSync(new URL(folder, root))).flatMap((folder) => listFiles(root, folder));
  return paths.sort().map((path) => sourceOf(path, readFileSync(new URL(path, root), 'utf8')));
}

function listFiles(root: URL, folder: string): readonly string[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return listFiles(root, path);
    return /\.[cm]?ts$/.test(entry.name) ? [path] : [];
  });
}

export const graphOf = (sources: readonly Source[]): Graph => new Map(sources.map((source) => [source.path, importsOf(source)]));

/** Each cycle of imports that exist at run time, as the trail that closes it. */
export function cyclesOf(graph: Graph): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const open = trail.indexOf(path);
    if (open !== -1) cycles.push([...trail.slice(open), path]);
    if (open !== -1 || done.has(path)) return;
    trail.push(path);
    for (const { target, kind } of graph.get(path) ?? []) if (kind === 'value' && graph.has(target)) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return cycles;
}
