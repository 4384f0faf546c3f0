// The domain names fields as its types do (`maxAttempts`); who sent them over the wire calls them otherwise (`max_attempts`).
import { REQUESTS } from '../contract/schemas.ts';
import { toCamel, toSnake } from '../contract/wire.ts';
import { QueueError } from '../domain/errors.ts';
import type { FieldError } from '../domain/fields.ts';

const NAMES: ReadonlySet<string> = new Set(
  Object.values(REQUESTS)
    .flatMap((schema) => Object.keys(schema.shape))
    .filter((name) => name.includes('_'))
    .map(toCamel),
);
/** A word that neither is in quotes nor belongs to a name of the user's. */
const WORD = /(?<![."'`\w])[a-z]+(?:[A-Z][a-z]*)+(?!\w)/g;

export const inWireWords = (text: string): string => text.replace(WORD, (word) => (NAMES.has(word) ? toSnake(word) : word));

/** What the domain refused, as who asked reads it. */
export function refusalInWireWords(error: unknown): unknown {
  if (!(error instanceof QueueError) || !Array.isArray(error.details['fields'])) return error;
  const fields = (error.details['fields'] as readonly FieldError[]).map(({ field, message }) => ({ field: inWireWords(field), message: inWireWords(message) }));
  return new QueueError(error.code, inWireWords(error.message), { ...error.details, fields }, error.cause);
}
