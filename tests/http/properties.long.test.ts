// Mass assignment, generated from the contract: every property that some body or answer knows is sent in every body and every
// object inside one that does not know it. It is refused by its name and changes nothing; the same request without it is taken.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { ANSWERS } from '../../src/contract/answers.ts';
import { rowOf } from '../../src/contract/operations.ts';
import { REQUESTS } from '../../src/contract/schemas.ts';
import type { RequestName } from '../../src/contract/schemas.ts';
import { ACCESS } from '../../src/domain/access.ts';
import type { Operation } from '../../src/domain/access.ts';
import { assertProblem } from './conforms.ts';
import { CALLS } from './cube/calls.ts';
import type { CubeCall, CubeName, MakeCall } from './cube/calls.ts';
import { changed, makeWorld, open, rowsOf } from './cube/world.ts';
import type { World } from './cube/world.ts';
import type { Answered, Rig } from './stand.ts';

// Names

type Node = { readonly properties?: Readonly<Record<string, Node>>; readonly items?: Node; readonly anyOf?: readonly Node[]; readonly oneOf?: readonly Node[] };

function namesIn(node: Node, names: Set<string>): void {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    names.add(name);
    namesIn(child, names);
  }
  for (const child of [node.items, ...(node.anyOf ?? []), ...(node.oneOf ?? [])]) if (child !== undefined) namesIn(child, names);
}

const schemaOf = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node;
/** What the database has and no interface names, and what other products took by mistake. */
const INSIDE = [
  'tenant_id',
  'task_no',
  'lane_id',
  'lease_token',
  'digest',
  'request_digest',
  'of_program',
  'set_id',
  'is_admin',
  'admin',
  'permissions',
  'actor',
  'id',
  'constructor',
  'prototype',
  'toString',
];
const NAMES = new Set<string>(INSIDE);
for (const schema of [...Object.values(REQUESTS), ...Object.values(ANSWERS)]) namesIn(schemaOf(schema), NAMES);
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
for (const name of [...NAMES]) NAMES.add(camel(name));

test('the names that are tried are those of the contract', () => {
  for (const name of ['client_id', 'created_by', 'status', 'attempts', 'locked_by', 'lease_until_utc', 'lockedBy', 'worker_id', 'digest', 'effective_priority'])
    assert.ok(NAMES.has(name), name);
  assert.ok(NAMES.size > 150);
});

// Requests

type Body = Readonly<Record<string, unknown>>;

interface Case {
  readonly name: CubeName;
  readonly variant: string;
  readonly make: MakeCall;
}
const CASES: readonly Case[] = Object.entries(CALLS)
  .flatMap(([name, variants]) => Object.entries(variants).map(([variant, make]) => ({ name: name as CubeName, variant, make })))
  .filter(({ name }) => rowOf(name).access !== 'public');
const titleOf = ({ name, variant }: Case): string => `${name} (${variant})`;

let world: World;
let rig: Rig;
const closing: (() => unknown)[] = [];
const whole = { after: (close: () => unknown) => void closing.unshift(close) };
before(async () => {
  world = await makeWorld(whole);
  rig = await open(whole, world.file);
});
after(async () => {
  for (const close of closing) await close();
});

function keyFor({ name }: Case): string {
  const { access } = rowOf(name);
  const inside = rowOf(name).inside === true;
  const { reach } = ACCESS[(typeof access === 'string' ? access : access[0]) as Operation];
  const keys = world.keys.acme;
  const role =
    reach.client !== 'no'
      ? 'client'
      : reach.worker !== 'no'
        ? 'worker'
        : reach.platform_admin === 'no' || (inside && reach.client_admin !== 'no')
          ? 'client_admin'
          : 'platform_admin';
  return keys[role] as string;
}
const callOf = ({ make }: Case): CubeCall => make(world.subjects.acme);

/** A place inside a body: how a body with an object more of that place looks, and the path to it. */
interface Place {
  readonly what: string;
  readonly schema: Node;
  readonly put: (body: Body, name: string, value: unknown) => Body;
}

