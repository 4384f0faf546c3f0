// One request by its row of the table of operations: sent, answered, and sent again where that is safe.
import { cutBody } from '../contract/cut.ts';
import { PROTOCOL, rowOf } from '../contract/operations.ts';
import type { OperationName } from '../contract/operations.ts';
import { decode, encode, toSnake } from '../contract/wire.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import type { AnswerOf, Callable } from './answers.ts';
import { abortedError, failureOf, isRepeatable, pauseBefore, unreached } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Settings } from './options.ts';

export interface CallInput {
  /** The segments in braces. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** In camelCase; JSON that is known as text goes as it is. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** The server was asked to hold its answer back this long, ms. */
  readonly waitMs?: number;
  /** Leaves `payload` and the like as `JsonText`. */
  readonly raw?: boolean;
}

export type Call = <Name extends Callable>(name: Name, input?: CallInput) => Promise<AnswerOf<Name>>;

type Outcome = { readonly ok: true; readonly value: unknown } | ({ readonly ok: false } & Failure);

export function createCall(settings: Settings): Call {
  return async <Name extends Callable>(name: Name, input: CallInput = {}) => {
    const repeatable = isRepeatable(name, rowOf(name).method);
    const request = requestOf(settings, name, input);
    for (let tries = 1; ; tries += 1) {
      const outcome = await once(settings, request, input);
      if (outcome.ok) return outcome.value as AnswerOf<Name>;
      const pause = pauseBefore(outcome, tries, settings.retries, repeatable, Math.random);
      if (pause === undefined) throw outcome.error;
      await sleep(pause, [input.signal, settings.signal]);
    }
  };
}

export interface Prepared {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** What is sent, the key aside. */
export function requestOf({ base }: Settings, name: OperationName, { path = {}, query = {}, body, headers = {} }: CallInput): Prepared {
  const { method, path: form } = rowOf(name);
  const where = form.replaceAll(/\{(\w+)\}/g, (_, segment: string) => segmentOf(segment, path[segment] ?? ''));
  const asked = Object.entries(query).flatMap(([key, value]) =>
    (value === undefined ? [] : [value].flat()).map((one) => `${toSnake(key)}=${encodeURIComponent(one)}`),
  );
  return {
    url: `${base}${where}${asked.length === 0 ? '' : `?${asked.join('&')}`}`,
    method,
    headers: {
      accept: 'application/json, application/problem+json',
      'prismq-protocol': PROTOCOL,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : encode(body),
  };
}

/** `.` and `..` would be taken out of the address before it is sent, an empty one makes it another address, and some read a slash in any spelling. */
const NO_SEGMENT = /^\.{0,2}$|[/\\\p{Cc}]/u;

function segmentOf(name: string, value: string): string {
  if (!NO_SEGMENT.test(value)) return encodeURIComponent(value.toWellFormed());
  throw new QueueError('not_found', `there is nothing of the ${name} ${JSON.stringify(value)}`);
}

async function once(settings: Settings, request: Prepared, { signal, waitMs = 0, raw = false }: CallInput): Promise<Outcome> {
  const given = [signal, settings.signal];
  const alarm = alarmAfter(settings.timeoutMs + waitMs, given);
  try {
    const response = await send(settings, request, alarm.signal);
    const text = await response.text();
    return response.ok ? read(settings, text, raw) : { ok: false, ...failureOf(settings.base, response, text) };
  } catch (error) {
    if (isAborted(given)) throw abortedError();
    if (error instanceof QueueError) throw error;
    if (alarm.signal.aborted) return { ok: false, ...unreached(`no answer from ${settings.base} within ${settings.timeoutMs + waitMs} ms`) };
    return { ok: false, ...unreached(`${settings.base} can not be reached: ${reasonOf(error)}`, error) };
  } finally {
    alarm.cancel();
  }
}

/** Redirects are not followed: they would lead the key elsewhere. */
export async function send(settings: Settings, { url, method, headers, body }: Prepared, signal: AbortSignal): Promise<Response> {
  if (signal.aborted) throw abortedError();
  const authorization = `Bearer ${await settings.key()}`;
  const init = { method, headers: { ...headers, authorization }, signal, redirect: 'error', cache: 'no-store' } as const;
  return settings.fetch(url, body === undefined ? init : { ...init, body });
}

function read(settings: Settings, text: string, raw: boolean): Outcome {
  if (text === '') return { ok: true, value: undefined };
  try {
    // Also where it is cut: cutting wants text that is JSON for sure.
    const value: unknown = JSON.parse(text);
    return { ok: true, value: decode(raw ? unwrap(cutBody(text)) : value) };
  } catch {
    return { ok: false, ...unreached(`what ${settings.base} answered is no answer of a PrismQ server: check the address`) };
  }
}

/** The innermost reason that has words: fetch wraps what happened in "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const found = cause instanceof Error && cause.message !== '' ? cause : error;
  return (found instanceof Error ? found.message : String(found)).split('\n')[0] as string;
}

export const isAborted = (signals: readonly (AbortSignal | undefined)[]): boolean => signals.some((signal) => signal?.aborted === true);

export interface AlarmSignal {
  readonly signal: AbortSignal;
  /** Begins the time anew. */
  reset(ms: number): void;
  /** Leaves nothing behind. */
  cancel(): void;
}

/** A signal that fires with any of these, or after so long. */
export function alarmAfter(ms: number, signals: readonly (AbortSignal | undefined)[]): AlarmSignal {
  const controller = new AbortController();
  const fire = (): void => controller.abort();
  let timer = setTimeout(fire, ms);
  for (const signal of signals) signal?.addEventListener('abort', fire);
  if (isAborted(signals)) fire();
  return {
    signal: controller.signal,
    reset(again) {
      clearTimeout(timer);
      timer = setTimeout(fire, again);
    },
    cancel() {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', fire);
    },
  };
}

/** Throws `aborted` as soon as one of the signals fires. */
export async function sleep(ms: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  const alarm = alarmAfter(ms, signals);
  await new Promise<void>((resolve) => {
    if (alarm.signal.aborted) resolve();
    else alarm.signal.addEventListener('abort', () => resolve());
  });
  alarm.cancel();
  if (isAborted(signals)) throw abortedError();
}
