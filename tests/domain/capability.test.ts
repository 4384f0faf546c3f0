// Capabilities: the match of declared, granted and asked for against a plain reference, canonical texts, and the forms that are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalAttributes,
  canonicalCompatibility,
  capabilityKey,
  checkCapabilities,
  checkGrant,
  covers,
  formatGrant,
  parseGrant,
} from '../../src/domain/capability.ts';
import type { Compatibility, GrantSpec, WorkerCapabilities } from '../../src/domain/task.ts';
import { codeOf, fieldsOf, valueOf } from './results.ts';

const scalar = fc.constantFrom<string | number | boolean>('eu', 1, 2, true, '1');
const scalars = fc.array(scalar, { minLength: 1, maxLength: 4 });
const many = fc.oneof(scalar, fc.array(scalar, { minLength: 2, maxLength: 5 }));
const key = fc.constantFrom('region', 'gpu', 'constructor');
const pattern = fc.constantFrom('*', '*', 'A', 'A.*', 'A.*', 'A.B', 'A.B.*', 'C');
const client = fc.constantFrom('acme', 'globex');
const range = fc.constantFrom({ min: 2 }, { max: 2 }, { min: 1, max: 2 });
const compatibility = fc.dictionary(key, fc.oneof(scalar, scalars, range), { maxKeys: 2 }) as fc.Arbitrary<Compatibility>;
const grant = fc.record(
  { clientId: fc.oneof(client, fc.constant('*')), pattern, attributes: fc.dictionary(key, scalars, { maxKeys: 2 }) },
  { requiredKeys: ['clientId', 'pattern'] },
) as fc.Arbitrary<GrantSpec>;
const declared = fc.record(
  {
    categories: fc.array(pattern, { maxLength: 4 }),
    clients: fc.array(client, { maxLength: 4 }),
    attributes: fc.record({ region: many, gpu: many, constructor: scalar }, { requiredKeys: ['region'] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<WorkerCapabilities>;
const lane = fc.record({ clientId: client, type: fc.constantFrom('A', 'A.B', 'A.B.C', 'C', 'AB'), compatibility });

const named = (wanted: string, type: string): boolean => wanted === '*' || wanted === type || (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1)));

/** The rule as it is written: every requirement has a declared value that fits it and that the grant does not exclude. */
function mayTake(worker: WorkerCapabilities, grants: readonly GrantSpec[], task: { clientId: string; type: string; compatibility: Compatibility }): boolean {
  const wants = !(worker.clients && !worker.clients.includes(task.clientId)) && !(worker.categories && !worker.categories.some((one) => named(one, task.type)));
  const allowed = grants.filter((one) => ['*', task.clientId].includes(one.clientId) && named(one.pattern, task.type));
  return (
    wants &&
    allowed.some((one) => {
      const bounds = new Map(Object.entries(one.attributes ?? {}));
      const says = new Map(Object.entries(worker.attributes ?? {}));
      return Object.entries(task.compatibility).every(([name, asked]) =>
        [says.get(name) ?? []].flat().some((value) => {
          if (bounds.has(name) && !bounds.get(name)?.includes(value)) return false;
          if (typeof asked !== 'object') return asked === value;
          if (Array.isArray(asked)) return asked.includes(value);
          const { min = -Infinity, max = Infinity } = asked as { min?: number; max?: number };
          return typeof value === 'number' && min <= value && value <= max;
        }),
      );
    })
  );
}

test('a lane is covered exactly when a grant reaches it and every requirement is answered inside the grant', () => {
  // The cases that say something: taken, or kept away, by what the task asks for.
  const seen = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(declared, fc.array(grant, { minLength: 1, maxLength: 4 }), lane, (worker, grants, task) => {
      const expected = mayTake(worker, grants, task);
      if (Object.keys(task.compatibility).length > 0 && mayTake(worker, grants, { ...task, compatibility: {} })) seen[expected ? 'taken' : 'refused']++;
      return covers(worker, grants, task) === expected;
    }),
    { numRuns: 10_000, seed: 7 },
  );
  assert.ok(seen.taken > 300 && seen.refused > 300, JSON.stringify(seen));
});

test('no grant, no task; and what the worker does not declare it does not have, whatever was granted', () => {
  const task = { clientId: 'acme', type: 'A', compatibility: {} };
  assert.equal(covers({}, [], task), false);
  assert.equal(covers({}, [{ clientId: 'acme', pattern: '*' }], task), true);
  const wants = { ...task, compatibility: { gpu: true } };
  const granted = [{ clientId: 'acme', pattern: '*', attributes: { gpu: [true] } }];
  assert.equal(covers({}, granted, wants), false);
  assert.equal(covers({ attributes: { gpu: true } }, granted, wants), true);
  assert.equal(covers({ attributes: { gpu: 'true' } }, granted, wants), false);
  assert.equal(covers({ attributes: { gpu: true } }, [{ clientId: 'acme', pattern: '*', attributes: { gpu: [false] } }], wants), false);
  assert.equal(covers({ categories: [], attributes: { gpu: true } }, granted, wants), false);
});

test('an attribute of every object is no attribute of a worker', () => {
  const task = { clientId: 'acme', type: 'A', compatibility: { constructor: 'x' } as unknown as Compatibility };
  assert.equal(covers({ attributes: {} }, [{ clientId: '*', pattern: '*' }], task), false);
});

test('the canonical text of a compatibility does not depend on the order of its keys', () => {
  assert.deepEqual(valueOf(canonicalCompatibility({ region: 'eu-west-1', gpu: true, ram: { max: 9, min: 1 }, formats: ['b', 'a'] })), {
    text: '{"formats":["b","a"],"gpu":true,"ram":{"max":9,"min":1},"region":"eu-west-1"}',
    region: 'eu-west-1',
  });
  assert.deepEqual(
    valueOf(canonicalCompatibility({ region: 'eu-west-1', ram: { min: 1, max: 9 } })),
    valueOf(canonicalCompatibility({ ram: { max: 9, min: 1 }, region: 'eu-west-1' })),
  );
  assert.deepEqual(valueOf(canonicalCompatibility(undefined)), { text: '{}', region: null });
  assert.equal(valueOf(canonicalCompatibility({ region: ['eu', 'us'] })).region, null);
  assert.deepEqual(JSON.parse(valueOf(canonicalCompatibility(JSON.parse('{"b":1,"a":{"min":0}}'))).text), { a: { min: 0 }, b: 1 });
});

test('a compatibility of any other form is refused and the field is named', () => {
  const bad: readonly (readonly [unknown, string])[] = [
    [null, 'compatibility'],
    [[], 'compatibility'],
    ['gpu', 'compatibility'],
    [new Map(), 'compatibility'],
    [JSON.parse('{"__proto__":{"a":1}}'), 'compatibility.__proto__'],
    [{ ['__proto__']: 1 }, 'compatibility.__proto__'],
    [{ '1a': 1 }, 'compatibility.1a'],
    [{ 'a.b': 1 }, 'compatibility.a.b'],
    [{ a: null }, 'compatibility.a'],
    [{ a: undefined }, 'compatibility.a'],
    [{ a: [] }, 'compatibility.a'],
    [{ a: [[1]] }, 'compatibility.a'],
    [{ a: {} }, 'compatibility.a'],
    [{ a: { min: '1' } }, 'compatibility.a'],
    [{ a: { min: 1, most: 2 } }, 'compatibility.a'],
    [{ a: { min: 2, max: 1 } }, 'compatibility.a'],
    [{ a: { min: Infinity } }, 'compatibility.a'],
    [{ a: Number.NaN }, 'compatibility.a'],
    [{ a: 1n }, 'compatibility.a'],
    [{ a: '\ud800' }, 'compatibility.a'],
    [{ a: 'x\0' }, 'compatibility.a'],
    [Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 1])), 'compatibility'],
    [Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`k${i}`, 'é'.repeat(125)])), 'compatibility'],
  ];
  for (const [value, field] of bad) assert.deepEqual(fieldsOf(canonicalCompatibility(value)), [field]);
  assert.deepEqual(fieldsOf(canonicalCompatibility({ a: null, b: 1, c: {} })), ['compatibility.a', 'compatibility.c']);
  assert.equal(canonicalCompatibility(Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k-${i}`, 1]))).ok, true);
  assert.equal(canonicalCompatibility({ a: 'é'.repeat(255), b: 'é'.repeat(236) }).ok, true);
});

test('the limit of a compatibility is 1,000 bytes of UTF-8', () => {
  const ofBytes = (bytes: number): unknown => ({ a: 'x'.repeat(255), b: '\u{1f600}'.repeat(60), c: 'é'.repeat(120), d: 'x'.repeat(bytes - 764) });
  for (const bytes of [999, 1000]) assert.equal(Buffer.byteLength(valueOf(canonicalCompatibility(ofBytes(bytes))).text), bytes);
  assert.equal(codeOf(canonicalCompatibility(ofBytes(1001))), 'invalid_input');
});

test('capability sets of the same meaning have one key, and the key says what they are', () => {
  const grants: GrantSpec[] = [
    { clientId: 'b', pattern: '*' },
    { clientId: 'a', pattern: 'X.*', attributes: { region: ['us', 'eu', 'us'] } },
  ];
  const one = capabilityKey({ categories: ['B', 'A.*', 'A.C'], clients: ['b', 'a'], attributes: { gpu: [true], ram: [2, 1] } }, grants);
  const other = capabilityKey({ attributes: { ram: [1, 2, 2], gpu: true }, clients: ['a', 'b', 'a'], categories: ['A.*', 'B', 'B'] }, [
    { pattern: 'X.*', attributes: { region: ['eu', 'us'] }, clientId: 'a' },
    ...grants,
  ]);
  assert.equal(one, other);
  assert.deepEqual(JSON.parse(one), {
    declared: { categories: ['A.*', 'B'], clients: ['a', 'b'], attributes: { gpu: true, ram: [1, 2] } },
    grants: [
      { clientId: 'a', pattern: 'X.*', attributes: { region: ['eu', 'us'] } },
      { clientId: 'b', pattern: '*' },
    ],
  });
  assert.notEqual(capabilityKey({ categories: [] }, grants), capabilityKey({}, grants));
  assert.equal(capabilityKey({ attributes: {} }, []), capabilityKey({}, []));
});

test('a set read back from its key covers the same lanes', () => {
  fc.assert(
    fc.property(declared, fc.array(grant, { maxLength: 3 }), lane, (worker, grants, task) => {
      const back = JSON.parse(capabilityKey(worker, grants)) as { declared: WorkerCapabilities; grants: GrantSpec[] };
      return covers(back.declared, back.grants, task) === covers(worker, grants, task);
    }),
    { numRuns: 2000 },
  );
});

test('capabilities are checked field by field', () => {
  assert.deepEqual(valueOf(checkCapabilities({})), {});
  assert.deepEqual(valueOf(checkCapabilities({ categories: ['A.*', 'A.*'], clients: ['acme'], attributes: { gpu: true, formats: ['a'] } })), {
    categories: ['A.*'],
    clients: ['acme'],
    attributes: { formats: ['a'], gpu: true },
  });
  assert.deepEqual(valueOf(checkCapabilities({ clients: ['acme', '*'] })), {});
  assert.deepEqual(fieldsOf(checkCapabilities({ categories: ['A.'], clients: ['-'], attributes: { a: {} }, region: 'eu' })), [
    'capabilities.attributes.a',
    'capabilities.categories',
    'capabilities.clients',
    'capabilities.region',
  ]);
  for (const bad of [null, [], 'A.*', { categories: 'A.*' }, { clients: {} }, { attributes: [] }])
    assert.equal(codeOf(checkCapabilities(bad)), 'invalid_input');
});

test('grants are checked field by field, and a misspelt bound is not silently no bound', () => {
  assert.deepEqual(valueOf(checkGrant({ clientId: '*', pattern: '*', attributes: {} })), { clientId: '*', pattern: '*' });
  assert.deepEqual(valueOf(checkGrant({ clientId: 'a', pattern: 'A', attributes: { region: 'eu' } })).attributes, { region: ['eu'] });
  assert.deepEqual(fieldsOf(checkGrant({ clientId: 'a', pattern: 'A', atributes: { region: 'eu' } })), ['grant.atributes']);
  assert.deepEqual(fieldsOf(checkGrant({})), ['grant.clientId', 'grant.pattern']);
  assert.deepEqual(fieldsOf(checkGrant({ clientId: 'a:b', pattern: '*.A', attributes: { a: [] } })), ['grant.attributes.a', 'grant.clientId', 'grant.pattern']);
  assert.equal(codeOf(checkGrant('acme:*')), 'invalid_input');
});

test('a grant is read from one line of text', () => {
  assert.deepEqual(valueOf(parseGrant('acme:Mail.* region=eu-west-1,eu-central-1 gpu=true ram=16')), {
    clientId: 'acme',
    pattern: 'Mail.*',
    attributes: { gpu: [true], ram: [16], region: ['eu-central-1', 'eu-west-1'] },
  });
  assert.deepEqual(valueOf(parseGrant(' *:* ')), { clientId: '*', pattern: '*' });
  assert.deepEqual(valueOf(parseGrant('a:A v="3","a b",007')).attributes, { v: ['007', '3', 'a b'] });
  for (const bad of [
    '',
    'acme',
    'acme:',
    ':A',
    'acme:A.',
    'a b:A',
    'acme:A region',
    'acme:A region=',
    'acme:A region=a,',
    'acme:A a=1 a=2',
    'acme:A a="x',
    'acme:A a="x"y',
    'acme:A 1=2',
    'acme:A a=1,,2',
  ])
    assert.equal(codeOf(parseGrant(bad)), 'invalid_input', bad);
});

test('every grant is read back from its own text', () => {
  const value = fc.oneof(
    scalar,
    fc.constantFrom('true', 'false', '-1', '1e3', 'a,b', 'a"b', ''),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !text.includes('\0')),
  );
  const any = fc.record({
    clientId: fc.constantFrom('*', 'a.b-c_d', '0'),
    pattern,
    attributes: fc.dictionary(fc.constantFrom('a', 'b-c', 'toString'), fc.array(value, { minLength: 1, maxLength: 4 }), { maxKeys: 3 }),
  });
  fc.assert(
    fc.property(any, (given) => {
      const made = valueOf(checkGrant(given));
      assert.deepEqual(valueOf(parseGrant(formatGrant(made))), made);
    }),
    { numRuns: 2000 },
  );
});

test('the canonical text of attributes is the same for the same bounds', () => {
  assert.equal(canonicalAttributes(undefined), '{}');
  assert.equal(canonicalAttributes({ b: [2, 1, 2], a: ['x'] }), canonicalAttributes({ a: ['x', 'x'], b: [1, 2] }));
  assert.equal(canonicalAttributes({ b: [2, '2'] }), '{"b":["2",2]}');
});