/** Where the items of a list differ by what they are for, `op` says which. */
const inside = (schema: Node, op: string | undefined, ...path: readonly string[]): Node => {
  let node: Node | undefined = schema;
  for (const step of path) node = (step === '*' ? node?.items : node?.properties?.[step]) as Node | undefined;
  const kinds = (node?.anyOf ?? node?.oneOf ?? [node]).filter((one) => one?.properties !== undefined) as Node[];
  return kinds.find((one) => (one.properties?.['op'] as { const?: unknown } | undefined)?.const === op) as Node;
};
const firstOr = (list: unknown, otherwise: Body): Body => (list as readonly Body[] | undefined)?.[0] ?? otherwise;
const objectOr = (value: unknown): Body => (typeof value === 'object' ? (value as Body) : {});
const first = (list: unknown): Body => firstOr(list, {});

const BACKOFF = { initial_ms: 1, max_ms: 2, multiplier: 2, jitter: 0 };

/** The objects inside bodies; what is not here is a map whose names are the user's. */
const NESTED: Partial<Record<RequestName, readonly Omit<Place, 'schema'>[]>> = {
  EnqueueMany: [{ what: 'tasks.*', put: (body, name, value) => ({ ...body, tasks: [{ ...first(body['tasks']), [name]: value }] }) }],
  Settle: [{ what: 'items.*', put: (body, name, value) => ({ items: [{ ...first(body['items']), [name]: value }] }) }],
  Heartbeat: [
    { what: 'leases.*', put: (body, name, value) => ({ ...body, leases: [{ ...firstOr(body['leases'], { task_id: 'x', lease_id: 'y' }), [name]: value }] }) },
  ],
  Claim: [{ what: 'capabilities', put: (body, name, value) => ({ ...body, capabilities: { ...(body['capabilities'] as Body), [name]: value } }) }],
  Registration: [{ what: 'capabilities', put: (body, name, value) => ({ ...body, capabilities: { ...(body['capabilities'] as Body), [name]: value } }) }],
  Fail: [{ what: 'error', put: (body, name, value) => ({ ...body, error: { message: 'no', ...objectOr(body['error']), [name]: value } }) }],
  NewKey: [
    {
      what: 'grants.*',
      put: (body, name, value) => ({ ...body, grants: [{ ...firstOr(body['grants'], { client_id: 'acme', pattern: '*' }), [name]: value }] }),
    },
  ],
  CategoryChange: [{ what: 'backoff', put: (body, name, value) => ({ ...body, backoff: { ...BACKOFF, ...objectOr(body['backoff']), [name]: value } }) }],
};

function placesOf(name: RequestName, op?: string): Place[] {
  const schema = schemaOf(REQUESTS[name]);
  const whole: Place = { what: '', schema, put: (body, property, value) => ({ ...body, [property]: value }) };
  return [whole, ...(NESTED[name] ?? []).map((place) => ({ ...place, schema: inside(schema, op, ...place.what.split('.')) }))];
}

const inTwenties = (names: readonly string[]): string[][] => Array.from({ length: Math.ceil(names.length / 20) }, (_, i) => names.slice(i * 20, i * 20 + 20));

const VALUES: readonly unknown[] = ['globex', 1, true, null, ['x'], { x: 1 }];

function send(one: Case, change: (body: Body) => Body): Promise<Answered> {
  const { path, body = {} } = callOf(one);
  return rig.call(rowOf(one.name).method, path, { key: keyFor(one), body: change(body as Body) });
}

