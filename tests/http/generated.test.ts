// Some thousand requests made from the document that the server gives of itself, those that fit it and those that are broken in
// some way, with keys of every role: no answer is outside the document, and none is a fault of the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { ACCESS } from '../../src/domain/access.ts';
import type { Operation as AccessName, Column } from '../../src/domain/access.ts';
import { assertQuiet } from './conforms.ts';
import { makeWorld, open, ROLES } from './cube/world.ts';
import type { Subject, World } from './cube/world.ts';
import { openStream } from './frames.ts';
import { fitting, misfit } from './schema.ts';
import type { Components, Meant, Schema } from './schema.ts';
import { NOBODY } from './stand.ts';
import type { Answered, Rig } from './stand.ts';

const REQUESTS = 2600;
/** Of one server: then it begins anew, before all is suspended, revoked and purged. */
const OF_ONE = 200;
const SEED = 20_261_124;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, Response>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, 'method' | 'path'>>>>>;
  readonly components: { readonly schemas: Components };
}

const operationsOf = ({ paths }: Document): Operation[] =>
  Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, rest]) => ({ ...rest, method: method.toUpperCase(), path })));

/** What means something in the world of the cube. */
function meantIn(world: World): Meant {
  const { acme, globex } = world.subjects;
  const all = [acme, globex, world.peers.acme, world.twins.acme];
  const some = (of: readonly unknown[]): fc.Arbitrary<unknown> => fc.constantFrom(...of);
  return {
    id: some([...all.flatMap(({ taskId, endedId, heldId, workerId, grantId, keyId }) => [taskId, endedId, heldId, workerId, grantId, keyId]), 'acme', NOBODY]),
    pattern: some(['Known.*', 'T.*', 'T.Waits', 'Fresh.*', '*']),
    task_id: some(all.flatMap(({ taskId, heldId }) => [taskId, heldId])),
    lease_id: some(all.map(({ lease }) => lease)),
    type: some(['T.Waits', 'Fresh.One', 'Known.Two', 'A.B']),
    types: some(['T.*', 'Fresh.*', '*', 'A.B']),
    categories: some(['T.*', 'Fresh.*', '*']),
    clients: some(['acme', 'globex']),
    client_id: some(['acme', 'globex', 'fresh', '*']),
    worker_id: some(['acme:w', 'globex:w', 'fresh']),
    name: some(['acme:w2', 'fresh']),
    strategy: some(['FIFO', 'LIFO', 'PRIORITY', 'WEIGHTED_RANDOM', 'DEADLINE']),
    scopes: some(['read', 'task.*', 'task.get', 'lease.claim']),
    // No request of thousands waits for anything.
    wait_ms: some([0, 1, 2]),
    last_event_id: some(['0', '1', '99999']),
    cursor: some(['5', '1800000000000.01890000-0000-7000-8000-000000000000']),
    'PrismQ-Client': some(['acme', 'globex', 'nobody']),
    'PrismQ-Reason': some(['a ticket', ' ']),
    'Idempotency-Key': some(['a', 'twin']),
    'Last-Event-ID': some(['0', '3', 'x']),
    due_at_utc: some([1_800_000_000_001]),
    max_attempts: some([1, 3]),
    cron: some(['0 2 * * *', '*/5 * * * *']),
    time_zone: some(['UTC', 'Europe/Prague']),
    key: some(['host:*', 'host:a']),
    concurrency: some([1, 100]),
    rate: some([1, 5]),
    per_ms: some([1000, 60_000]),
    every_ms: some([1000, 60_000]),
  };
}

