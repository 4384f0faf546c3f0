// The flags of a server, from the table of settings, and the settings that come of them.
import type { Command } from 'commander';
import { CONFIG } from '../../server/config.ts';
import type { SettingName } from '../../server/config.ts';
import type { Setting } from '../../server/setting.ts';
import { SERVER_SETTINGS, findSettings } from '../../server/settings.ts';
import type { FoundSettings } from '../../server/settings.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';

const rowOf = (name: SettingName): Setting => CONFIG[name];
/** `--tls-cert` as commander keeps it. */
const keyOf = (flag: string): string => flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
/** `--db` is of every command. */
const OWN = SERVER_SETTINGS.filter((name) => name !== 'db' && rowOf(name).flag !== '');

const WORDS: Readonly<Partial<Record<Setting['type'], string>>> = { integer: 'n', path: 'file' };

export function serverOptions(command: Command): Command {
  for (const name of OWN) {
    const { flag, type, meaning, default: standard } = rowOf(name);
    command.option(`${flag} <${WORDS[type] ?? 'text'}>`, standard === '' ? meaning : `${meaning} (default ${standard})`);
  }
  return command.option(
    '--config <file>',
    'settings in ts, js, json, yaml or toml (default prismq.config.ts, where there is one); PRISMQ_* and flags go over them',
  );
}

export type ServerFlags = Readonly<Record<string, string | undefined>>;

export function settingsFor({ io, flags: { db, url, keyFile } }: Context, given: ServerFlags): Promise<FoundSettings> {
  if (keyFile !== undefined) throw wrongInput('--key-file', 'a server has no key of its own: it is for commands that work at one');
  if (db !== undefined && url !== undefined) throw wrongInput('--url', 'give --db or --url, not both');
  const flags = Object.fromEntries(OWN.map((name) => [name, given[keyOf(rowOf(name).flag)]]));
  return findSettings({ flags: { ...flags, db: db ?? url }, env: io.env, base: io.base, configFile: given['config'] });
}
