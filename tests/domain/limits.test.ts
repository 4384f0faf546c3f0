// One enqueue from what a caller gives to what the store is given: defaults, bounds, both ways to say a time, digests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS, checkInt, checkMetadata, checkPriority, cleanErrorText, newTask } from '../../src/domain/limits.ts';
import type { LimitName } from '../../src/domain/limits.ts';
import type { EnqueueOptions, NewTask } from '../../src/domain/task.ts';
import type { Result } from '../../src/domain/errors.ts';
import { codeOf, fieldsOf, valueOf } from './results.ts';

const GIVEN = { taskId: 'id', digest: (text: string) => `digest of ${text}`, defaults: {}, limits: { payloadBytes: 100, payloadDepth: 4 } };
const make = (options: unknown, more: Readonly<Record<string, unknown>> = {}): Result<NewTask> =>
  newTask({ clientId: 'acme', type: 'Mail.Send', payload: { to: 'x' }, options: options as EnqueueOptions, ...more }, GIVEN);

test('every limit has a default inside its bounds and a meaning', () => {
  for (const [name, { default: standard, min, max, meaning }] of Object.entries(LIMITS)) {
    assert.ok(min <= standard && standard <= max, name);
    assert.notEqual(meaning, '');
  }
});

test('an integer is accepted exactly inside its limit', () => {
  for (const name of Object.keys(LIMITS) as LimitName[]) {
    const { min, max } = LIMITS[name];
    for (const good of [min, max]) assert.equal(checkInt('n', good, name).ok, true, name);
    for (const bad of [min - 1, max + 1, min + 0.5, Number.NaN, Infinity, String(min), null, undefined, BigInt(min), [min], true])
      assert.deepEqual(fieldsOf(checkInt('n', bad, name)), ['n'], `${name} ${String(bad)}`);
  }
  assert.equal(checkPriority(1000).ok, true);
  assert.deepEqual(fieldsOf(checkPriority(0)), ['priority']);
});

test('without options everything has its default', () => {
  assert.deepEqual(valueOf(make({})), {
    taskId: 'id',
    clientId: 'acme',
    type: 'Mail.Send',
    payload: '{"to":"x"}',
    compatibility: '{}',
    region: null,
    format: null,
    priority: 100,
    maxAttempts: 5,
    delayMs: 0,
    runAfterUtc: null,
    ttlMs: null,
    expiresAtUtc: null,
    maxRunMs: 3_600_000,
    idempotencyKey: null,
    requestDigest: null,
    dueAtUtc: null,
    maxWaitMs: null,
    metadata: null,
    createdBy: null,
    traceparent: null,
    dependsOn: [],
    parentTaskId: null,
    limitKey: null,
  } satisfies NewTask);
});

test('an option that is undefined is one that was not given', () => {
  const names = [
    'priority',
    'compatibility',
    'maxAttempts',
    'delayMs',
    'runAfterUtc',
    'ttlMs',
    'expiresAtUtc',
    'maxRunMs',
    'idempotencyKey',
    'dueAtUtc',
    'maxWaitMs',
    'metadata',
    'createdBy',
    'traceparent',
    'limitKey',
  ];
  assert.deepEqual(valueOf(make(Object.fromEntries(names.map((name) => [name, undefined])))), valueOf(make({})));
});

test('the defaults of a category hold where the caller says nothing', () => {
  const defaults = { priority: 7, maxAttempts: 8, maxRunMs: 9000 };
  const task = valueOf(newTask({ clientId: 'a', type: 'A', options: { maxAttempts: 1 } }, { ...GIVEN, defaults }));
  assert.deepEqual([task.priority, task.maxAttempts, task.maxRunMs, task.payload], [7, 1, 9000, 'null']);
  const { defaults: _, ...without } = GIVEN;
  assert.equal(valueOf(newTask({ clientId: 'a', type: 'A', options: {} }, without)).priority, 100);
});

test('every option arrives, dates as ms since the epoch', () => {
  const task = valueOf(
    make({
      priority: 1,
      compatibility: { region: 'eu' },
      maxAttempts: 100,
      runAfterUtc: new Date(1000),
      expiresAtUtc: 2000,
      maxRunMs: 1000,
      idempotencyKey: 'k',
      dueAtUtc: new Date(1500),
      metadata: { a: '', b: 'ä' },
      createdBy: 'me',
      traceparent: '00-x',
    }),
  );
  assert.deepEqual(
    [
      task.priority,
      task.compatibility,
      task.region,
      task.maxAttempts,
      task.runAfterUtc,
      task.expiresAtUtc,
      task.maxRunMs,
      task.idempotencyKey,
      task.dueAtUtc,
      task.metadata,
      task.createdBy,
      task.traceparent,
    ],
    [1, '{"region":"eu"}', 'eu', 100, 1000, 2000, 1000, 'k', 1500, '{"a":"","b":"ä"}', 'me', '00-x'],
  );
  const relative = valueOf(make({ delayMs: 5, ttlMs: 6, maxWaitMs: 7 }));
  assert.deepEqual([relative.delayMs, relative.ttlMs, relative.maxWaitMs], [5, 6, 7]);
});

