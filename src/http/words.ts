// The domain names fields as its types do (`maxAttempts`); who sent them over the wire calls them otherwise (`max_attempts`).
import { REQUESTS } from '../contract/schemas.ts';
import { toCamel, toSnake } from '../contract/wire.ts';

const NAMES: ReadonlySet<string> = new Set(
  Object.values(REQUESTS)
    .flatMap((schema) => Object.keys(schema.shape))
    .filter((name) => name.includes('_'))
    .map(toCamel),
);
/** A word that neither is in quotes nor belongs to a name of the user's. */
const WORD = /(?<![."'`\w])[a-z]+(?:[A-Z][a-z]*)+(?!\w)/g;

export const inWireWords = (text: string): string => text.replace(WORD, (word) => (NAMES.has(word) ? toSnake(word) : word));
