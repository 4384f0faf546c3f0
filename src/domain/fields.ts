// How the domain says that a field is wrong, and the forms of text and object that many fields share.
import type { Refusal } from './errors.ts';
import { refuse } from './errors.ts';

export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** `invalid_input` with every wrong field in `details.fields` and in the sentence. */
export const wrongFields = (fields: readonly FieldError[]): { readonly ok: false; readonly refusal: Refusal } =>
  refuse('invalid_input', fields.map(({ field, message }) => `${field}: ${message}`).join('; '), { fields });

export const wrongField = (field: string, message: string): { readonly ok: false; readonly refusal: Refusal } => wrongFields([{ field, message }]);

/** An object literal or what JSON.parse makes; no class instance, no array, and no literal that sets a prototype. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === null ||
    prototype === Object.prototype ||
    (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'))
  );
}

const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** No control characters and no lone surrogates. */
export const isPrintable = (text: string): boolean => !UNPRINTABLE.test(text);

/** What is wrong with a short printable text, or null. */
export function textTrouble(value: unknown, max: number): string | null {
  if (typeof value !== 'string') return 'give a string';
  if (value === '') return 'must not be empty';
  if (value.length > max) return `has ${value.length} characters, at most ${max} are allowed`;
  return isPrintable(value) ? null : 'must not have control characters or lone surrogates';
}

/** The wrong fields that come from keys nobody knows, named with the known ones. */
export function unknownKeys(value: Readonly<Record<string, unknown>>, known: readonly string[], prefix = ''): FieldError[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ field: `${prefix}${key.slice(0, 64)}`, message: `unknown; known are ${known.join(', ')}` }));
}

/** A value as it is shown in a sentence: short, and safe for what has no JSON text. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
