// Attributes: the flat `name → value` that tasks ask for, workers declare and grants bound. Their form, and their canonical text.
import type { FieldError } from './fields.ts';
import { isPlainObject, shown } from './fields.ts';

export type Scalar = string | number | boolean;
export type Attribute = Scalar | readonly Scalar[];

const KEY = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const MAX_TEXT = 256;
const MAX_VALUES = 64;

export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** The values of an attribute; none when it is absent. */
export const listOf = (attribute: Attribute | undefined): readonly Scalar[] =>
  attribute === undefined ? [] : isList(attribute) ? (attribute as readonly Scalar[]) : [attribute as Scalar];

/** A member of the record itself, never of its prototype. */
export const own = <T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Each value once, in an order of their own. */
export function distinct(values: readonly Scalar[]): Scalar[] {
  const byForm = new Map(values.map((value) => [JSON.stringify(value), value]));
  return [...byForm.keys()].sort(byText).map((form) => byForm.get(form) as Scalar);
}

/** A copy with the keys in order and each value mapped. */
export function sortedBy<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  const copy: Record<string, U> = {};
  for (const key of Object.keys(record).sort(byText)) copy[key] = map(record[key] as T);
  return copy;
}

function scalarTrouble(value: unknown): string | null {
  if (typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${value} is no finite number`;
  if (typeof value !== 'string') return `${shown(value)} is no string, number or boolean`;
  if (value.length > MAX_TEXT) return `a string has ${value.length} characters, at most ${MAX_TEXT} are allowed`;
  return value.isWellFormed() && !value.includes('\0') ? null : 'a string has NUL or half of a surrogate pair';
}

/** What is wrong with one value or a list of them, or null. */
export function attributeTrouble(value: unknown): string | null {
  if (!isList(value)) return scalarTrouble(value);
  if (value.length === 0) return 'the list is empty: name at least one value';
  if (value.length > MAX_VALUES) return `the list has ${value.length} values, at most ${MAX_VALUES} are allowed`;
  for (const item of value) {
    const trouble = scalarTrouble(item);
    if (trouble !== null) return trouble;
  }
  return null;
}

/** What is wrong with what a task asks of one attribute, or null. */
export function requirementTrouble(value: unknown): string | null {
  if (!isPlainObject(value)) return attributeTrouble(value);
  const form = 'a range is { min, max } or one of the two';
  const keys = Object.keys(value);
  if (keys.length === 0 || keys.some((key) => key !== 'min' && key !== 'max')) return form;
  const { min, max } = value;
  for (const bound of [min, max]) if (bound !== undefined && !Number.isFinite(bound)) return `${form}, finite numbers`;
  if (min === undefined && max === undefined) return form;
  return min !== undefined && max !== undefined && (min as number) > (max as number) ? 'min is above max: no worker can answer it' : null;
}

/** The wrong fields of a record of attributes. */
export function recordTrouble(value: unknown, field: string, maxKeys: number, trouble: (item: unknown) => string | null): FieldError[] {
  if (!isPlainObject(value)) return [{ field, message: 'give an object of names and values' }];
  const keys = Object.keys(value);
  if (keys.length > maxKeys) return [{ field, message: `has ${keys.length} keys, at most ${maxKeys} are allowed` }];
  const wrong: FieldError[] = [];
  for (const key of keys) {
    const message = KEY.test(key) ? trouble(value[key]) : 'the name is 1–64 letters, digits, _ or -, the first a letter';
    if (message !== null) wrong.push({ field: `${field}.${key.slice(0, 64)}`, message });
  }
  return wrong;
}
