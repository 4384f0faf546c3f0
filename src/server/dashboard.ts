// Where the dashboard comes from: the folder that the build left beside the program. In a checkout it is built when it is missing
// or older than what it is made of; an installed package has it and no sources.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { AssetFiles } from '../http/assets.ts';

/** The same from `src/server` and from `dist/server`. */
const ROOT = new URL('../../', import.meta.url);
const BUILT = new URL('dist/dashboard/', ROOT);
/** What a build is made of. */
const SOURCES = ['dashboard', 'src/client', 'src/contract', 'src/domain'] as const;
const VITE = new URL('node_modules/vite/bin/vite.js', ROOT);

export interface DashboardOptions {
  /** Told before a build begins: it takes some seconds. */
  readonly onBuild?: () => void;
  /** False takes what is there, however old. */
  readonly build?: boolean;
}

/** The files to serve at `/`; null where there are none and nothing to build them with. Throws when a build fails. */
export async function openDashboard({ onBuild = () => undefined, build = true }: DashboardOptions = {}): Promise<AssetFiles | null> {
  if (build && isBuildable() && isStale()) {
    onBuild();
    await runBuild();
  }
  return existsSync(new URL('index.html', BUILT)) ? readFiles(BUILT) : null;
}

const isBuildable = (): boolean => existsSync(new URL('dashboard/index.html', ROOT)) && existsSync(VITE);

export function isStale(): boolean {
  const page = new URL('index.html', BUILT);
  if (!existsSync(page)) return true;
  const builtAt = statSync(page).mtimeMs;
  return SOURCES.some((folder) => newestIn(new URL(`${folder}/`, ROOT)) > builtAt);
}

/** Folders too: a file that went away changes its folder. */
function newestIn(folder: URL): number {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const at = entry.isDirectory() ? newestIn(new URL(`${entry.name}/`, folder)) : statSync(new URL(entry.name, folder)).mtimeMs;
    newest = Math.max(newest, at);
  }
  return newest;
}

/** Beside the old one, then in its place: who reads meanwhile reads one or the other, and two who build do not mix. */
async function runBuild(): Promise<void> {
  const parent = fileURLToPath(new URL('dist/', ROOT));
  mkdirSync(parent, { recursive: true });
  const scratch = mkdtempSync(join(parent, '.dashboard-'));
  try {
    await runVite(join(scratch, 'new'));
    const place = fileURLToPath(BUILT);
    if (existsSync(place)) renameSync(place, join(scratch, 'old'));
    renameSync(join(scratch, 'new'), place);
  } catch (error) {
    // Somebody else was as quick.
    if (isStale()) throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runVite(outDir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(VITE), 'build', '--logLevel', 'warn', '--outDir', outDir], {
      cwd: fileURLToPath(new URL('dashboard/', ROOT)),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`the dashboard could not be built: ${said.trim().slice(-2000)}`))));
  });
}

const PACKS = /\.(?:html|js|css|svg|json)$/;

function readFiles(root: URL): AssetFiles {
  const files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; gzip?: Uint8Array<ArrayBuffer> }>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const at = new URL(path, root);
    if (statSync(at).isDirectory()) continue;
    const bytes = new Uint8Array(readFileSync(at));
    files.set(path.replaceAll('\\', '/'), PACKS.test(path) ? { bytes, gzip: new Uint8Array(gzipSync(bytes, { level: 9 })) } : { bytes });
  }
  return files;
}
