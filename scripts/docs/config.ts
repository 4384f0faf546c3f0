// Every setting, from the configuration table; no page as long as there is no such table.
import { existsSync } from 'node:fs';
import { type Cell, code, table } from './markdown.ts';
import type { Page } from './page.ts';

const SOURCE = 'src/server/config.ts';

type Setting = Readonly<Record<string, unknown>>;
/** A record from name to setting, or a list of settings that carry their name. */
export type Settings = Readonly<Record<string, Setting>> | readonly Setting[];

export async function configPage(root: URL): Promise<Page | undefined> {
  const file = new URL(SOURCE, root);
  if (!existsSync(file)) return undefined;
  const loaded = (await import(file.href)) as { readonly CONFIG?: Settings };
  if (loaded.CONFIG === undefined) throw new Error(`${SOURCE} exports no CONFIG: it is what the page of settings is made from`);
  const intro = 'A flag wins over the environment, the environment over a configuration file, and that over the default.';
  return { file: 'config.md', title: 'Settings', source: SOURCE, body: `${intro}\n\n${settingsTable(loaded.CONFIG)}` };
}

/** One row a setting, one column a plain field that any of them has, in the order of first sight. Functions are not shown. */
export function settingsTable(config: Settings): string {
  const settings = Object.entries(config).map(([key, setting]) => ({ name: Array.isArray(config) ? String(setting['name']) : key, setting }));
  const isShown = (key: string, value: unknown): boolean => key !== 'name' && typeof value !== 'function';
  const columns = [...new Set(settings.flatMap(({ setting }) => Object.keys(setting).filter((key) => isShown(key, setting[key]))))];
  return table(
    ['setting', ...columns],
    settings.map(({ name, setting }) => [code(name), ...columns.map((column) => shown(column, setting[column]))]),
  );
}

/** Prose as prose, everything else as it is typed: `30000`, not 30,000. */
function shown(column: string, value: unknown): Cell {
  if (value === undefined || value === null || value === '' || typeof value === 'function') return '–';
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return column === 'meaning' ? value : code(value);
  return code(JSON.stringify(value));
}