interface Made {
  readonly role: (typeof ROLES)[number];
  readonly client: 'acme' | 'globex';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** How a body is broken; each of a text that fits. */
const BREAKS: readonly ((text: string, random: number) => string)[] = [
  (text) => text.slice(0, -1),
  (text) => `${text}${text}`,
  () => '',
  () => 'null',
  () => '[]',
  () => '"text"',
  () => '{"__proto__":{"x":1}}',
  (text) => text.replace('{', '{"unknown_member":1,'),
  (text) => text.replace('{', '{"client_id":"globex","status":"completed",'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':null'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':[]'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':{"a":1}'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':-1'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':1e308'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':1.5'),
  (text) => text.replace(/:("[^"]*"|\d+)/, `:"${'x'.repeat(2000)}"`),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':"\\ud800"'),
  (text) => text.replace(/:("[^"]*"|\d+)/, ':"\\u0000"'),
  (text) => text.replace(/"(\w+)":/, '"$1":1,"$1":'),
  (text, random) => text.slice(0, random % (text.length + 1)),
  (text, random) => `${text.slice(0, random % (text.length + 1))}\u0000${text.slice(random % (text.length + 1))}`,
  (text, random) => `${text.slice(0, random % (text.length + 1))}]${text.slice((random % (text.length + 1)) + 1)}`,
  (text) => `${'['.repeat(100)}${text}${']'.repeat(100)}`,
];

/** Who may, and what is its own: half of the requests are such that they could be done. */
const idOf = (path: string, subject: Subject): string =>
  path.includes('/workers/')
    ? subject.workerId
    : path.includes('/grants/')
      ? subject.grantId
      : path.includes('/schedules/')
        ? subject.schedule
        : path.includes('/limits/')
          ? subject.limit
          : path.includes('/keys/')
            ? subject.keyId
            : path.includes('/clients/')
              ? subject.clientId
              : /complete|fail|release|progress|children|parents|logs$/.test(path)
                ? subject.heldId
                : /requeue|wait/.test(path)
                  ? subject.endedId
                  : subject.taskId;
const COLUMN: Readonly<Partial<Record<string, Column>>> = {
  client: 'client',
  worker: 'worker',
  client_admin: 'client_admin',
  platform_admin: 'platform_admin',
  auditor: 'auditor',
};
function mayAsk(operationId: string): (typeof ROLES)[number][] {
  const { access } = rowOf(operationId as OperationName);
  if (access === 'public' || access.length === 0) return [...ROLES];
  const operations = (typeof access === 'string' ? [access] : access) as AccessName[];
  return ROLES.filter((role) => {
    const column = COLUMN[role];
    return column !== undefined && operations.some((one) => ACCESS[one].reach[column] !== 'no');
  });
}

function requestsOf(operation: Operation, components: Components, world: World): fc.Arbitrary<Made> {
  const { parameters, requestBody, path, operationId } = operation;
  const meant = meantIn(world);
  const values = fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, fitting(schema, components, meant, name)])));
  const kept = fc.subarray(parameters.filter(({ required }) => !required).map(({ name }) => name));
  const [type = 'application/json', { schema } = {}] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = schema === undefined ? fc.constant(undefined) : fitting(schema, components, meant);
  const breaking = fc.option(fc.tuple(fc.nat({ max: BREAKS.length + 4 }), fc.nat()), { freq: 2, nil: null });
  const client = fc.constantFrom('acme' as const, 'globex' as const);
  const may = mayAsk(operationId);
  const who = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...(may.length > 0 ? may : ROLES)), client, fc.constantFrom('whole' as const, 'own' as const)) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...ROLES), client, fc.constant('any' as const)) },
  );
  return fc.tuple(values, kept, body, breaking, who).map(([drawn, drawnNames, content, drawnBreak, [role, clientId, kind]]) => {
    const isOwn = kind !== 'any';
    const broken = kind === 'whole' ? null : drawnBreak;
    const subject = world.subjects[clientId];
    const given = isOwn ? { ...drawn, id: operationId === 'deleteSchedule' ? `spare-${clientId}` : idOf(path, subject) } : drawn;
    // An admin of the platform that acts for a client names it; nobody else may.
    const inside = isOwn && role === 'platform_admin' && parameters.some(({ name }) => name === 'PrismQ-Client');
    const names = isOwn ? drawnNames.filter((name) => !name.startsWith('PrismQ-')) : drawnNames;
    const at = (place: string): [string, string][] =>
      parameters
        .filter(({ in: where, name, required }) => where === place && (required || names.includes(name)))
        .map(({ name }) => [name, String(given[name])]);
    const query = new URLSearchParams(at('query'));
    let target = path;
    for (const [name, value] of at('path')) target = target.replace(`{${name}}`, encodeURIComponent(value === '.' || value === '..' ? 'dots' : value));
    const headers = Object.fromEntries(at('header').map(([name, value]) => [name, value.replace(/[^\x20-\x7e]/g, '?')]));
    if (inside) Object.assign(headers, { 'PrismQ-Client': clientId, 'PrismQ-Reason': 'a ticket' });
    const [how, random] = broken ?? [-1, 0];
    if (type !== 'application/json') headers['content-type'] = type;
    if (how === BREAKS.length) query.set('unknown', '1');
    if (how === BREAKS.length + 1) query.append('limit', 'x');
    if (how === BREAKS.length + 2) headers['content-type'] = 'text/plain';
    if (how === BREAKS.length + 3) headers['prismq-protocol'] = '9';
    if (how === BREAKS.length + 4) headers['content-encoding'] = 'gzip';
    const own = isOwn && typeof content === 'object' && content !== null && 'lease_id' in content ? { ...content, lease_id: subject.lease } : content;
    const text = own === undefined ? undefined : JSON.stringify(own);
    const sent = text === undefined || how < 0 || how >= BREAKS.length ? text : (BREAKS[how] as (typeof BREAKS)[number])(text, random);
    return { role, client: clientId, path: `${target}${query.size > 0 ? `?${query.toString()}` : ''}`, headers, body: sent };
  });
}

