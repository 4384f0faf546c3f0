// From the head and the text of a request to checked input: strict schemas, duplicate keys and unknown properties refused, and
// what is the user's JSON cut out as text.
import { cutBody } from '../contract/cut.ts';
import type { OperationRow } from '../contract/operations.ts';
import { REQUESTS } from '../contract/schemas.ts';
import type { RequestName } from '../contract/schemas.ts';
import { decode } from '../contract/wire.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { scanJson } from '../domain/json-text.ts';
import { LIMITS } from '../domain/limits.ts';
import type { Ask } from './reply.ts';

/** The body around a payload adds three levels. */
const MAX_DEPTH = LIMITS.payloadDepth.default + 3;

export async function readInput(ask: Ask, row: OperationRow, maxBytes: number): Promise<Record<string, unknown>> {
  const query = checked(row.query as RequestName | undefined, queryOf(ask.query));
  const body = await ask.body();
  if (row.body === undefined) {
    if (body.trim() !== '') throw new QueueError('malformed_request', 'this operation takes no body');
    return query;
  }
  if (body !== '') requireJson(ask);
  return { ...query, ...checked(row.body as RequestName, body === '' ? {} : parse(body, maxBytes)) };
}

function queryOf(search: URLSearchParams): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of search) {
    if (Object.hasOwn(query, name)) throw new QueueError('malformed_request', `the query has ${JSON.stringify(name)} twice`);
    query[name] = value;
  }
  return query;
}

function requireJson(ask: Ask): void {
  const type = ask.header('content-type') ?? '';
  if (!/^application\/json(\s*;\s*charset=utf-8)?$/i.test(type)) throw new QueueError('unsupported_media_type', 'send the body as application/json');
}

function parse(text: string, maxBytes: number): unknown {
  const scan = scanJson(text, { maxBytes, maxDepth: MAX_DEPTH, name: 'body' });
  if (!scan.ok) {
    const { code, message } = scan.refusal;
    if (code === 'payload_too_large') throw new QueueError('request_too_large', `the body is over ${maxBytes} bytes`);
    throw new QueueError(message.includes('is not JSON') ? 'malformed_request' : code, message);
  }
  return unwrap(cutBody(text));
}

function checked(name: RequestName | undefined, value: unknown): Record<string, unknown> {
  if (name === undefined) {
    const [unknown] = Object.keys(value as object);
    if (unknown !== undefined)
      throw new QueueError('invalid_input', `${unknown}: is not known here`, { fields: [{ field: unknown, message: 'is not known here' }] });
    return {};
  }
  const result = REQUESTS[name].safeParse(value);
  if (result.success) return decode(result.data) as Record<string, unknown>;
  const fields = result.error.issues.slice(0, 20).flatMap(fieldsOf);
  throw new QueueError('invalid_input', fields.map(({ field, message }) => `${field}: ${message}`).join('; '), { fields });
}

function fieldsOf(issue: {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}): { field: string; message: string }[] {
  const at = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return (issue.keys ?? []).map((key) => ({ field: at === '' ? key : `${at}.${key}`, message: 'is not known here' }));
  return [{ field: at === '' ? 'body' : at, message: issue.message }];
}
