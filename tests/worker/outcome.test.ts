// What a handler returned or threw, as the end of an attempt. Whatever it is, there is an end, and it can be stored.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { QueueError } from '../../src/domain/errors.ts';
import { deadLetter, failed, failureOf, refused, release, retryIn, verdictOf } from '../../src/worker/outcome.ts';

const LIMIT = 1_000;
const verdict = (value: unknown) => verdictOf(value, LIMIT);
const unstorable = (value: unknown, text: RegExp): void => {
  const end = verdict(value);
  assert.ok(end.op === 'fail' && end.retry === false, 'fails for good');
  assert.equal(end.error.kind, 'invalid_payload');
  assert.match(end.error.message, text);
};

describe('a returned value', () => {
  it('is stored as its JSON text', () => {
    assert.deepEqual(verdict({ b: 1, a: [null, 'é'] }), { op: 'complete', result: '{"b":1,"a":[null,"é"]}' });
    assert.deepEqual(verdict(null), { op: 'complete', result: 'null' });
    assert.deepEqual(verdict(''), { op: 'complete', result: '""' });
    assert.deepEqual(verdict(0), { op: 'complete', result: '0' });
  });
  it('that is undefined completes without a result', () => assert.deepEqual(verdict(undefined), { op: 'complete' }));

  it('that has no JSON fails for good and says why', () => {
    unstorable(() => 1, /returned a function/);
    unstorable(Symbol('x'), /returned a symbol/);
    unstorable(10n, /can not be stored as JSON: .*BigInt/);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    unstorable(circle, /can not be stored as JSON: .*circular/i);
    unstorable(
      {
        toJSON: () => {
          throw new RangeError('no');
        },
      },
      /RangeError: no/,
    );
    unstorable(
      new Proxy(
        {},
        {
          has: () => {
            throw new Error('trap');
          },
        },
      ),
      /trap/,
    );
  });

  it('is measured in bytes, not in characters, and may be as large as the limit', () => {
    assert.deepEqual(verdictOf('é'.repeat(4), 10), { op: 'complete', result: '"éééé"' });
    const end = verdictOf('é'.repeat(4), 9);
    assert.ok(end.op === 'fail' && end.retry === false);
    assert.equal(end.error.kind, 'payload_too_large');
    assert.match(end.error.message, /10 bytes.*more than the 9/);
  });
});

describe('an outcome', () => {
  it('retryIn fails with its own delay', () =>
    assert.deepEqual(verdict(retryIn(1_500, 'rate limit')), { op: 'fail', error: { message: 'rate limit', kind: 'retry' }, retry: true, retryInMs: 1_500 }));
  it('deadLetter fails for good', () =>
    assert.deepEqual(verdict(deadLetter('no such user')), { op: 'fail', error: { message: 'no such user', kind: 'dead_letter' }, retry: false }));
  it('release hands back, at once or later', () => {
    assert.deepEqual(verdict(release()), { op: 'release' });
    assert.deepEqual(verdict(release(250)), { op: 'release', delayMs: 250 });
  });
  it('has a reason where none is given', () => {
    for (const outcome of [retryIn(0), deadLetter()]) {
      const end = verdict(outcome);
      assert.ok(end.op === 'fail' && end.error.message.length > 0);
    }
  });
  it('takes whole milliseconds from 0 up and refuses everything else', () => {
    assert.deepEqual(verdict(retryIn(0.4)), verdict(retryIn(0)));
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
      assert.throws(
        () => retryIn(bad),
        (error: unknown) => error instanceof QueueError && error.code === 'invalid_input',
      );
      assert.throws(
        () => release(bad),
        (error: unknown) => error instanceof QueueError && error.code === 'invalid_input',
      );
    }
  });
  it('is not confused with a result that looks like it', () => {
    const lookalike = { op: 'release', delayMs: 5, retryInMs: 1, reason: 'x', kind: 'y' };
    assert.deepEqual(verdict(lookalike), { op: 'complete', result: JSON.stringify(lookalike) });
  });
  it('of another copy of the package is understood', () =>
    assert.deepEqual(verdict({ [Symbol.for('prismq.outcome')]: 'release', delayMs: 0 }), { op: 'release' }));
});

