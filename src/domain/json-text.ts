// JSON text, checked before anything parses it: strict grammar of RFC 8259, bytes, depth, well-formed Unicode, no `__proto__` key.
// One pass without recursion. What it accepts JSON.parse accepts, and the text is kept byte for byte. It runs for every enqueue.
import type { Refusal, Result } from './errors.ts';
import { ok, refuse } from './errors.ts';
import { isPrintable } from './fields.ts';
import { escapeLength, isLow, numberEnd } from './json-lexis.ts';

/** JSON as text that stays as it is: what a server cut out of a body, and what it puts into an answer. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  /** For programs that print it: the value. */
  toJSON(): unknown {
    return JSON.parse(this.text) as unknown;
  }
}

export interface JsonLimits {
  /** UTF-8 bytes of the text. */
  readonly maxBytes: number;
  /** Nested lists and objects: `[]` is 1, a scalar 0. */
  readonly maxDepth: number;
  /** What the refusals call it; default `payload`. */
  readonly name?: string;
}
export interface JsonScan {
  readonly bytes: number;
  readonly depth: number;
  /** The top-level string member `format` when it has at most 64 printable characters. */
  readonly format: string | null;
}

interface Scan {
  readonly text: string;
  readonly maxDepth: number;
  /** Where the next character is read. */
  at: number;
  /** Bytes beyond one per UTF-16 unit. */
  extra: number;
  /** Open containers: true is an object. */
  readonly open: boolean[];
  deepest: number;
  /** The next value is that of a top-level `format`. */
  atFormat: boolean;
  format: string | null;
  /** Whether the string that was read last has an escape. */
  escaped: boolean;
  trouble: string | null;
}

const MAX_FORMAT = 64;
const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;

export function scanJson(text: string, limits: JsonLimits): Result<JsonScan> {
  if (text.length > limits.maxBytes) return tooLarge(text.length, limits);
  const scan: Scan = { text, maxDepth: limits.maxDepth, at: 0, extra: 0, open: [], deepest: 0, atFormat: false, format: null, escaped: false, trouble: null };
  while (readValue(scan) && readAfter(scan));
  if (scan.trouble !== null) return refuse('invalid_payload', `the ${nameOf(limits)} ${scan.trouble}`);
  const bytes = text.length + scan.extra;
  return bytes > limits.maxBytes ? tooLarge(bytes, limits) : ok({ bytes, depth: scan.deepest, format: scan.format });
}

const nameOf = (limits: JsonLimits): string => limits.name ?? 'payload';

const tooLarge = (bytes: number, limits: JsonLimits): { readonly ok: false; readonly refusal: Refusal } =>
  refuse(
    'payload_too_large',
    `the ${nameOf(limits)} has ${bytes} bytes or more, at most ${limits.maxBytes} are allowed: store it elsewhere and send its address`,
    {
      bytes,
      max: limits.maxBytes,
    },
  );

function fail(scan: Scan, trouble: string): false {
  scan.trouble ??= trouble;
  return false;
}

const notJson = (scan: Scan): false =>
  fail(scan, scan.at >= scan.text.length ? 'is not JSON: it ends in the middle of a value' : `is not JSON: it is wrong at character ${scan.at + 1}`);

/** Skips white space and answers the next character, NaN at the end. */
function peek(scan: Scan): number {
  const { text } = scan;
  let c = text.charCodeAt(scan.at);
  while (c === 32 || c === 10 || c === 13 || c === 9) c = text.charCodeAt(++scan.at);
  return c;
}

/** Reads one scalar, or opens containers down to the first scalar or an empty one. */
function readValue(scan: Scan): boolean {
  for (;;) {
    const c = peek(scan);
    if (c === QUOTE) return readStringValue(scan);
    if (c === 123 || c === 91) {
      const isObject = c === 123;
      if (scan.open.push(isObject) > scan.deepest) {
        scan.deepest = scan.open.length;
        if (scan.deepest > scan.maxDepth) return fail(scan, `nests deeper than ${scan.maxDepth} levels`);
      }
      scan.at++;
      if (peek(scan) === (isObject ? 125 : 93)) {
        scan.at++;
        scan.open.pop();
        return true;
      }
      if (isObject && !readKey(scan)) return false;
    } else return c === 45 || (c >= 48 && c <= 57) ? readNumber(scan) : readWord(scan, c);
  }
}

/** After a value: closes what ends here, and stands before the next value. False at the end of the text. */
function readAfter(scan: Scan): boolean {
  const { open } = scan;
  for (;;) {
    const c = peek(scan);
    if (open.length === 0) return scan.at < scan.text.length ? notJson(scan) : false;
    const isObject = open[open.length - 1] as boolean;
    if (c === COMMA) {
      scan.at++;
      return isObject ? readKey(scan) : true;
    }
    if (c !== (isObject ? 125 : 93)) return notJson(scan);
    scan.at++;
    open.pop();
  }
}

