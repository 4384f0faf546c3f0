// Reads the body of a request so that what is the user's stays text: `payload`, `result` and the like are cut out byte for
// byte and never parsed. The text was checked as JSON before; keys that come twice are refused, since two readers of such a
// text may disagree.
import { JsonText } from '../domain/json-text.ts';
import { refuse } from '../domain/errors.ts';
import type { Result } from '../domain/errors.ts';

/** Members that are cut, in the body and in the objects of its lists. */
const CUT: ReadonlySet<string> = new Set(['payload', 'result', 'progress', 'details', 'schema']);
/** Inside these the names are the user's, and `result` is one like any other. */
const THEIRS: ReadonlySet<string> = new Set(['metadata', 'compatibility', 'attributes', 'versions']);

interface Cursor {
  readonly text: string;
  at: number;
  twice: string | null;
  /** Within what is the user's: nothing is cut. */
  theirs: boolean;
}

/** `text` is valid JSON. An object is answered as an object of own members, anything else as JSON.parse has it. */
export function cutBody(text: string): Result<unknown> {
  const cursor: Cursor = { text, at: 0, twice: null, theirs: false };
  const value = readMember(cursor, 0);
  if (cursor.twice !== null) return refuse('malformed_request', `the body has the key ${JSON.stringify(cursor.twice.slice(0, 100))} twice`);
  return { ok: true, value };
}

function peek(cursor: Cursor): number {
  let c = cursor.text.charCodeAt(cursor.at);
  while (c === 32 || c === 10 || c === 13 || c === 9) c = cursor.text.charCodeAt(++cursor.at);
  return c;
}

function readMember(cursor: Cursor, depth: number): unknown {
  const c = peek(cursor);
  if (c === 123) return readObject(cursor, depth);
  if (c === 91 && depth < 2) return readList(cursor, depth);
  if (c === 34) return readString(cursor);
  return JSON.parse(slice(cursor)) as unknown;
}

function readObject(cursor: Cursor, depth: number): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  cursor.at++;
  while (peek(cursor) !== 125) {
    const key = readString(cursor);
    peek(cursor);
    cursor.at++;
    if (Object.hasOwn(made, key)) cursor.twice ??= key;
    peek(cursor);
    made[key] = !cursor.theirs && CUT.has(key) && depth < 3 ? new JsonText(slice(cursor)) : readNamed(cursor, key, depth + 1);
    if (peek(cursor) === 44) cursor.at++;
    peek(cursor);
  }
  cursor.at++;
  return made;
}

function readNamed(cursor: Cursor, key: string, depth: number): unknown {
  const outside = cursor.theirs;
  cursor.theirs ||= THEIRS.has(key);
  const value = readMember(cursor, depth);
  cursor.theirs = outside;
  return value;
}

function readList(cursor: Cursor, depth: number): unknown[] {
  const made: unknown[] = [];
  cursor.at++;
  while (peek(cursor) !== 93) {
    made.push(readMember(cursor, depth + 1));
    if (peek(cursor) === 44) cursor.at++;
  }
  cursor.at++;
  return made;
}

/** Most strings have no escape: they are their own value. */
function readString(cursor: Cursor): string {
  const { text, at } = cursor;
  const end = text.indexOf('"', at + 1);
  const plain = text.slice(at + 1, end);
  if (!plain.includes('\\')) {
    cursor.at = end + 1;
    return plain;
  }
  return JSON.parse(slice(cursor)) as string;
}

/** The text of the value that begins here; the cursor goes behind it. */
function slice(cursor: Cursor): string {
  const { text } = cursor;
  const from = cursor.at;
  let i = from;
  let open = 0;
  do {
    const c = text.charCodeAt(i);
    if (c === 34) i = stringEnd(text, i);
    else if (c === 123 || c === 91) {
      open++;
      i++;
    } else if (c === 125 || c === 93) {
      open--;
      i++;
    } else if (open > 0) i++;
    else i = wordEnd(text, i);
  } while (open > 0);
  cursor.at = i;
  return text.slice(from, i);
}

function stringEnd(text: string, at: number): number {
  let i = at + 1;
  while (text.charCodeAt(i) !== 34) i += text.charCodeAt(i) === 92 ? 2 : 1;
  return i + 1;
}

/** Numbers, true, false, null. */
function wordEnd(text: string, at: number): number {
  let i = at;
  while (i < text.length && /[\w.+-]/.test(text[i] as string)) i++;
  return i;
}