describe('a thrown value', () => {
  it('is told as name and text, with its stack', () => {
    const failure = failureOf(new TypeError('x is not y'));
    assert.equal(failure.message, 'TypeError: x is not y');
    assert.equal(failure.kind, 'TypeError');
    assert.match(failure.stack ?? '', /outcome\.test/);
  });
  it('is retried unless the handler said otherwise', () => {
    const end = failed(new Error('x'));
    assert.ok(end.op === 'fail');
    assert.equal(end.retry, undefined);
    assert.equal(end.retryInMs, undefined);
  });
  it('with the stacks of its causes, and a circle of causes ends', () => {
    const inner = new Error('inner');
    const outer = new Error('outer', { cause: inner });
    inner.cause = outer;
    const { stack = '' } = failureOf(outer);
    assert.equal(stack.split('Caused by:').length, 2);
    assert.match(stack, /outer[^]*Caused by: [^]*inner/);
  });

  const throwing = Object.defineProperties(
    {},
    {
      name: {
        get: () => {
          throw new Error('name');
        },
      },
      message: {
        get: () => {
          throw new Error('message');
        },
      },
      stack: {
        get: () => {
          throw new Error('stack');
        },
      },
      toJSON: {
        value: () => {
          throw new Error('json');
        },
      },
    },
  );
  const trapped = new Proxy(
    {},
    {
      get: () => {
        throw new Error('get');
      },
      has: () => {
        throw new Error('has');
      },
      ownKeys: () => {
        throw new Error('keys');
      },
      getPrototypeOf: () => {
        throw new Error('proto');
      },
    },
  );
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const strange: readonly (readonly [name: string, thrown: unknown, message: RegExp, kind: string])[] = [
    ['undefined', undefined, /^thrown: undefined$/, 'undefined'],
    ['null', null, /^thrown: null$/, 'null'],
    ['a text', 'plain', /^thrown: plain$/, 'string'],
    ['a number', 42, /^thrown: 42$/, 'number'],
    ['a bigint', 42n, /^thrown: 42$/, 'bigint'],
    ['a symbol', Symbol('s'), /^thrown: Symbol\(s\)$/, 'symbol'],
    ['a function', () => 1, /^thrown: a function$/, 'function'],
    ['a plain object', { code: 7 }, /^thrown: \{"code":7\}$/, 'object'],
    ['a circle', circle, /can not be shown/, 'object'],
    ['an object without a prototype', Object.create(null), /^thrown: \{\}$/, 'object'],
    ['an object without a prototype, with a message', Object.assign(Object.create(null), { message: 'm' }), /^Error: m$/, 'Error'],
    ['an object whose getters throw', throwing, /can not be shown/, 'object'],
    ['a proxy whose traps throw', trapped, /can not be shown/, 'object'],
    ['a revoked proxy', revoked, /can not be shown/, 'object'],
    ['an error whose name is no text', Object.assign(new Error('m'), { name: 5 }), /^Error: m$/, 'Error'],
    ['an error without a text', new RangeError(''), /^RangeError$/, 'RangeError'],
  ];
  for (const [name, thrown, message, kind] of strange) {
    it(`${name} is told`, () => {
      const failure = failureOf(thrown);
      assert.match(failure.message, message);
      assert.equal(failure.kind, kind);
    });
  }

  it('is cut to what is stored, with NUL and lone surrogates replaced', () => {
    const failure = failureOf(Object.assign(new Error(`\0\uD800${'x'.repeat(50_000)}`), { name: 'N'.repeat(500) }));
    assert.ok(failure.message.length <= 8_000 && (failure.kind ?? '').length <= 100 && (failure.stack ?? '').length <= 8_000);
    for (const text of [failure.message, failure.kind ?? '', failure.stack ?? '']) {
      assert.ok(text.isWellFormed());
      assert.ok(!text.includes('\0'));
    }
    assert.deepEqual(refused('k', 'a\0b'), { op: 'fail', error: { message: 'a\uFFFDb', kind: 'k' }, retry: false });
  });
  it('is cut without leaving half a character', () => assert.ok(failureOf(`${'x'.repeat(7_990)}${'😀'.repeat(20)}`).message.isWellFormed()));

  it('whatever it is, has a message that can be stored', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withNullPrototype: true, withObjectString: true, withSparseArray: true, withDate: true, withMap: true }),
        (thrown) => {
          const { message, kind } = failureOf(thrown);
          assert.ok(message.length > 0 && message.length <= 8_000 && message.isWellFormed() && !message.includes('\0'));
          assert.equal(typeof kind, 'string');
        },
      ),
    );
  });
  it('whatever is returned, there is a verdict', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => {
        const end = verdict(value);
        if (end.op === 'complete' && end.result !== undefined) JSON.parse(end.result);
        else assert.ok(value === undefined || end.op === 'fail');
      }),
    );
  });
});