function readKey(scan: Scan): boolean {
  if (peek(scan) !== QUOTE) return notJson(scan);
  const start = scan.at + 1;
  if (!readString(scan)) return false;
  const { text, escaped } = scan;
  const length = scan.at - 1 - start;
  // Nine characters unescaped, more with escapes; the same for the six of `format`.
  if (escaped || length === 9 || length === 6) noteKey(scan, escaped ? decode(text, start - 1, scan.at) : text.slice(start, start + length));
  else if (scan.open.length === 1) scan.atFormat = false;
  if (scan.trouble !== null) return false;
  if (peek(scan) !== 58) return notJson(scan);
  scan.at++;
  return true;
}

function noteKey(scan: Scan, key: string): void {
  if (key === '__proto__') fail(scan, 'has a key `__proto__`: rename it');
  if (scan.open.length !== 1) return;
  scan.atFormat = key === 'format';
  // A repeated key counts by its last value, as it does for JSON.parse.
  if (scan.atFormat) scan.format = null;
}

const decode = (text: string, from: number, to: number): string => JSON.parse(text.slice(from, to)) as string;

function readStringValue(scan: Scan): boolean {
  const start = scan.at;
  if (!readString(scan)) return false;
  if (scan.atFormat && scan.open.length === 1) {
    const value = scan.escaped ? decode(scan.text, start, scan.at) : scan.text.slice(start + 1, scan.at - 1);
    if (value.length <= MAX_FORMAT && isPrintable(value)) scan.format = value;
  }
  return true;
}

/** From the opening quote to behind the closing one. */
function readString(scan: Scan): boolean {
  const { text } = scan;
  let i = scan.at + 1;
  scan.escaped = false;
  for (;;) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      scan.at = i + 1;
      return true;
    }
    if (c === BACKSLASH) {
      scan.escaped = true;
      const length = escapeLength(text, i);
      if (length <= 0) {
        scan.at = i;
        return length === 0 ? notJson(scan) : fail(scan, LONE);
      }
      i += length;
    } else if (c < 128) {
      if (c < 32) return unprintable(scan, i);
      i++;
    } else {
      const units = rawUnits(scan, c, i);
      if (units === 0) return false;
      i += units;
    }
  }
}

const LONE = 'has half of a surrogate pair, which is no character: clean the text first';

function unprintable(scan: Scan, i: number): false {
  scan.at = i;
  return notJson(scan);
}

/** UTF-16 units of the character at `i`, from 0x80 up; its bytes are counted. 0 is a refusal. */
function rawUnits(scan: Scan, c: number, i: number): number {
  if (c < 0x800) {
    scan.extra += 1;
    return 1;
  }
  if (c < 0xd800 || c > 0xdfff) {
    scan.extra += 2;
    return 1;
  }
  scan.at = i;
  if (i >= scan.text.length) {
    notJson(scan);
    return 0;
  }
  if (c > 0xdbff || !isLow(scan.text.charCodeAt(i + 1))) {
    fail(scan, LONE);
    return 0;
  }
  scan.extra += 2;
  return 2;
}

function readWord(scan: Scan, c: number): boolean {
  const word = c === 110 ? 'null' : c === 116 ? 'true' : c === 102 ? 'false' : '';
  if (word === '' || !scan.text.startsWith(word, scan.at)) return notJson(scan);
  scan.at += word.length;
  return true;
}

function readNumber(scan: Scan): boolean {
  const end = numberEnd(scan.text, scan.at);
  if (end < 0) return notJson(scan);
  scan.at = end;
  return true;
}

/** The JSON text of a value, checked; undefined is `null`. */
export function toJsonText(value: unknown, limits: JsonLimits): Result<{ readonly text: string; readonly bytes: number; readonly format: string | null }> {
  let text: string | undefined;
  try {
    text = value instanceof JsonText ? value.text : value === undefined ? 'null' : JSON.stringify(value);
  } catch (error) {
    return refuse('invalid_payload', `the ${nameOf(limits)} has no JSON text: ${reasonOf(error)}`);
  }
  if (text === undefined) return refuse('invalid_payload', `the ${nameOf(limits)} is a ${typeof value}, which has no JSON text`);
  const scan = scanJson(text, limits);
  return scan.ok ? ok({ text, bytes: scan.value.bytes, format: scan.value.format }) : scan;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('BigInt')) return 'it holds a BigInt, write it as a string';
  if (message.includes('circular')) return 'it refers to itself';
  if (error instanceof RangeError) return 'it nests too deep or is too large';
  return (message.split('\n')[0] ?? '').slice(0, 200);
}
