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

const names = new Map<string, string>();
const remember = (from: string, make: () => string): string => {
  const known = names.get(from);
  if (known !== undefined) return known;
  const made = make();
  // The keys of our own types are few; what comes from outside is checked before it gets here.
  if (names.size < 2000) names.set(from, made);
  return made;
};
export const toSnake = (name: string): string => remember(name, () => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
export const toCamel = (name: string): string => remember(name, () => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));

/** JSON text of an answer. */
export function encode(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const parts: string[] = [];
  for (const [key, member] of Object.entries(value))
    if (member !== undefined) parts.push(`${JSON.stringify(toSnake(key))}:${OPAQUE.has(key) ? opaque(member) : encode(member)}`);
  return `{${parts.join(',')}}`;
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
