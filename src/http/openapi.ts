// OpenAPI 3.1 from the table of operations and the schemas: nothing is written twice, and what is not in there is not answered.
import { z } from 'zod';
import { COMMON_ERRORS, OPERATION_LIST, rowOf } from '../contract/operations.ts';
import type { OperationName, OperationRow } from '../contract/operations.ts';
import { ANSWERS } from '../contract/answers.ts';
import type { AnswerName } from '../contract/answers.ts';
import { REQUESTS } from '../contract/schemas.ts';
import type { RequestName } from '../contract/schemas.ts';
import { ERRORS } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';

type Node = Record<string, unknown>;

const TITLES: Readonly<Record<number, string>> = { 200: 'done', 201: 'created', 204: 'done, nothing to say' };
/** The refusals of a request that wants no key. */
const PUBLIC_ERRORS: readonly ErrorCode[] = ['malformed_request', 'method_not_allowed', 'internal'];

const texts = new Map<string, string>();

/** The document as JSON text; made once a version. */
export function openapiText(version: string): string {
  const known = texts.get(version);
  if (known !== undefined) return known;
  const made = JSON.stringify(openapi(version));
  texts.set(version, made);
  return made;
}

function openapi(version: string): Node {
  const paths: Record<string, Node> = {};
  for (const name of OPERATION_LIST) {
    const row = rowOf(name);
    (paths[row.path] ??= {})[row.method.toLowerCase()] = operation(name, row);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'PrismQ', version, description: 'A task queue for people who run work for many customers.', license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key `prismq_…`, or a token of a configured issuer.' } },
      schemas: schemas(),
    },
  };
}

function schemas(): Node {
  const all: Node = {};
  for (const [name, schema] of Object.entries(ANSWERS)) all[name] = plain(schema, 'output');
  for (const [name, schema] of Object.entries(REQUESTS)) if (!name.endsWith('Query')) all[`${name}Request`] = plain(schema, 'input');
  return all;
}

function plain(schema: z.ZodType, io: 'input' | 'output'): Node {
  const override = ({ jsonSchema }: { readonly jsonSchema: Node }): void => {
    // Members may be added to an answer; of a request they are refused.
    if (io === 'output' && jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties'];
  };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override }) as Node;
  return rest;
}

const reference = (name: string): Node => ({ $ref: `#/components/schemas/${name}` });

function operation(name: OperationName, row: OperationRow): Node {
  return {
    operationId: name,
    summary: row.summary,
    tags: [row.path.startsWith('/queue/admin') ? 'admin' : row.path.startsWith('/queue') ? 'queue' : 'server'],
    ...(row.access === 'public' ? { security: [] } : {}),
    parameters: [...pathParameters(row), ...queryParameters(row), ...headerParameters(name, row)],
    ...(row.body === undefined
      ? {}
      : {
          requestBody: {
            required: needsBody(row.body as RequestName),
            content: { [row.lines === true ? 'application/x-ndjson' : 'application/json']: { schema: reference(`${row.body}Request`) } },
          },
        }),
    responses: { ...successes(row), ...refusals(row) },
  };
}

/** Where every member may be left out, so may the body. */
const needsBody = (name: RequestName): boolean => !REQUESTS[name].safeParse({}).success;

const pathParameters = (row: OperationRow): Node[] =>
  [...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 202 } }));

function queryParameters(row: OperationRow): Node[] {
  if (row.query === undefined) return [];
  const { properties = {} } = plain(REQUESTS[row.query as RequestName], 'input') as { properties?: Record<string, Node> };
  const { properties: read = {} } = plain(REQUESTS[row.query as RequestName], 'output') as { properties?: Record<string, Node> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema: numberOf(schema, read[name]) ?? schema }));
}

/** A number is text in a query, and is told as the number that it is read as. */
function numberOf({ override }: Node, read: Node = {}): Node | null {
  if (override !== 'integer') return null;
  const { override: _, ...rest } = read;
  return 'type' in rest ? rest : { type: 'integer', minimum: 0 };
}

function headerParameters(name: OperationName, row: OperationRow): Node[] {
  const text = (header: string, description: string): Node => ({ name: header, in: 'header', required: false, description, schema: { type: 'string' } });
  if (row.access === 'public') return [];
  const inside =
    row.inside !== true ? [] : [text('PrismQ-Client', 'The client an admin of the platform acts in.'), text('PrismQ-Reason', 'Why: written to the audit.')];
  if (name === 'enqueue' || name === 'enqueueChild') return [text('Idempotency-Key', 'Unique per client; a repeat answers the first task.'), ...inside];
  return row.stream === true ? [text('Last-Event-ID', 'Goes on after this event.'), ...inside] : inside;
}

function successes(row: OperationRow): Node {
  const type = row.stream === true ? 'text/event-stream' : (row.contentType?.split(';')[0] ?? 'application/json');
  const content =
    row.answer === null ? {} : { content: { [type]: { schema: row.stream === true ? { type: 'string' } : reference(row.answer as AnswerName) } } };
  return Object.fromEntries(row.status.map((status) => [String(status), { description: TITLES[status] ?? 'done', ...content }]));
}

/** One response a status, with the codes that have it. */
function refusals(row: OperationRow): Node {
  const body: readonly ErrorCode[] = row.body === undefined ? [] : ['unsupported_media_type', 'request_too_large', 'invalid_payload', 'body_consumed'];
  const codes: readonly ErrorCode[] = row.access === 'public' ? [...PUBLIC_ERRORS, ...body, ...row.errors] : [...COMMON_ERRORS, ...body, ...row.errors];
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of codes) byStatus.set(ERRORS[code].status, (byStatus.get(ERRORS[code].status) ?? new Set()).add(code));
  return Object.fromEntries(
    [...byStatus].map(([status, set]) => [
      String(status),
      { description: [...set].join(', '), content: { 'application/problem+json': { schema: reference('Problem') } } },
    ]),
  );
}
