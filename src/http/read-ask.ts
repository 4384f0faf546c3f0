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
/** What is wrong is named by so much of it: an answer is no echo. */
const MOST_NAME = 100;
const MOST_FIELDS = 20;

export async function readInput(ask: Ask, row: OperationRow, maxBytes: number): Promise<Record<string, unknown>> {
  const query = checked(row.query as RequestName | undefined, queryOf(ask.query));
  if (row.lines === true) {
    requireType(ask, NDJSON, 'application/x-ndjson, one task a line');
    return query;
  }
  const body = await ask.body();
  if (row.body === undefined) {
    if (body.trim() !== '') throw new QueueError('malformed_request', 'this operation takes no body');
    return query;
  }
  if (body !== '') requireJson(ask);
  return { ...query, ...checked(row.body as RequestName, body === '' ? {} : parse(body, maxBytes)) };
}

/** What may be given again; all else comes once. */
const LISTS: ReadonlySet<string> = new Set(['metadata']);

function queryOf(search: URLSearchParams): Record<string, string | readonly string[]> {
  const query: Record<string, string | readonly string[]> = {};
  for (const [name, value] of search) {
    if (LISTS.has(name)) {
      query[name] ??= search.getAll(name);
      continue;
    }
    if (Object.hasOwn(query, name)) throw new QueueError('malformed_request', `the query has ${JSON.stringify(name.slice(0, MOST_NAME))} twice`);
    query[name] = value;
  }
  return query;
}

/** One line of a body of lines. */
export const readItem = (text: string): Record<string, unknown> => checked('Enqueue', parse(text, MOST_LINE));

/** A task with the largest payload, and what is around it. */
export const MOST_LINE = LIMITS.payloadBytes.max + 100_000;
const NDJSON = /^application\/(x-ndjson|jsonl|x-jsonlines)(\s*;\s*charset=utf-8)?$/i;
const JSON_ALONE = /^application\/json(\s*;\s*charset=utf-8)?$/i;

function requireJson(ask: Ask): void {
  requireType(ask, JSON_ALONE, 'application/json');
}

function requireType(ask: Ask, types: RegExp, words: string): void {
  const encoding = ask.header('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw new QueueError('unsupported_media_type', 'send the body as it is, without a content-encoding');
  if (!types.test(ask.header('content-type') ?? '')) throw new QueueError('unsupported_media_type', `send the body as ${words}`);
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
    const unknown = Object.keys(value as object)[0]?.slice(0, MOST_NAME);
    if (unknown !== undefined)
      throw new QueueError('invalid_input', `${unknown}: is not known here`, { fields: [{ field: unknown, message: 'is not known here' }] });
    return {};
  }
  const result = REQUESTS[name].safeParse(value);
  if (result.success) return decode(result.data) as Record<string, unknown>;
  const fields = result.error.issues.slice(0, MOST_FIELDS).flatMap(fieldsOf).slice(0, MOST_FIELDS);
  throw new QueueError('invalid_input', fields.map(({ field, message }) => `${field}: ${message}`).join('; '), { fields });
}

function fieldsOf(issue: {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}): { field: string; message: string }[] {
  const at = issue.path.map((part) => String(part).slice(0, MOST_NAME)).join('.');
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).map((key) => ({ field: `${at === '' ? '' : `${at}.`}${key.slice(0, MOST_NAME)}`, message: 'is not known here' }));
  return [{ field: at === '' ? 'body' : at, message: issue.message }];
}
