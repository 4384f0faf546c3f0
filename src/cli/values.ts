// What people type as values: durations, instants, JSON, pairs, grants. Each refusal names the flag and shows the form.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { QueueError } from '../domain/errors.ts';
import { wrongInput } from './failure.ts';
import type { Io } from './io.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `10s`, `1.5h`, `2d` as milliseconds. */
export function parseDuration(flag: string, text: string): number {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  if (text.trim() === '0') return 0;
  if (amount === undefined || unit === undefined)
    throw wrongInput(flag, `${JSON.stringify(text)} is no duration: give a number with ms, s, m, h or d, like 10s`);
  return Math.round(Number(amount) * (UNIT_MS[unit] as number));
}

/** An instant (`2030-01-31T12:00Z`), or a duration from now. */
export function parseInstant(flag: string, text: string, now: number): number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at = Date.parse(text);
    if (Number.isFinite(at)) return at;
  } else if (/^\d+(\.\d+)?[a-z]+$|^0$/.test(text)) return now + parseDuration(flag, text);
  throw wrongInput(flag, `${JSON.stringify(text)} is no instant: give a date like 2030-01-31T12:00Z, or a duration from now like 2h`);
}

export function parseInteger(field: string, text: string): number {
  if (/^-?\d{1,15}$/.test(text.trim())) return Number(text);
  throw wrongInput(field, `${JSON.stringify(text)} is no whole number`);
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** JSON whose numbers keep their digits: 12345678901234567890 and 1.50 arrive as they were typed. */
export function parseJson(field: string, text: string): unknown {
  try {
    return parseWith(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined && String(value) !== source ? rawJson(source) : value));
  } catch (error) {
    const why = error instanceof RangeError ? 'it nests too deep' : (error as Error).message;
    throw new QueueError('invalid_payload', `${field} is not JSON: ${why}. Text goes in double quotes inside single ones: '"text"'`, { field });
  }
}

export function parseObject(field: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongInput(field, `is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw wrongInput(field, 'give a JSON object like {"region":"eu"}');
}

/** What is given as `-` (standard input), `@file`, or the text itself. */
export async function readText(io: Io, field: string, given: string): Promise<string> {
  if (given === '-') return io.stdin();
  if (!given.startsWith('@')) return given;
  const file = resolve(io.base, given.slice(1));
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw wrongInput(field, missing ? `there is no file ${file}` : `${file} can not be read: ${(error as Error).message}`);
  }
}

/** `key=value`, as often as given. */
export function parsePairs(flag: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw wrongInput(flag, `${JSON.stringify(text)} is no pair: give key=value`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
