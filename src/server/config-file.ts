// A configuration file of whatever form, as plain values by the keys that its reader knows: a name that nobody knows is refused,
// since it would be a setting that does nothing.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { wrongSetting } from './setting.ts';

export interface ConfigFile {
  readonly path: string;
  readonly folder: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const PARSERS: Readonly<Record<string, (text: string) => unknown>> = { '.json': JSON.parse, '.yaml': parseYaml, '.yml': parseYaml, '.toml': parseToml };
const MODULES = ['.ts', '.mts', '.js', '.mjs'];
export const CONFIG_FORMS: readonly string[] = [...MODULES, ...Object.keys(PARSERS)];

/** `lease_ms` is read as `leaseMs`. `example` is shown where there are no settings at all. */
export async function readConfigFile(path: string, known: readonly string[], example: string): Promise<ConfigFile> {
  const values = MODULES.includes(extname(path)) ? await configOfModule(path) : parseConfig(path);
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw wrongSetting('--config', `${path} holds no settings: it is an object like ${example}`);
  return { path, folder: dirname(path), values: knownKeys(path, values, known) };
}

async function configOfModule(path: string): Promise<unknown> {
  const module = await loadModule('--config', path);
  return module['config'] ?? module['default'];
}

/** The exports of a module; what goes wrong in it is told as its own trouble. */
export async function loadModule(field: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(file)) throw wrongSetting(field, `there is no file ${file}`);
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw wrongSetting(field, `${file} can not be loaded: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
  }
}

function parseConfig(path: string): unknown {
  const parser = PARSERS[extname(path)];
  if (parser === undefined) throw wrongSetting('--config', `${path}: the name must end in ${[...Object.keys(PARSERS), ...MODULES].join(', ')}`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw wrongSetting('--config', isMissing ? `there is no file ${path}` : `${path} can not be read: ${(error as Error).message}`);
  }
  try {
    // Plain objects, whatever the parser makes.
    return structuredClone(parser(text));
  } catch (error) {
    throw wrongSetting('--config', `${path} is not well-formed: ${((error as Error).message.split('\n')[0] ?? '').trim()}`);
  }
}

function knownKeys(path: string, values: object, known: readonly string[]): ConfigFile['values'] {
  return Object.fromEntries(
    Object.entries(values).map(([given, value]) => {
      const key = given.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (known.includes(key)) return [key, value as unknown];
      throw wrongSetting('--config', `${path}: ${JSON.stringify(given)} is unknown: there are ${known.join(', ')}`);
    }),
  );
}
