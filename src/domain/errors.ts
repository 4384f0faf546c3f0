// Every refusal that a caller may meet, as one table: HTTP status, exit code, retry advice and the sentence for the docs.
// The codes are stable: callers branch on them. Anything that is not in here is a bug or an outage and becomes `internal`.

export interface ErrorRule {
  /** HTTP status. */
  readonly status: number;
  /** Exit code of the command line. */
  readonly exit: number;
  /** True when the same call may succeed later without a change. */
  readonly retryable: boolean;
  readonly when: string;
}

export const ERRORS = {
  malformed_request: {
    status: 400,
    exit: 2,
    retryable: false,
    when: 'the HTTP request can not be read: no JSON, a duplicate key or header, two idempotency keys that differ',
  },
  unsupported_media_type: { status: 415, exit: 2, retryable: false, when: 'a body that is not application/json' },
  request_too_large: { status: 413, exit: 2, retryable: false, when: 'the body is over the limit of the server' },
  headers_too_large: { status: 431, exit: 2, retryable: false, when: 'the headers are over the limit of the server, or too many' },
  request_timeout: { status: 408, exit: 7, retryable: true, when: 'the request did not come whole in time' },
  method_not_allowed: { status: 405, exit: 2, retryable: false, when: 'the path exists and does not have this method; `allow` names those it has' },
  rate_limited: { status: 429, exit: 6, retryable: true, when: 'too many requests of this key, client or address; `retry-after` says when' },
  invalid_input: { status: 422, exit: 2, retryable: false, when: 'a field is missing, of the wrong type or out of bounds; `details.fields` names it' },
  invalid_category: { status: 422, exit: 2, retryable: false, when: 'the task type is not a well-formed category, or the registry mode refuses it' },
  unknown_category: { status: 422, exit: 2, retryable: false, when: 'the registry mode is `registered` and the type is not in it' },
  invalid_payload: {
    status: 422,
    exit: 2,
    retryable: false,
    when: 'payload or result is not JSON, nests too deep, has lone surrogates a `__proto__` key, or does not fit the schema of its category; `details.fields` says where',
  },
  payload_too_large: { status: 413, exit: 2, retryable: false, when: 'payload or result is over the limit of bytes' },
  unauthenticated: { status: 401, exit: 4, retryable: false, when: 'no key, or an unknown, expired or revoked one' },
  forbidden: { status: 403, exit: 4, retryable: false, when: 'this role, or a key of these scopes, may never do this' },
  issuer_unavailable: { status: 503, exit: 7, retryable: true, when: 'the keys of the issuer of a token can not be had now' },
  not_found: { status: 404, exit: 3, retryable: false, when: 'absent, or of another client (the two answer alike)' },
  unknown_client: { status: 404, exit: 3, retryable: false, when: 'no such client, and clients are not made on first use here' },
  client_suspended: { status: 403, exit: 4, retryable: false, when: 'an operator suspended the client' },
  invalid_transition: { status: 409, exit: 5, retryable: false, when: 'the lifecycle has no such move; `details` has the state and what it allows' },
  lease_lost: { status: 409, exit: 5, retryable: false, when: 'the lease is not the current one: absent, lapsed, ended, or of another worker' },
  idempotency_conflict: { status: 409, exit: 5, retryable: false, when: 'the idempotency key was used with other content' },
  parent_ended: {
    status: 409,
    exit: 5,
    retryable: false,
    when: 'a task that it is to wait for has ended otherwise than completed, and its policy is `cancel`',
  },
  already_exists: { status: 409, exit: 5, retryable: false, when: 'something with this name exists' },
  too_many_lanes: { status: 429, exit: 6, retryable: true, when: 'the client has too many distinct pairs of type and compatibility' },
  quota_exceeded: {
    status: 429,
    exit: 6,
    retryable: true,
    when: 'the client has as much unfinished as its quota lets it, or as many limits or schedules as it may',
  },
  worker_outdated: { status: 409, exit: 5, retryable: false, when: 'the worker is unknown or was removed: register again' },
  unknown_strategy: { status: 422, exit: 2, retryable: false, when: 'no strategy of that name; the sentence lists the known ones' },
  timeout: { status: 504, exit: 7, retryable: true, when: 'the wait ended before the task did' },
  aborted: { status: 499, exit: 7, retryable: true, when: 'the caller gave up by its signal' },
  closed: { status: 503, exit: 7, retryable: false, when: 'the queue is closed' },
  store_busy: { status: 503, exit: 7, retryable: true, when: 'another process held the database beyond the deadline' },
  store_full: { status: 507, exit: 7, retryable: true, when: 'the disk or the database is full' },
  store_read_only: { status: 503, exit: 7, retryable: false, when: 'the database file can not be written' },
  store_corrupt: { status: 503, exit: 7, retryable: false, when: 'the file is not a database, or is damaged' },
  store_newer: { status: 503, exit: 7, retryable: false, when: 'the schema is newer than this program' },
  store_refused: { status: 503, exit: 7, retryable: false, when: 'the place can not hold a queue: a network file system, or tables of somebody else' },
  store_unavailable: { status: 503, exit: 7, retryable: true, when: 'the database could not be opened or reached' },
  store_moving: { status: 503, exit: 7, retryable: true, when: 'the queue is being moved to another store: it can be read and not written' },
  store_moved: { status: 503, exit: 7, retryable: false, when: 'the queue was moved to another store, which the sentence names' },
  config_refused: { status: 500, exit: 78, retryable: false, when: 'a server does not start: its settings are unknown, wrong, unsafe or do not fit together' },
  address_unavailable: { status: 503, exit: 7, retryable: true, when: 'a server does not start: the address or port to listen on can not be had' },
  body_consumed: {
    status: 500,
    exit: 1,
    retryable: false,
    when: 'the program that mounts the server read the body of the request first: mount it before body parsers',
  },
  internal: { status: 500, exit: 1, retryable: false, when: 'anything else: a bug of ours' },
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERRORS;

/** A refusal as a value: what pure code answers instead of throwing. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const refuse = (code: ErrorCode, message: string, details?: Readonly<Record<string, unknown>>): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: details === undefined ? { code, message } : { code, message, details },
});

/** The one error class of the product. `code` is stable, `message` says what to do, `details` are plain data. */
export class QueueError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'QueueError';
    this.code = code;
    this.details = details;
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
  static from(refusal: Refusal): QueueError {
    return new QueueError(refusal.code, refusal.message, refusal.details);
  }
}

/** The value of a result, or its refusal thrown. For the edge of the service: inside, hand the result on. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw QueueError.from(result.refusal);
}

const DEEPEST_CAUSE = 4;

/** An error and what caused it, outermost first; a circle ends. For logs and for who runs the queue, never for callers. */
export function causesOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (
    let one = error;
    one !== undefined && one !== null && !chain.includes(one) && chain.length <= DEEPEST_CAUSE;
    one = one instanceof Error ? one.cause : undefined
  )
    chain.push(one);
  return chain;
}

/** An enqueue named a version of the registry of categories that is no longer the one: it is prepared anew. Never seen outside the library. */
export const registryChanged = (): QueueError => new QueueError('registry_changed' as ErrorCode, '');
export const isRegistryChanged = (error: unknown): boolean => error instanceof QueueError && (error.code as string) === 'registry_changed';
