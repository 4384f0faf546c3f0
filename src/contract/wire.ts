// The form of the wire: snake_case JSON outside, camelCase data inside. What users put in (payload, result, metadata …) is
// never looked into: its keys are theirs, and JSON that is known as text stays text.
import { JsonText } from '../domain/json-text.ts';

/** Under these keys nothing is renamed. */
const OPAQUE: ReadonlySet<string> = new Set([
  'payload',
  'result',
  'metadata',
  'compatibility',
  'attributes',
  'details',
  'progress',
  'versions',
  'schema',
  'rule',
  'byStatus',
  'by_status',
]);

const MOST_NAMES = 2000;
const names = new Map<string, string>();
const remember = (from: string, make: () => string): string => {
  const known = names.get(from);
  if (known !== undefined) return known;
  const made = make();
  // The keys of our own types are few; what comes from outside is checked before it gets here.
  if (names.size < MOST_NAMES) names.set(from, made);
  return made;
};
export const toSnake = (name: string): string => remember(name, () => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
export const toCamel = (name: string): string => remember(name, () => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));

/** JSON text of an answer. */
export function encode(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (value === null || value === undefined) return 'null';
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  let text = '';
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    const { label, isOpaque } = labelOf(key);
    text += `${text === '' ? '' : ','}${label}${isOpaque ? opaque(member) : encode(member)}`;
  }
  return `{${text}}`;
}

interface Label {
  /** `"name":` as it goes on the wire. */
  readonly label: string;
  readonly isOpaque: boolean;
}
const labels = new Map<string, Label>();

function labelOf(key: string): Label {
  const known = labels.get(key);
  if (known !== undefined) return known;
  const made = { label: `${JSON.stringify(toSnake(key))}:`, isOpaque: OPAQUE.has(key) };
  if (labels.size < MOST_NAMES) labels.set(key, made);
  return made;
}

const opaque = (value: unknown): string => (value instanceof JsonText ? value.text : (JSON.stringify(value) ?? 'null'));

/** A request, or an answer that a client got, as data. */
export function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== 'object' || value instanceof JsonText) return value;
  const made: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) made[toCamel(key)] = OPAQUE.has(key) ? member : decode(member);
  return made;
}

/** A pair of metadata in a query string: `key:value`. A colon in the key is `%3A`, a percent sign `%25`. */
export const pairText = (key: string, value: string): string => `${key.replaceAll('%', '%25').replaceAll(':', '%3A')}:${value}`;

export function pairOf(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at).replaceAll(/%3A/gi, ':').replaceAll('%25', '%'), text.slice(at + 1)];
}
