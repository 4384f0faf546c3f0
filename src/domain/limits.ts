// Every bound on what may be given, as one table, and the checks of an enqueue against it. Docs and answers come from the table.
import { canonicalCompatibility } from './capability.ts';
import { checkCategory } from './category.ts';
import type { Result } from './errors.ts';
import { ok } from './errors.ts';
import type { FieldError } from './fields.ts';
import { isPlainObject, shown, textTrouble, unknownKeys, wrongField, wrongFields } from './fields.ts';
import { checkDependsOn } from './dependencies.ts';
import { scanJson, toJsonText } from './json-text.ts';
import { checkClientId } from './names.ts';
import type { EnqueueOptions, NewTask } from './task.ts';

export interface Limit {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly meaning: string;
}

const limit = (min: number, max: number, standard: number, unit: string, meaning: string): Limit => ({ default: standard, min, max, unit, meaning });
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export const LIMITS = {
  priority: limit(1, 1000, 100, '', 'priority of a task, lower first'),
  maxAttempts: limit(1, 100, 5, 'attempts', 'attempts before a task is a dead letter'),
  leaseMs: limit(1000, 3_600_000, 30_000, 'ms', 'how long a claim holds without renewal'),
  maxRunMs: limit(1000, DAY_MS, 3_600_000, 'ms', 'longest run of one attempt'),
  delayMs: limit(0, YEAR_MS, 0, 'ms', 'how long a start is put off'),
  ttlMs: limit(1, YEAR_MS, YEAR_MS, 'ms', 'how long a task waits before it is cancelled as expired'),
  maxWaitMs: limit(0, YEAR_MS, YEAR_MS, 'ms', 'due time of a task, from now'),
  payloadBytes: limit(1, 1_000_000, 256_000, 'bytes', 'a payload as UTF-8 JSON'),
  payloadDepth: limit(1, 1000, 32, 'levels', 'nesting of a payload or result'),
  resultBytes: limit(1, 1_000_000, 1_000_000, 'bytes', 'a result as UTF-8 JSON'),
  lanesPerClient: limit(1, 1_000_000, 10_000, 'lanes', 'distinct pairs of type and compatibility of one client'),
  releases: limit(0, 20, 20, 'times', 'hand-backs of one task'),
  losses: limit(1, 100, 3, 'times', 'leases lost in a row before a task is a dead letter'),
  claimMax: limit(1, 500, 1, 'tasks', 'tasks of one claim'),
  listLimit: limit(1, 1000, 100, 'rows', 'rows of one page'),
  weight: limit(1, 1000, 1, '', 'share of a client in the claims under contention'),
  idempotencyKey: limit(1, 255, 255, 'characters', 'an idempotency key'),
  metadataKeys: limit(0, 16, 16, 'keys', 'metadata of a task'),
  metadataKey: limit(1, 64, 64, 'characters', 'a key of metadata'),
  metadataValue: limit(0, 256, 256, 'characters', 'a value of metadata'),
  createdBy: limit(1, 128, 128, 'characters', 'who submitted a task'),
  traceparent: limit(1, 128, 128, 'characters', 'W3C trace context'),
  limitKey: limit(1, 128, 128, 'characters', 'what limits under a free key count together'),
  errorMessage: limit(0, 8192, 8192, 'characters', 'message of a failure or a log line; the rest is cut'),
  errorStack: limit(0, 16_384, 16_384, 'characters', 'stack of a failure; the rest is cut'),
  retentionMs: limit(0, 3650 * DAY_MS, 7 * DAY_MS, 'ms', 'how long ended tasks are kept'),
  auditRetentionMs: limit(DAY_MS, 100 * YEAR_MS, 100 * YEAR_MS, 'ms', 'how long the audit is kept where it is not kept for ever; only what was anchored goes'),
  messagesMs: limit(0, 3650 * DAY_MS, 30 * DAY_MS, 'ms', 'how long what handlers log is kept'),
  activeMs: limit(1000, DAY_MS, 60_000, 'ms', 'a worker is active this long after its last sign of life'),
  staleMs: limit(1000, 30 * DAY_MS, 300_000, 'ms', 'a worker is stale this long after its last sign of life'),
  keyExpiresMs: limit(1000, 3650 * DAY_MS, 3650 * DAY_MS, 'ms', 'how long a key may be given to live; without one it lives until it is revoked'),
  keyOverlapMs: limit(0, 30 * DAY_MS, DAY_MS, 'ms', 'how long a rotated key still opens'),
  keyName: limit(1, 128, 128, 'characters', 'the name of a key'),
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;

function intTrouble(value: unknown, name: LimitName): string | null {
  const { min, max, unit } = LIMITS[name];
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
    ? null
    : `${shown(value)} is not an integer from ${min} to ${max}${unit === '' ? '' : ` ${unit}`}`;
}

/** An integer inside the limit of that name. */
export function checkInt(field: string, value: unknown, name: LimitName): Result<number> {
  const trouble = intTrouble(value, name);
  return trouble === null ? ok(value as number) : wrongField(field, trouble);
}

export const checkPriority = (value: unknown): Result<number> => checkInt('priority', value, 'priority');

/** Metadata as JSON text; null when there is none. */
export function checkMetadata(value: unknown): Result<string | null> {
  if (!isPlainObject(value)) return wrongField('metadata', 'give an object of strings');
  const entries = Object.entries(value);
  if (entries.length > LIMITS.metadataKeys.max) return wrongField('metadata', `has ${entries.length} keys, at most ${LIMITS.metadataKeys.max} are allowed`);
  const wrong: FieldError[] = [];
  for (const [key, item] of entries) {
    const field = `metadata.${key.slice(0, LIMITS.metadataKey.max)}`;
    const name = key === '__proto__' ? 'is not allowed as a key' : textTrouble(key, LIMITS.metadataKey.max);
    if (name !== null) wrong.push({ field, message: `the key ${name}` });
    const message = item === '' ? null : textTrouble(item, LIMITS.metadataValue.max);
    if (message !== null) wrong.push({ field, message });
  }
  if (wrong.length > 0) return wrongFields(wrong);
  return ok(entries.length === 0 ? null : JSON.stringify(value));
}

/** An outside text made fit to store: NUL and lone surrogates become U+FFFD, what is beyond `max` characters is cut. */
export function cleanErrorText(text: string, max: number): string {
  return text.slice(0, max).replaceAll('\0', '\uFFFD').toWellFormed();
}

// One enqueue

type Draft = { -readonly [K in keyof NewTask]: NewTask[K] };
type Check = (value: unknown, task: Draft, wrong: FieldError[]) => void;

const LAST_INSTANT = 8_640_000_000_000_000;

const int =
  (key: 'priority' | 'maxAttempts' | 'maxRunMs' | 'delayMs' | 'ttlMs' | 'maxWaitMs'): Check =>
  (value, task, wrong) => {
    const message = intTrouble(value, key);
    if (message === null) task[key] = value as number;
    else wrong.push({ field: key, message });
  };

const instant =
  (key: 'runAfterUtc' | 'expiresAtUtc' | 'dueAtUtc'): Check =>
  (value, task, wrong) => {
    const ms = value instanceof Date ? value.getTime() : value;
    if (Number.isSafeInteger(ms) && (ms as number) >= 0 && (ms as number) <= LAST_INSTANT) task[key] = ms as number;
    else
      wrong.push({
        field: key,
        message: value instanceof Date ? 'is no valid date' : `${shown(value)} is no instant: give integer ms since the epoch, or a Date`,
      });
  };

const text =
  (key: 'idempotencyKey' | 'createdBy' | 'traceparent' | 'limitKey'): Check =>
  (value, task, wrong) => {
    const message = textTrouble(value, LIMITS[key].max);
    if (message === null) task[key] = value as string;
    else wrong.push({ field: key, message });
  };

function collect<T>(result: Result<T>, wrong: FieldError[], take: (value: T) => void): void {
  if (result.ok) take(result.value);
  else wrong.push(...(result.refusal.details?.['fields'] as readonly FieldError[]));
}

const OPTION_CHECKS = {
  priority: int('priority'),
  compatibility: (value, task, wrong) =>
    collect(canonicalCompatibility(value), wrong, (known) => {
      task.compatibility = known.text;
      task.region = known.region;
    }),
  maxAttempts: int('maxAttempts'),
  delayMs: int('delayMs'),
  runAfterUtc: instant('runAfterUtc'),
  ttlMs: int('ttlMs'),
  expiresAtUtc: instant('expiresAtUtc'),
  maxRunMs: int('maxRunMs'),
  idempotencyKey: text('idempotencyKey'),
  dueAtUtc: instant('dueAtUtc'),
  maxWaitMs: int('maxWaitMs'),
  metadata: (value, task, wrong) => collect(checkMetadata(value), wrong, (known) => (task.metadata = known)),
  createdBy: text('createdBy'),
  traceparent: text('traceparent'),
  dependsOn: (value, task, wrong) => collect(checkDependsOn(value), wrong, (known) => (task.dependsOn = known)),
  limitKey: text('limitKey'),
} as const satisfies Record<keyof EnqueueOptions, Check>;
const OPTION_NAMES = Object.keys(OPTION_CHECKS) as readonly (keyof EnqueueOptions)[];

/** Two ways to say one thing: only one may be given. */
const EITHER = [
  ['delayMs', 'runAfterUtc'],
  ['ttlMs', 'expiresAtUtc'],
  ['dueAtUtc', 'maxWaitMs'],
] as const satisfies readonly (readonly [keyof EnqueueOptions, keyof EnqueueOptions])[];

export interface EnqueueInput {
  readonly clientId: string;
  readonly type: string;
  readonly payload?: unknown;
  /** JSON text instead of `payload`: kept byte for byte. */
  readonly payloadText?: string;
  readonly options: EnqueueOptions;
}

export interface EnqueueGiven {
  readonly taskId: string;
  readonly digest: (text: string) => string;
  /** Of the task's category. */
  readonly defaults?: { readonly priority?: number; readonly maxAttempts?: number; readonly maxRunMs?: number; readonly maxWaitMs?: number };
  readonly limits: { readonly payloadBytes: number; readonly payloadDepth: number };
}

/** One enqueue, checked whole and normalised. Names every wrong option at once; category and payload answer codes of their own. */
export function newTask(input: EnqueueInput, given: EnqueueGiven): Result<NewTask> {
  const type = checkCategory(input.type);
  if (!type.ok) return type;
  const limits = { maxBytes: given.limits.payloadBytes, maxDepth: given.limits.payloadDepth };
  const payload = input.payloadText === undefined ? toJsonText(input.payload, limits) : checkText(input.payloadText, limits);
  if (!payload.ok) return payload;
  const task = draftOf(input, given, payload.value);
  const wrong = checkOptions(input.options, task);
  // What the caller says of the due time takes the place of the category's word.
  if (task.dueAtUtc === null && task.maxWaitMs === null) task.maxWaitMs = given.defaults?.maxWaitMs ?? null;
  const client = checkClientId(input.clientId);
  if (!client.ok) collect(client, wrong, () => undefined);
  if (wrong.length > 0) return wrongFields(wrong);
  if (task.idempotencyKey !== null) task.requestDigest = given.digest(requestText(task, input.options));
  return ok(task);
}

function checkText(value: string, limits: { readonly maxBytes: number; readonly maxDepth: number }): ReturnType<typeof toJsonText> {
  const scan = scanJson(value, limits);
  return scan.ok ? ok({ text: value, bytes: scan.value.bytes, format: scan.value.format }) : scan;
}

function draftOf(input: EnqueueInput, given: EnqueueGiven, payload: { readonly text: string; readonly format: string | null }): Draft {
  const { defaults = {} } = given;
  return {
    taskId: given.taskId,
    clientId: input.clientId,
    type: input.type,
    payload: payload.text,
    compatibility: '{}',
    region: null,
    format: payload.format,
    priority: defaults.priority ?? LIMITS.priority.default,
    maxAttempts: defaults.maxAttempts ?? LIMITS.maxAttempts.default,
    delayMs: 0,
    runAfterUtc: null,
    ttlMs: null,
    expiresAtUtc: null,
    maxRunMs: defaults.maxRunMs ?? LIMITS.maxRunMs.default,
    idempotencyKey: null,
    requestDigest: null,
    dueAtUtc: null,
    maxWaitMs: null,
    metadata: null,
    createdBy: null,
    traceparent: null,
    dependsOn: [],
    parentTaskId: null,
    limitKey: null,
  };
}

function checkOptions(options: EnqueueOptions, task: Draft): FieldError[] {
  if (!isPlainObject(options)) return [{ field: 'options', message: 'give an object' }];
  const wrong: FieldError[] = [];
  let unknown = false;
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(OPTION_CHECKS, key)) unknown = true;
    else if (options[key] !== undefined) OPTION_CHECKS[key as keyof EnqueueOptions](options[key], task, wrong);
  }
  if (unknown) wrong.push(...unknownKeys(options, OPTION_NAMES));
  for (const [one, other] of EITHER) {
    if (options[one] !== undefined && options[other] !== undefined) wrong.push({ field: other, message: `give ${one} or ${other}, not both` });
  }
  return wrong;
}

/** What makes two requests the same: unambiguous, and of what the caller gave, so that a changed default changes nothing. */
function requestText(task: NewTask, options: EnqueueOptions): string {
  const priority = options.priority ?? null;
  const schedule = [task.delayMs, task.runAfterUtc, task.ttlMs, task.expiresAtUtc, task.dueAtUtc, task.maxWaitMs];
  const parents = task.dependsOn.length === 0 ? [] : [task.dependsOn.map(({ taskId, policy }) => [taskId, policy])];
  const key = task.limitKey === null ? [] : [task.limitKey];
  return JSON.stringify([task.type, task.payload, task.compatibility, priority, ...schedule, ...parents, ...key]);
}
