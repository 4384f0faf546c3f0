// What went wrong with a request, as the error of the product: problem documents by their stable code, everything else by what
// can be known of it. Also whether the request may be sent again, and when.
import type { OperationName } from '../contract/operations.ts';
import { ERRORS, QueueError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';

export interface Failure {
  readonly error: QueueError;
  /** `refused`: the server said so, and did nothing. `unknown`: it may have done it. `final`: sending it again does not help. */
  readonly outcome: 'refused' | 'unknown' | 'final';
  readonly retryAfterMs?: number;
}

/** Refusals that come before anything is done, … */
const UNDONE: readonly ErrorCode[] = ['rate_limited', 'store_busy', 'store_moving'];
/** … and troubles of a moment in which it may have been done. */
const UNSURE: readonly ErrorCode[] = ['store_unavailable', 'store_full', 'issuer_unavailable'];

/**
 * Beside all that only reads: what may be sent twice, since the second time changes nothing. Writes of a worker name their
 * lease and are idempotent, an enqueue carries an idempotency key, a PUT says the same again.
 */
const REPEATABLE: ReadonlySet<OperationName> = new Set<OperationName>([
  'enqueue',
  'enqueueMany',
  'enqueueChild',
  'enqueueChildren',
  'leaseParents',
  'register',
  'beat',
  'deregister',
  'completeTask',
  'failTask',
  'releaseTask',
  'progressTask',
  'settle',
  'setCategory',
  'setCategoryMode',
]);

export const isRepeatable = (name: OperationName, method: string): boolean => method === 'GET' || REPEATABLE.has(name);

const LONGEST_PAUSE_MS = 60_000;
const FIRST_MS = 100;
const CAP_MS = 5_000;

/** How long to pause before the next try, ms; undefined: there is none. `tries` were made. */
export function pauseBefore(failure: Failure, tries: number, retries: number, repeatable: boolean, random: () => number): number | undefined {
  if (failure.outcome === 'final' || tries > retries || (failure.outcome === 'unknown' && !repeatable)) return undefined;
  const { retryAfterMs } = failure;
  if (retryAfterMs !== undefined && retryAfterMs > LONGEST_PAUSE_MS) return undefined;
  return (retryAfterMs ?? 0) + backoffMs(tries, random);
}

/** Capped, exponential, with full jitter: up to 100 ms after the first failure, up to 5 s from the seventh on. */
export const backoffMs = (failures: number, random: () => number): number =>
  Math.max(1, Math.ceil(random() * Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10))));

/** The request did not get through, or its answer did not get back. */
export const unreached = (message: string, cause?: unknown): Failure => ({
  error: new QueueError('store_unavailable', message, {}, cause),
  outcome: 'unknown',
});

export const abortedError = (): QueueError => new QueueError('aborted', 'the caller gave up by its signal');

/** The refusal of an answer that is no success. */
export function failureOf(base: string, response: Response, text: string): Failure {
  const problem = problemOf(text);
  const retryAfterMs = retryAfterOf(response.headers.get('retry-after'));
  const error = problem === undefined ? strangerError(base, response.status) : problemError(response.status, problem);
  const outcome = UNDONE.includes(error.code) ? 'refused' : UNSURE.includes(error.code) ? 'unknown' : 'final';
  return retryAfterMs === undefined ? { error, outcome } : { error, outcome, retryAfterMs };
}

type Problem = Readonly<Record<string, unknown>> & { readonly code: string };

function problemOf(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' ? (value as Problem) : undefined;
  } catch {
    return undefined;
  }
}

function problemError(status: number, problem: Problem): QueueError {
  const { code, detail, title, request_id: requestId, fields, details: given } = problem;
  const message = typeof detail === 'string' ? detail : typeof title === 'string' ? title : code;
  const details = {
    ...(typeof given === 'object' ? given : {}),
    ...(fields === undefined ? {} : { fields }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  };
  // A queue that closes over there is opened again: to its clients it is away.
  if (code === 'closed' || code === 'store_moved') return new QueueError('store_unavailable', message, details);
  if (Object.hasOwn(ERRORS, code)) return new QueueError(code as ErrorCode, message, details);
  return new QueueError(codeOf(status), message, { ...details, code });
}

/** Something between us and the server answered, or another server. */
function strangerError(base: string, status: number): QueueError {
  const code = status === 404 || status === 405 ? 'store_unavailable' : codeOf(status);
  return new QueueError(code, `something else than a PrismQ server answered at ${base} (HTTP ${status}): check the address`, { status });
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'request_too_large',
  415: 'unsupported_media_type',
  422: 'invalid_input',
  429: 'rate_limited',
  431: 'request_too_large',
};

function codeOf(status: number): ErrorCode {
  return BY_STATUS[status] ?? (status === 500 ? 'internal' : status > 500 || status < 400 ? 'store_unavailable' : 'malformed_request');
}

/** Seconds, or a date. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isFinite(at) ? Math.max(0, at - Date.now()) : undefined;
}
