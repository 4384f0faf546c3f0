// A refusal as RFC 9457 problem+json: the code of the error table, a sentence, the request's id. Never a stack, never SQL.
import { encode } from '../contract/wire.ts';
import { ERRORS, QueueError } from '../domain/errors.ts';
import type { Reply } from './reply.ts';

const RETRY_AFTER_S = 1;

/** Anything that is not a refusal of ours is `internal`, and what it says stays inside. */
export const asRefusal = (error: unknown): QueueError =>
  error instanceof QueueError && error.code !== 'internal'
    ? error
    : new QueueError('internal', 'something went wrong here: it is in the log under the request id', {}, error);

/** Whoever serves the program has to change it; a body that is gone can not be had again. */
export const bodyConsumed = (): QueueError =>
  new QueueError(
    'body_consumed',
    'the body of the request was read before PrismQ got it: mount PrismQ before what parses bodies (express.json(), the parsers of fastify, …)',
  );

export function problem(error: QueueError, requestId: string): Reply {
  const { status, retryable } = ERRORS[error.code];
  const fields = Array.isArray(error.details['fields']) ? { fields: error.details['fields'] as unknown } : {};
  const { fields: _, retryAfterMs, allow, ...details } = error.details;
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (status === 429 || (status === 503 && retryable))
    headers['retry-after'] = String(typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : RETRY_AFTER_S);
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="prismq"';
  if (typeof allow === 'string') headers['allow'] = allow;
  const shown = error.code === 'internal' || Object.keys(details).length === 0 ? {} : { details };
  const body = encode({
    type: `urn:prismq:error:${error.code}`,
    title: error.code.replaceAll('_', ' '),
    status,
    code: error.code,
    detail: error.message,
    requestId,
    ...fields,
    ...shown,
  });
  return { status, headers, body };
}
