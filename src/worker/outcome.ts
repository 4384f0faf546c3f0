// How a handler's return value, or what it threw, becomes the end of an attempt. Outcomes are tagged values, recognised by a
// registered symbol so that two copies of this package understand each other; no exception class steers anything.
import { QueueError } from '../domain/errors.ts';
import { LIMITS } from '../domain/limits.ts';
import type { TaskFailure } from '../domain/task.ts';

const TAG = Symbol.for('prismq.outcome');

export type Outcome =
  | { readonly [TAG]: 'retry'; readonly retryInMs: number; readonly reason: string }
  | { readonly [TAG]: 'refuse'; readonly kind: string; readonly reason: string }
  | { readonly [TAG]: 'release'; readonly delayMs: number };

/** The end of an attempt, before it is tied to its lease. */
export type Verdict =
  | { readonly op: 'complete'; readonly result?: string }
  | { readonly op: 'fail'; readonly error: TaskFailure; readonly retry?: boolean; readonly retryInMs?: number }
  | { readonly op: 'release'; readonly delayMs?: number };

/** Fails this attempt and runs the next one after `ms`, whatever the back-off says. Attempts still run out. */
export const retryIn = (ms: number, reason = 'the handler asked for another attempt'): Outcome => ({
  [TAG]: 'retry',
  retryInMs: duration('retryIn', ms),
  reason,
});

/** Fails for good: the task goes to the dead letters, whatever attempts are left. */
export const deadLetter = (reason = 'the handler gave the task up'): Outcome => ({ [TAG]: 'refuse', kind: 'dead_letter', reason });

/** Hands the task back, for another worker or for later; the attempt is given back too. At most 20 times a task. */
export const release = (delayMs = 0): Outcome => ({ [TAG]: 'release', delayMs: duration('release', delayMs) });

/** Fails for good with a kind of its own: input or result that the schema refuses. */
export const refuseTask = (kind: string, reason: string): Outcome => ({ [TAG]: 'refuse', kind, reason });

function duration(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 0 && ms <= LIMITS.delayMs.max) return Math.round(ms);
  throw new QueueError('invalid_input', `${name}() takes milliseconds from 0 to ${LIMITS.delayMs.max} (a year), not ${String(ms)}.`);
}

export const COMPLETE: Verdict = { op: 'complete' };

/** What the returned value means. Never throws. */
export function verdictOf(value: unknown, maxResultBytes: number): Verdict {
  if (value === undefined) return COMPLETE;
  try {
    if (isOutcome(value)) return fromOutcome(value);
    return fromResult(JSON.stringify(value) as string | undefined, typeof value, maxResultBytes);
  } catch (error) {
    return refused('invalid_payload', `The result can not be stored as JSON: ${failureOf(error).message}`);
  }
}

const isOutcome = (value: unknown): value is Outcome => typeof value === 'object' && value !== null && TAG in value;

function fromOutcome(outcome: Outcome): Verdict {
  switch (outcome[TAG]) {
    case 'retry':
      return { op: 'fail', error: { message: cleanText(outcome.reason), kind: 'retry' }, retry: true, retryInMs: outcome.retryInMs };
    case 'release':
      return outcome.delayMs === 0 ? { op: 'release' } : { op: 'release', delayMs: outcome.delayMs };
    default:
      return refused(outcome.kind, outcome.reason);
  }
}

function fromResult(text: string | undefined, type: string, maxBytes: number): Verdict {
  if (text === undefined) return refused('invalid_payload', `The result can not be stored as JSON: the handler returned a ${type}.`);
  // A UTF-16 unit is at most three bytes: most results need no count.
  if (text.length * 3 > maxBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes)
      return refused(
        'payload_too_large',
        `The result has ${bytes} bytes of JSON, more than the ${maxBytes} that are stored. Keep large results elsewhere and return where they are.`,
      );
  }
  return { op: 'complete', result: text };
}

/** A failure that no further attempt can mend. */
export const refused = (kind: string, message: string): Verdict => ({ op: 'fail', error: { message: cleanText(message), kind }, retry: false });

export const failed = (error: unknown): Verdict => ({ op: 'fail', error: failureOf(error) });

const MOST_CHARACTERS = 8_000;

/** Text as every store takes it: no NUL, no lone surrogates, not longer than 8,000 characters. */
function cleanText(text: string, most = MOST_CHARACTERS): string {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return cut.replaceAll('\0', '\uFFFD').toWellFormed();
}

/** Whatever was thrown, told as data. Never throws: getters, proxies and null prototypes are all survived. */
export function failureOf(thrown: unknown): TaskFailure {
  const name = textOf(thrown, 'name');
  const message = textOf(thrown, 'message');
  if (name === undefined && message === undefined) return { message: cleanText(`thrown: ${shown(thrown)}`), kind: kindOf(thrown) };
  const kind = cleanText(name === undefined || name === '' ? 'Error' : name, 100);
  const stack = stackOf(thrown);
  const failure = { message: cleanText(message === undefined || message === '' ? kind : `${kind}: ${message}`), kind };
  return stack === undefined ? failure : { ...failure, stack: cleanText(stack) };
}

function textOf(value: unknown, key: 'name' | 'message' | 'stack'): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    const text = (value as Readonly<Record<string, unknown>>)[key];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

const kindOf = (thrown: unknown): string => (thrown === null ? 'null' : typeof thrown);

function shown(thrown: unknown): string {
  if (typeof thrown === 'function') return 'a function';
  if (typeof thrown !== 'object' || thrown === null) return String(thrown);
  try {
    return JSON.stringify(thrown) ?? 'an object';
  } catch {
    return 'an object that can not be shown';
  }
}

const DEEPEST_CAUSE = 4;

/** The stack, followed by those of its causes; a circle of causes ends. */
function stackOf(thrown: unknown): string | undefined {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  for (let error = thrown; !seen.has(error) && parts.length < DEEPEST_CAUSE; error = causeOf(error)) {
    seen.add(error);
    const stack = textOf(error, 'stack');
    if (stack === undefined) break;
    parts.push(stack);
  }
  return parts.length === 0 ? undefined : parts.join('\nCaused by: ');
}

function causeOf(error: unknown): unknown {
  try {
    return (error as { readonly cause?: unknown }).cause;
  } catch {
    return undefined;
  }
}
