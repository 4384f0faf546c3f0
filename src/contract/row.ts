// What a row of the table of operations is, and the short forms in which the table is written.
import type { Operation } from '../domain/access.ts';
import type { ErrorCode } from '../domain/errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface OperationRow {
  readonly method: Method;
  /** `{id}` is a segment. */
  readonly path: `/${string}`;
  /** The row of the access table; several where the body decides, none where any key will do. */
  readonly access: Operation | readonly Operation[] | 'public';
  /** Names of `schemas.ts`. */
  readonly query?: string;
  readonly body?: string;
  /** Null: no content. */
  readonly answer: string | null;
  /** Of a success; the second where it names what was there already. */
  readonly status: readonly number[];
  /** Refusals beyond those that every row has. */
  readonly errors: readonly ErrorCode[];
  /** Answered before the router, in batches with what else came in the same turn. */
  readonly hot?: true;
  /** An admin of the platform may name a client by `PrismQ-Client`, and a reason. */
  readonly inside?: true;
  /** Waits up to `wait_ms`. */
  readonly waits?: true;
  /** The body is lines, each of them what `body` names. */
  readonly lines?: true;
  /** Server-sent events. */
  readonly stream?: true;
  /** What the answer is, where it is no JSON. */
  readonly contentType?: string;
  readonly summary: string;
}

export const TASK = ['not_found'] as const;
export const MOVE = ['not_found', 'invalid_transition'] as const;
export const LEASE = ['lease_lost', 'invalid_transition'] as const;
export const ENQUEUE = [
  'invalid_category',
  'unknown_category',
  'invalid_payload',
  'payload_too_large',
  'unknown_client',
  'client_suspended',
  'idempotency_conflict',
  'not_found',
  'parent_ended',
  'too_many_lanes',
  'quota_exceeded',
] as const;

export const row = <R extends OperationRow>(operation: R): R => operation;
export const get = <const P extends `/${string}`, const A extends OperationRow['access']>(
  path: P,
  access: A,
  answer: string,
  rest: Partial<OperationRow> & Pick<OperationRow, 'summary'>,
) => row({ method: 'GET', path, access, answer, status: [200], errors: [], ...rest });
export const post = <const P extends `/${string}`, const A extends OperationRow['access']>(
  path: P,
  access: A,
  answer: string | null,
  rest: Partial<OperationRow> & Pick<OperationRow, 'summary'>,
) => row({ method: 'POST', path, access, answer, status: [answer === null ? 204 : 200], errors: [], ...rest });
export const remove = <const P extends `/${string}`, const A extends OperationRow['access']>(
  path: P,
  access: A,
  summary: string,
  rest: Partial<OperationRow> = {},
) => row({ method: 'DELETE', path, access, answer: null, status: [204], errors: TASK, ...rest, summary });

/** Many tasks at once. */
export const bulk = <const E extends 'cancel' | 'requeue' | 'reprioritise' | 'purge'>(event: E, summary: string) =>
  row({
    method: 'POST',
    path: `/queue/bulk/${event}`,
    access: `bulk.${event}`,
    body: 'Bulk',
    answer: 'BulkDone',
    status: [200],
    errors: ['invalid_category', 'not_found'],
    inside: true,
    summary: `${summary}, by ids or by a filter; \`dry_run\` only counts. What is over \`limit\` goes on with the cursor of the answer.`,
  });
