// What a setting is, and how the text of a flag or a variable becomes its value.
import { QueueError } from '../domain/errors.ts';

export type SettingType = 'path' | 'text' | 'integer' | 'list' | 'json' | 'objects' | 'rate';
export type SettingValue = string | number | readonly unknown[] | object;

/** So many a second, and so many at once; null is without bound. */
export interface RateSetting {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Setting {
  /** Whose it is: of everybody, of what works at a server, of a worker, of a server, of the tests. */
  readonly of: 'all' | 'caller' | 'worker' | 'serve' | 'tests';
  readonly env: string;
  /** Of the command line; '' where there is none. */
  readonly flag: string;
  /** Key in the configuration file; '' where there is none. */
  readonly file: string;
  readonly type: SettingType;
  /** '' where nothing is assumed. */
  readonly default: string | number;
  readonly meaning: string;
  /** Of an integer. */
  readonly range?: readonly [least: number, most: number];
  /** Of a text. */
  readonly choices?: readonly string[];
  /** Never shown; `<env>_FILE` names a file that holds it. */
  readonly secret?: true;
}

export const wrongSetting = (field: string, message: string): QueueError =>
  new QueueError('invalid_input', `${field}: ${message}`, { fields: [{ field, message }] });

export function parseSetting(where: string, type: SettingType, text: string): SettingValue {
  switch (type) {
    case 'integer':
      if (/^-?\d{1,15}$/.test(text.trim())) return Number(text);
      throw wrongSetting(where, `${JSON.stringify(text)} is no whole number`);
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    case 'json':
      return parseJson(where, text, 'object');
    case 'objects':
      return parseJson(where, text, 'list');
    case 'rate':
      return parseRate(where, text.trim());
    default:
      return text;
  }
}

function parseJson(where: string, text: string, form: 'object' | 'list'): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongSetting(where, `is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && Array.isArray(value) === (form === 'list')) return value;
  throw wrongSetting(where, form === 'list' ? 'give a JSON list of objects' : 'give a JSON object');
}

/** `50` is 50 a second and 100 at once; `50/400` says both; `none` is without bound. */
export function parseRate(where: string, text: string): RateSetting | 'none' {
  if (text === 'none') return text;
  const [, perSecond, burst] = /^(\d{1,6})(?:\/(\d{1,7}))?$/.exec(text) ?? [];
  const rate = { perSecond: Number(perSecond), burst: burst === undefined ? Number(perSecond) * 2 : Number(burst) };
  if (perSecond === undefined || rate.perSecond < 1 || rate.burst < 1)
    throw wrongSetting(where, `${JSON.stringify(text)} is no rate: give so many a second like 50, that and a burst like 50/400, or none`);
  return rate;
}

const EXPECTED = {
  integer: 'a whole number',
  text: 'a text',
  path: 'a path',
  list: 'a list of texts',
  json: 'an object',
  objects: 'a list of objects',
  rate: 'a rate like "50/400", or "none"',
} as const satisfies Record<SettingType, string>;

/** A value of a configuration file, which has types of its own. */
export function settingOf(where: string, type: SettingType, value: unknown): SettingValue {
  if (type === 'rate' && (typeof value === 'string' || typeof value === 'number')) return parseRate(where, String(value));
  if (isOfType(type, value)) return value as SettingValue;
  throw wrongSetting(where, `${JSON.stringify(value) ?? typeof value} is not ${EXPECTED[type]}`);
}

function isOfType(type: SettingType, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'list') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (type === 'objects') return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
  return type === 'json' ? typeof value === 'object' && !Array.isArray(value) : typeof value === 'string' && value !== '';
}
