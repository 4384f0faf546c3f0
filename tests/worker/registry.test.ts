// Which handler is found for a type, and what is refused when handlers are put together.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { QueueError } from '../../src/domain/errors.ts';
import { defineTask } from '../../src/domain/definition.ts';
import { createRegistry, registryOf } from '../../src/worker/registry.ts';

const nothing = (): undefined => undefined;
const refusal = (code: string, text: RegExp) => (error: unknown) => error instanceof QueueError && error.code === code && text.test(error.message);

describe('the most specific pattern wins', () => {
  const registry = createRegistry({ '*': nothing, 'Mail.*': nothing, 'Mail.Send.*': nothing, 'Mail.Send': nothing });
  const cases: readonly (readonly [type: string, pattern: string])[] = [
    ['Mail.Send', 'Mail.Send'],
    ['Mail.Send.Now', 'Mail.Send.*'],
    ['Mail.Send.Now.Twice', 'Mail.Send.*'],
    ['Mail.Read', 'Mail.*'],
    ['Mail.Sender', 'Mail.*'],
    ['Mail', '*'],
    ['Mailing.Send', '*'],
    ['mail.Send', '*'],
  ];
  for (const [type, pattern] of cases) it(`${type} is run by ${pattern}`, () => assert.equal(registry.find(type)?.pattern, pattern));

  it('a type that nothing matches has no handler, also when it is asked for again', () => {
    const narrow = createRegistry({ 'Mail.*': nothing });
    assert.equal(narrow.find('Mail'), undefined);
    assert.equal(narrow.find('Mail'), undefined);
  });

  it('a handler that comes later is seen by types that were looked up before', () => {
    const growing = createRegistry({ 'Mail.*': nothing });
    assert.equal(growing.find('Mail.Send')?.pattern, 'Mail.*');
    assert.equal(growing.find('Web.Get'), undefined);
    growing.add('Mail.Send', nothing).add('*', nothing);
    assert.equal(growing.find('Mail.Send')?.pattern, 'Mail.Send');
    assert.equal(growing.find('Web.Get')?.pattern, '*');
  });

  it('agrees with a search through all patterns, for any set of them', () => {
    const segment = fc.constantFrom('A', 'B', 'Ab');
    const category = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
    const pattern = fc.oneof(
      category,
      category.map((prefix) => `${prefix}.*`),
      fc.constant('*'),
    );
    const matches = (one: string, type: string): boolean => one === '*' || one === type || (one.endsWith('.*') && type.startsWith(one.slice(0, -1)));
    const weight = (one: string, type: string): number => (one === type ? 1_000 : one.length);
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), category, (patterns, type) => {
        const expected = patterns.filter((one) => matches(one, type)).sort((a, b) => weight(b, type) - weight(a, type))[0];
        const found = createRegistry(Object.fromEntries(patterns.map((one) => [one, nothing]))).find(type)?.pattern;
        assert.equal(found, expected);
      }),
    );
  });
});

describe('putting handlers together', () => {
  it('a second handler for a pattern is refused, and the first stays', () => {
    const first = (): string => 'first';
    const registry = createRegistry({ 'Mail.Send': first });
    assert.throws(() => registry.add('Mail.Send', nothing), refusal('already_exists', /Mail\.Send.*override/));
    assert.equal(registry.get('Mail.Send')?.run, first);
    assert.equal(registry.list().length, 1);
  });

  it('a second handler replaces the first where it says override, as an option or in its spec', () => {
    const second = (): string => 'second';
    const third = (): string => 'third';
    const registry = createRegistry({ 'Mail.Send': nothing }).add('Mail.Send', second, { override: true });
    assert.equal(registry.find('Mail.Send')?.run, second);
    registry.add('Mail.Send', { run: third, override: true });
    assert.equal(registry.find('Mail.Send')?.run, third);
  });

  it('a list refuses two handlers of one pattern, told by a name or by a definition', () => {
    assert.throws(
      () =>
        createRegistry([
          ['Mail.Send', nothing],
          [defineTask('Mail.Send'), nothing],
        ]),
      refusal('already_exists', /Mail\.Send/),
    );
  });

  it('get answers for the pattern itself, not for what it matches', () => {
    const registry = createRegistry({ 'Mail.*': nothing });
    assert.equal(registry.get('Mail.*')?.pattern, 'Mail.*');
    assert.equal(registry.get('Mail.Send'), undefined);
  });

  it('versions of specs and definitions are listed, the one of the spec before the one of the definition', () => {
    const registry = createRegistry([
      ['A', { run: nothing, version: '1' }],
      [defineTask('B', { version: '2' }), nothing],
      [defineTask('C', { version: '3' }), { run: nothing, version: '4' }],
      ['D', nothing],
    ]);
    assert.deepEqual(
      registry.list().map(({ pattern, version }) => [pattern, version]),
      [
        ['A', '1'],
        ['B', '2'],
        ['C', '4'],
        ['D', undefined],
      ],
    );
  });

  it('what was added is listed and a given registry is used as it is', () => {
    const registry = createRegistry({ 'Mail.Send': nothing });
    assert.equal(registryOf(registry), registry);
  });

  it('a record whose patterns are called like the methods of a registry is still a record', () => {
    const registry = registryOf({ add: nothing, get: nothing, find: nothing, list: nothing });
    assert.deepEqual(
      registry.list().map(({ pattern }) => pattern),
      ['add', 'get', 'find', 'list'],
    );
  });

  for (const bad of [
    '',
    '.',
    '.*',
    'Mail.',
    '.Send',
    'Mail..Send',
    'Mail.**',
    'Mail*',
    '*.Send',
    'Mail.*.Send',
    '1Mail',
    'Mail-Send',
    'Mail.Sénd',
    ' Mail',
    'Mail\n',
    'A.B.C.D.E.F.G.H.I',
    'A'.repeat(300),
  ]) {
    it(`${JSON.stringify(bad.slice(0, 20))} is no pattern`, () => assert.throws(() => createRegistry().add(bad, nothing), refusal('invalid_category', /./)));
  }
  for (const good of ['A', 'A_1.b2', 'A.*', '*', 'A.B.C.D.E.F.G.H']) {
    it(`${good} is a pattern`, () => assert.equal(createRegistry().add(good, nothing).get(good)?.pattern, good));
  }

  for (const bad of [null, undefined, 7, {}, { run: 'x' }, 'handler']) {
    it(`${JSON.stringify(bad) ?? 'undefined'} is no handler`, () =>
      assert.throws(() => createRegistry().add('A', bad as never), refusal('invalid_input', /A handler is a function/)));
  }
});
