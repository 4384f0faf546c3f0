// Which files the demo works on, and whose task of which category each becomes.
import { execFile } from 'node:child_process';
import { lstat, readdir } from 'node:fs/promises';
import { extname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';

export const MOST_FILES = 2000;
const MOST_BYTES = 16_000_000;
const MOST_CLIENTS = 8;
const MANY_PATHS = 64 * 1024 * 1024;

export interface FoundFile {
  /** Below the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

/** Files of a git checkout that git does not ignore, else of the folder without node_modules and dot folders; in order of path. */
export async function findFiles(folder: string, except: string): Promise<readonly FoundFile[]> {
  const listed = await listByGit(folder);
  const paths = listed.length > 0 ? listed : await walk(folder);
  const found: FoundFile[] = [];
  for (const path of spread(paths.toSorted())) {
    if (found.length >= MOST_FILES) break;
    const full = resolve(folder, path);
    if (full.startsWith(except)) continue;
    const stats = await lstat(full).catch(() => null);
    if (stats?.isFile() === true && stats.size <= MOST_BYTES) found.push({ path, bytes: stats.size });
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Of more than can be taken, every so-manieth, so that each part of the folder is seen. */
function spread(paths: readonly string[]): readonly string[] {
  const step = Math.ceil(paths.length / MOST_FILES);
  return step <= 1 ? paths : paths.toSorted((a, b) => a.length - b.length).filter((_, i) => i % step === 0);
}

async function listByGit(folder: string): Promise<readonly string[]> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, 'ls-files', '-coz', '--exclude-standard', '--deduplicate'], { maxBuffer: MANY_PATHS });
    return stdout.split('\0').filter((path) => path !== '');
  } catch {
    return [];
  }
}

async function walk(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  const folders = [folder];
  for (let next = folders.shift(); next !== undefined && paths.length < MOST_FILES * 5; next = folders.shift()) {
    const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const full = join(next, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) folders.push(full);
      else if (entry.isFile()) paths.push(relative(folder, full).split(sep).join('/'));
    }
  }
  return paths;
}

/** The top-level area of a file as the id of a client. */
export function areaOf(path: string): string {
  const slash = path.indexOf('/');
  if (slash < 0) return 'root';
  const id = path
    .slice(0, slash)
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return id === '' ? 'other' : id;
}

/** Client of each area: the largest have their own, the rest share one. */
export function clientsOf(files: readonly FoundFile[]): ReadonlyMap<string, string> {
  const sizes = new Map<string, number>();
  for (const { path } of files) sizes.set(areaOf(path), (sizes.get(areaOf(path)) ?? 0) + 1);
  const largest = [...sizes].toSorted((a, b) => b[1] - a[1]).map(([area]) => area);
  return new Map(largest.map((area, i) => [area, i < MOST_CLIENTS ? area : 'others']));
}

const LANGUAGES: Readonly<Record<string, string>> = {
  ts: 'TypeScript',
  mts: 'TypeScript',
  cts: 'TypeScript',
  tsx: 'TypeScript',
  js: 'JavaScript',
  mjs: 'JavaScript',
  cjs: 'JavaScript',
  jsx: 'JavaScript',
  md: 'Markdown',
  json: 'Json',
  jsonl: 'Json',
  sql: 'Sql',
  py: 'Python',
  rs: 'Rust',
  go: 'Go',
  java: 'Java',
  c: 'C',
  h: 'C',
  cpp: 'Cpp',
  hpp: 'Cpp',
  rb: 'Ruby',
  sh: 'Shell',
  yml: 'Yaml',
  yaml: 'Yaml',
  toml: 'Toml',
  html: 'Html',
  css: 'Css',
  txt: 'Text',
  png: 'Image',
  jpg: 'Image',
  jpeg: 'Image',
  gif: 'Image',
  svg: 'Image',
  webp: 'Image',
};

/** `src/index.ts` → `Demo.Files.TypeScript`. */
export function categoryOf(path: string): string {
  const extension = extname(path).slice(1).toLowerCase();
  const known = Object.hasOwn(LANGUAGES, extension) ? LANGUAGES[extension] : undefined;
  if (known !== undefined) return `Demo.Files.${known}`;
  if (/^[a-z][a-z0-9_]{0,15}$/.test(extension)) return `Demo.Files.${extension.charAt(0).toUpperCase()}${extension.slice(1)}`;
  return 'Demo.Files.Other';
}