async function refusesUnknown(one: Case): Promise<void> {
  let tried = 0;
  for (const { what, schema, put } of placesOf(rowOf(one.name).body as RequestName, one.name === 'settle' ? one.variant : undefined)) {
    const known = Object.keys(schema.properties ?? {});
    assert.ok(known.length > 0 || what === '', `${what} is an object of the schema`);
    // As many at a time as a refusal names.
    for (const names of inTwenties([...NAMES].filter((name) => !known.includes(name)))) {
      const answer = await send(one, (body) => names.reduce((all, name) => put(all, name, VALUES[tried++ % VALUES.length]), body));
      assertProblem(answer, 'invalid_input');
      const told = new Set((answer.json['fields'] as { field: string }[]).map(({ field }) => field.split('.').at(-1)));
      assert.deepEqual(
        names.filter((name) => !told.has(name)),
        [],
        answer.text,
      );
    }
  }
  assert.ok(tried > 100);
}

/** One that would take over the prototype of what it is read into is known nowhere, at any depth. */
async function refusesPrototypes(one: Case): Promise<void> {
  const { path, body = {} } = callOf(one);
  const text = JSON.stringify(body);
  for (const evil of ['"__proto__":{"role":"admin"}', '"constructor":{"prototype":{"role":"admin"}}']) {
    const answer = await rig.call(rowOf(one.name).method, path, { key: keyFor(one), body: `{${evil}${text === '{}' ? '' : ','}${text.slice(1)}` });
    // A name that no JSON of anybody's may have, or one that is not known here.
    assertProblem(answer, evil.startsWith('"__proto__"') ? 'invalid_payload' : 'invalid_input');
  }
}

async function takesNoBody(one: Case): Promise<void> {
  for (const body of ['{}', '{"client_id":"globex"}', '[]', 'null', 'x'])
    assertProblem(await rig.call(rowOf(one.name).method, callOf(one).path, { key: keyFor(one), body }), 'malformed_request');
}

/** What a query could filter or order by, if it were let. */
const QUERIES = [
  ...NAMES,
  ...['sort', 'order', 'order_by', 'filter', 'where', 'q', 'fields', 'columns', 'include', 'expand', 'offset', 'page', 'key', 'token', '_method', 'callback'],
];

async function refusesQueries(one: Case): Promise<void> {
  const { query, method } = rowOf(one.name);
  const known = query === undefined ? [] : Object.keys(schemaOf(REQUESTS[query as RequestName]).properties ?? {});
  const { path, body } = callOf(one);
  const [bare] = path.split('?') as [string];
  const ask = (search: string): Promise<Answered> => rig.call(method, `${bare}?${search}`, { key: keyFor(one), ...(body === undefined ? {} : { body }) });
  // The refusal is the same for every name: a sample for each operation, all of them for lists.
  const names = QUERIES.filter(
    (name, i) => !known.includes(name) && ((one.name === 'listTasks' && one.variant === 'all') || i % 11 === CASES.indexOf(one) % 11),
  );
  for (const name of names) assertProblem(await ask(`${name}=1`), 'invalid_input');
  for (const name of known.length > 0 ? known : ['limit']) if (name !== 'metadata') assertProblem(await ask(`${name}=1&${name}=1`), 'malformed_request');
}

describe('what is not known is refused by its name', () => {
  let rows: ReturnType<typeof rowsOf>;
  before(() => (rows = rowsOf(rig)));
  for (const one of CASES) {
    const { body, method } = rowOf(one.name);
    if (body !== undefined) {
      test(`properties of ${titleOf(one)}`, () => refusesUnknown(one));
      test(`prototypes of ${titleOf(one)}`, () => refusesPrototypes(one));
    } else if (method !== 'GET') test(`a body of ${titleOf(one)}`, () => takesNoBody(one));
    test(`parameters of ${titleOf(one)}`, () => refusesQueries(one));
  }
  test('and nothing has changed', () => assert.deepEqual(changed(rows, rowsOf(rig)), []));
});

describe('without it the same request is taken', () => {
  for (const one of CASES)
    if (rowOf(one.name).stream !== true)
      test(titleOf(one), async (t) => {
        const fresh = await open(t, world.file);
        const { path, body } = callOf(one);
        const answer = await fresh.call(rowOf(one.name).method, path, { key: keyFor(one), ...(body === undefined ? {} : { body }) });
        assert.ok(rowOf(one.name).status.includes(answer.status), answer.text);
      });
});