test('each wrong value is refused and its field named', () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    priority: [0, 1001, 1.5, '1', null, Number.NaN],
    maxAttempts: [0, 101, 2.5],
    maxRunMs: [999, 86_400_001],
    delayMs: [-1, 365 * 86_400_000 + 1, 0.5, new Date(0)],
    ttlMs: [0, -1],
    maxWaitMs: [-1],
    runAfterUtc: [-1, 1.5, '2030-01-01', new Date(Number.NaN), 8_640_000_000_000_001, null, 1n],
    expiresAtUtc: [new Date('nonsense'), {}],
    dueAtUtc: [Infinity],
    idempotencyKey: ['', 'x'.repeat(256), 'a\nb', '\ud800', 7, null],
    createdBy: ['', 'x'.repeat(129), 'a\0'],
    traceparent: ['', 'x'.repeat(129)],
    metadata: [[], 'x', null],
    compatibility: [null, []],
    payloadDepth: [1],
    toString: [1],
  };
  for (const [field, values] of Object.entries(wrong))
    for (const value of values) assert.deepEqual(fieldsOf(make({ [field]: value })), [field], `${field} ${String(value)}`);
  assert.deepEqual(fieldsOf(make(null)), ['options']);
  assert.deepEqual(fieldsOf(make(JSON.parse('{"__proto__":1}'))), ['__proto__']);
});

test('all wrong fields are named at once', () => {
  assert.deepEqual(fieldsOf(make({ priority: 0, ttlMs: 0, typo: 1, metadata: { a: 1 }, compatibility: { b: null } }, { clientId: '-' })), [
    'clientId',
    'compatibility.b',
    'metadata.a',
    'priority',
    'ttlMs',
    'typo',
  ]);
});

test('two ways to say one time are refused together', () => {
  assert.deepEqual(fieldsOf(make({ delayMs: 0, runAfterUtc: 1, ttlMs: 1, expiresAtUtc: 1, dueAtUtc: 1, maxWaitMs: 1 })), [
    'expiresAtUtc',
    'maxWaitMs',
    'runAfterUtc',
  ]);
});

test('a bad type and a bad payload answer codes of their own', () => {
  assert.equal(codeOf(make({ priority: 0 }, { type: 'Mail.' })), 'invalid_category');
  assert.equal(codeOf(make({ priority: 0 }, { payload: 1n })), 'invalid_payload');
  assert.equal(codeOf(make({}, { payload: [[[[[]]]]] })), 'invalid_payload');
  assert.equal(codeOf(make({}, { payload: 'x'.repeat(99) })), 'payload_too_large');
  assert.equal(make({}, { payload: 'x'.repeat(98) }).ok, true);
});

test('a payload that comes as text is checked and kept byte for byte', () => {
  const payloadText = ' {"n":1.0e2, "format":"pdf"} ';
  const task = valueOf(make({}, { payload: undefined, payloadText }));
  assert.deepEqual([task.payload, task.format], [payloadText, 'pdf']);
  assert.equal(codeOf(make({}, { payloadText: '{' })), 'invalid_payload');
  assert.equal(codeOf(make({}, { payloadText: '' })), 'invalid_payload');
});

test('a request digest tells requests apart by type, payload, compatibility, priority and schedule, and by nothing else', () => {
  const digestOf = (options: EnqueueOptions, more: Readonly<Record<string, unknown>> = {}): string | null =>
    valueOf(make({ idempotencyKey: 'k', ...options }, more)).requestDigest;
  const base = digestOf({});
  for (const same of [
    { idempotencyKey: 'other' },
    { metadata: { a: 'b' } },
    { createdBy: 'me' },
    { traceparent: 't' },
    { delayMs: 0 },
    { compatibility: {} },
    { maxAttempts: 3 },
  ])
    assert.equal(digestOf(same), base);
  const distinct = [
    base,
    digestOf({ priority: 100 }),
    digestOf({ delayMs: 1 }),
    digestOf({ runAfterUtc: 1 }),
    digestOf({ ttlMs: 1 }),
    digestOf({ expiresAtUtc: 1 }),
    digestOf({ dueAtUtc: 1 }),
    digestOf({ maxWaitMs: 1 }),
    digestOf({ compatibility: { a: 1 } }),
    digestOf({}, { payload: { to: 'y' } }),
    digestOf({}, { type: 'Mail.Send2' }),
  ];
  assert.equal(new Set(distinct).size, distinct.length);
  assert.equal(digestOf({ runAfterUtc: new Date(1) }), digestOf({ runAfterUtc: 1 }));
  assert.equal(digestOf({ compatibility: { a: 1, b: 2 } }), digestOf({ compatibility: { b: 2, a: 1 } }));
});

test('a digest does not change with the defaults of the category', () => {
  const input = { clientId: 'a', type: 'A', options: { idempotencyKey: 'k' } };
  assert.equal(valueOf(newTask(input, GIVEN)).requestDigest, valueOf(newTask(input, { ...GIVEN, defaults: { priority: 1 } })).requestDigest);
});

test('metadata is flat strings inside its limits', () => {
  assert.equal(valueOf(checkMetadata({})), null);
  assert.equal(valueOf(checkMetadata({ b: '1', a: '2' })), '{"b":"1","a":"2"}');
  const many = (count: number): unknown => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
  assert.equal(checkMetadata(many(16)).ok, true);
  assert.deepEqual(fieldsOf(checkMetadata(many(17))), ['metadata']);
  assert.deepEqual(fieldsOf(checkMetadata({ ['x'.repeat(65)]: 'v', '': 'v', ok: 'v'.repeat(257), n: 1, c: 'a\u0007', ['__proto__']: 'v' })).length, 6);
  assert.equal(checkMetadata({ ['x'.repeat(64)]: 'v'.repeat(256) }).ok, true);
});

test('an error text is stored well-formed, without NUL and cut', () => {
  assert.equal(cleanErrorText('a\0b\ud800c\n', 99), 'a\uFFFDb\uFFFDc\n');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(20), (text, max) => {
      const clean = cleanErrorText(text, max);
      return clean.length <= max && clean.isWellFormed() && !clean.includes('\0');
    }),
  );
  assert.equal(cleanErrorText('ab\u{1f600}', 3), 'ab\uFFFD');
});
