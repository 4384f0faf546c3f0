// The settings of a server, each with where it comes from: flags over PRISMQ_* over the configuration file over the defaults.
// Whatever is wrong with one is `config_refused`, with its name and what to do.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { QueueError } from '../domain/errors.ts';
import { CONFIG } from './config.ts';
import type { Environment, SettingName } from './config.ts';
import { CONFIG_FORMS, readConfigFile } from './config-file.ts';
import type { ConfigFile } from './config-file.ts';
import { parseSetting, settingOf } from './setting.ts';
import type { RateSetting, Setting, SettingValue } from './setting.ts';
import type { IssuerSettings } from './jwt.ts';

export const SERVER_SETTINGS = ['db', ...(Object.keys(CONFIG) as SettingName[]).filter((name) => CONFIG[name].of === 'serve')] as const;
const rowOf = (name: SettingName): Setting => CONFIG[name];

export interface ServerSettings {
  readonly db: string;
  readonly host: string;
  readonly port: number;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsPassphrase: string | undefined;
  readonly proxies: number;
  readonly issuers: readonly IssuerSettings[];
  readonly metrics: 'loopback' | 'key' | 'off';
  readonly dashboard: 'on' | 'off';
  readonly rateKey: RateSetting | null;
  readonly rateClient: RateSetting | null;
  readonly rateAddress: RateSetting | null;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly graceMs: number;
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly retentionMs: number;
  readonly auditKey: string | undefined;
  readonly auditAnchors: string | undefined;
  readonly auditAnchorMs: number;
  readonly auditRetentionMs: number | undefined;
  readonly payloadBytes: number;
  readonly masterKey: string | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly logFormat: 'auto' | 'json' | 'pretty';
}

export interface FoundSetting {
  readonly value: SettingValue | undefined;
  /** `default`, or what gave it: the flag, the variable, the file. */
  readonly from: string;
}
export type FoundSettings = Readonly<Record<SettingName, FoundSetting>>;

export interface SettingSources {
  /** By the name of the setting. */
  readonly flags: Readonly<Partial<Record<SettingName, string | undefined>>>;
  readonly env: Environment;
  /** Where relative paths start, and where `prismq.config.ts` is looked for. */
  readonly base: string;
  /** Instead of the one that is found there; null: none. */
  readonly configFile?: string | null | undefined;
}

export const configRefused = (field: string, message: string): QueueError =>
  new QueueError('config_refused', `${field}: ${message}`, { fields: [{ field, message }] });

/** Finds every setting of a server. Throws `config_refused`. */
export async function findSettings(sources: SettingSources): Promise<FoundSettings> {
  return refusing(async () => {
    refuseUnknown(sources.env);
    const file = await fileOf(sources);
    return Object.fromEntries(SERVER_SETTINGS.map((name) => [name, find(name, sources, file)])) as FoundSettings;
  });
}

/** The settings as the server takes them, before anything is opened. */
export function serverSettings(found: FoundSettings): ServerSettings {
  const values = Object.fromEntries(SERVER_SETTINGS.map((name) => [name, found[name].value]));
  const rate = (name: 'rateKey' | 'rateClient' | 'rateAddress'): RateSetting | null => (values[name] === 'none' ? null : (values[name] as RateSetting));
  return {
    ...(values as unknown as ServerSettings),
    issuers: (values['issuers'] ?? []) as readonly IssuerSettings[],
    rateKey: rate('rateKey'),
    rateClient: rate('rateClient'),
    rateAddress: rate('rateAddress'),
  };
}

/** A setting that is wrong in any way is one that the server refuses. */
export async function refusing<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof QueueError && error.code === 'invalid_input') throw new QueueError('config_refused', error.message, error.details);
    throw error;
  }
}

function find(name: SettingName, { flags, env, base }: SettingSources, file: ConfigFile | undefined): FoundSetting {
  const row = rowOf(name);
  const flag = flags[name];
  if (flag !== undefined) return { value: checked(row, row.flag, parseSetting(row.flag, row.type, flag), base), from: row.flag };
  const variable = textOf(row, env, base);
  if (variable !== undefined) {
    const { text, from } = variable;
    return { value: checked(row, row.env, parseSetting(row.env, row.type, text), base), from };
  }
  const given = row.file === '' ? undefined : file?.values[row.file];
  if (file !== undefined && given !== undefined && given !== null)
    return { value: checked(row, row.file, settingOf(row.file, row.type, given), file.folder), from: file.path };
  if (row.default === '') return { value: undefined, from: 'default' };
  return { value: checked(row, row.env, typeof row.default === 'string' ? parseSetting(row.env, row.type, row.default) : row.default, base), from: 'default' };
}