async function ask(rig: Rig, world: World, { method, operationId }: Operation, made: Made): Promise<Answered> {
  const key = world.keys[made.client][made.role];
  if (operationId !== 'events') return rig.call(method, made.path, { key, headers: made.headers, ...(made.body === undefined ? {} : { body: made.body }) });
  const stream = await openStream(rig.url, made.path, { key, headers: made.headers });
  const text = stream.status === 200 ? '' : await stream.text();
  stream.close();
  return { status: stream.status, headers: stream.headers, text, json: (text === '' ? {} : JSON.parse(text)) as Answered['json'] };
}

function assertDocumented(operation: Operation, made: Made, answer: Answered, components: Components): void {
  const what = `${operation.method} ${made.path} as ${made.role} of ${made.client}, ${made.body?.slice(0, 500) ?? 'no body'}: ${answer.status} ${answer.text.slice(0, 500)}`;
  const response = operation.responses[String(answer.status)];
  assert.ok(response, `not in the document: ${what}`);
  assert.ok(answer.status < 500 || answer.status === 503, what);
  const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
  if (content === undefined) return assert.equal(answer.text, '', what);
  assert.equal(answer.headers.get('content-type')?.split(';')[0], type?.split(';')[0], what);
  if (!/json/.test(type ?? '')) return;
  assert.equal(misfit(content.schema, answer.json, components), null, what);
  assertQuiet(answer.text.replace(/"(detail|message|payload|result|error_message|details|fields)":("(?:[^"\\]|\\.)*"|\[[^\]]*\])/g, '"$1":""'));
}

test(`${REQUESTS} requests made from the document are answered inside it`, async (t) => {
  const world = await makeWorld(t);
  const first = await open(t, world.file);
  const document = (await first.call('GET', '/openapi.json')).json as unknown as Document;
  const components = document.components.schemas;
  const operations = operationsOf(document);
  const each = Math.ceil(REQUESTS / operations.length);
  const queue = operations.flatMap((operation) =>
    fc.sample(requestsOf(operation, components, world), { numRuns: each, seed: SEED }).map((made, i) => ({ operation, made, turn: i })),
  );
  // By turns, so that a server sees some of everything.
  queue.sort((a, b) => a.turn - b.turn);
  assert.ok(queue.length >= REQUESTS);
  const seen = new Map<string, Set<number>>();
  let rig = first;
  for (const [i, { operation, made }] of queue.entries()) {
    if (i % OF_ONE === 0 && i > 0) rig = await open(t, world.file);
    const answer = await ask(rig, world, operation, made);
    assertDocumented(operation, made, answer, components);
    seen.set(operation.operationId, (seen.get(operation.operationId) ?? new Set()).add(answer.status));
  }
  assertCovered(operations, seen);
});

/** Each was done at least once and refused at least once: else nothing was tried. */
function assertCovered(operations: readonly Operation[], seen: ReadonlyMap<string, ReadonlySet<number>>): void {
  const lacking = operations.flatMap(({ operationId, parameters, requestBody }) => {
    const statuses = [...(seen.get(operationId) ?? [])];
    const mayRefuse = parameters.length > 0 || requestBody !== undefined;
    const isDone = statuses.some((status) => status < 300) || operationId === 'bootstrap';
    return isDone && (!mayRefuse || statuses.some((status) => status >= 400)) ? [] : [`${operationId}: ${statuses.join(', ')}`];
  });
  assert.deepEqual(lacking, []);
}

test('what does not fit is found', (t: TestContext) => {
  const components: Components = { A: { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'], additionalProperties: false } };
  const a: Schema = { $ref: '#/components/schemas/A' };
  assert.equal(misfit(a, { n: 1 }, components), null);
  for (const value of [{}, { n: 0 }, { n: '1' }, { n: 1, m: 2 }, [], null, 1]) assert.notEqual(misfit(a, value, components), null);
  assert.throws(() => misfit({ not: {} } as Schema, 1, components), /do not know/);
  for (const value of fc.sample(fitting(a, components, {}), { numRuns: 50, seed: SEED })) assert.equal(misfit(a, value, components), null);
  t.diagnostic('checked');
});