/** A secret that commands want which open the queue themselves. */
export const secretFrom = (name: SettingName, env: Environment, base: string): string | undefined => textOf(rowOf(name), env, base)?.text;

/** What the variable says; of a secret, also what the file says that `<variable>_FILE` names. */
function textOf({ env: variable, secret }: Setting, env: Environment, base: string): { readonly text: string; readonly from: string } | undefined {
  const text = env[variable];
  const isThere = text !== undefined && text.trim() !== '';
  const named = secret === true ? env[`${variable}_FILE`] : undefined;
  if (named === undefined || named === '') return isThere ? { text, from: variable } : undefined;
  if (isThere) throw configRefused(variable, `${variable}_FILE is set too: unset one of the two`);
  return { text: secretIn(`${variable}_FILE`, resolve(base, named)), from: `${variable}_FILE` };
}

function secretIn(variable: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw configRefused(variable, isMissing ? `there is no file ${path}` : `${path} can not be read: ${(error as Error).message}`);
  }
  if (text === '') throw configRefused(variable, `${path} is empty`);
  return text;
}

/** The value within its bounds; a path from where it was written. */
function checked({ type, range, choices }: Setting, where: string, value: SettingValue, folder: string): SettingValue {
  if (range !== undefined && typeof value === 'number' && (value < range[0] || value > range[1]))
    throw configRefused(where, `${value} is not from ${range[0]} to ${range[1]}`);
  if (choices !== undefined && !choices.includes(value as string))
    throw configRefused(where, `${JSON.stringify(value)} is not known: there are ${choices.join(', ')}`);
  if (type === 'objects') return (value as readonly object[]).map((one) => withPath(one, folder));
  return type === 'path' ? pathOf(value as string, folder) : value;
}

/** The key set of an issuer may be a file, too. */
function withPath(issuer: object, folder: string): object {
  const { keys } = issuer as { readonly keys?: { readonly file?: unknown } | null };
  return typeof keys?.file === 'string' ? { ...issuer, keys: { ...keys, file: resolve(folder, keys.file) } } : issuer;
}

/** What names a store otherwise than by a path stays. */
function pathOf(text: string, folder: string): string {
  const path = text.replace(/^sqlite:/, '');
  return path === ':memory:' || /^[a-z]{2,}:/i.test(path) ? path : resolve(folder, path);
}

async function fileOf({ base, configFile }: SettingSources): Promise<ConfigFile | undefined> {
  if (configFile === null) return undefined;
  const path = configFile === undefined ? foundIn(base) : resolve(base, configFile);
  if (path === undefined) return undefined;
  const keys = SERVER_SETTINGS.map((name) => CONFIG[name].file).filter((key) => key !== '');
  return readConfigFile(path, keys, '{ "port": 7800, "tlsCert": "./cert.pem", "tlsKey": "./key.pem" }');
}

function foundIn(base: string): string | undefined {
  const found = CONFIG_FORMS.map((form) => join(base, `prismq.config${form}`)).filter((path) => existsSync(path));
  if (found.length > 1) throw configRefused('--config', `there are ${found.join(' and ')}: name one, or keep one`);
  return found[0];
}

/** A variable that nobody reads is one that was mistyped. */
function refuseUnknown(env: Environment): void {
  const known = new Set<string>(
    Object.values(CONFIG as Readonly<Record<string, Setting>>).flatMap(({ env: name, secret }) => (secret === true ? [name, `${name}_FILE`] : [name])),
  );
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('PRISMQ_')) continue;
    if (/^(tcp|udp):\/\//.test(value ?? '') || /^PRISMQ_(SERVICE_(HOST|PORT)|PORT_\d+_)/.test(name))
      throw configRefused(name, 'Kubernetes sets it for a Service called prismq: give the pod `enableServiceLinks: false`, or the Service another name');
    if (!known.has(name)) throw configRefused(name, `is no setting${nearest(name, [...known])}`);
  }
}

function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((one) => [distance(name, one), one] as const).toSorted((a, b) => a[0] - b[0]);
  const [least, one] = distances[0] ?? [Number.POSITIVE_INFINITY, ''];
  return least <= 2 ? `: did you mean ${one}?` : ': docs/generated/config.md lists those there are';
}

/** Letters to change, add or drop between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] as number;
}
