// Schemas around a handler: what they refuse fails for good, what they make of a value is what goes on, and without them nothing is added.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StandardResult, StandardSchema } from '../../src/service/handles.ts';
import { deadLetter, verdictOf } from '../../src/worker/outcome.ts';
import type { HandlerContext } from '../../src/worker/types.ts';
import { withSchemas } from '../../src/worker/validate.ts';

const schema = <T>(validate: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>): StandardSchema<T> => ({
  '~standard': { version: 1, vendor: 'test', validate },
});
const numeric = schema<number>((value) =>
  typeof value === 'number' ? { value: value + 1 } : { issues: [{ message: 'not a number', path: ['a', { key: 'b' }, 0] }] },
);
const numericLater = schema<number>(async (value) => numeric['~standard'].validate(value));
const ctx = {} as HandlerContext;
const end = async (value: unknown) => verdictOf(await value, 1_000);
const invalid = async (value: unknown, text: RegExp): Promise<void> => {
  const verdict = await end(value);
  assert.ok(verdict.op === 'fail' && verdict.retry === false);
  assert.equal(verdict.error.kind, 'invalid_payload');
  assert.match(verdict.error.message, text);
};

describe('a handler with schemas', () => {
  it('without any is the handler itself', () => {
    const run = (): undefined => undefined;
    assert.equal(withSchemas({ run }), run);
  });

  it('is given what the schema made of the payload, at once where the schema answers at once', () => {
    assert.equal(withSchemas({ run: (input) => input, input: numeric })(1, ctx), 2);
  });
  it('is given it later where the schema answers later', async () => {
    const returned = withSchemas({ run: (input) => input, input: numericLater })(1, ctx);
    assert.ok(returned instanceof Promise);
    assert.equal(await returned, 2);
  });

  for (const [when, input] of [
    ['at once', numeric],
    ['later', numericLater],
  ] as const) {
    it(`does not run on a payload that is refused ${when}, and the message says where`, async () => {
      let runs = 0;
      await invalid(withSchemas({ run: () => (runs += 1), input })('x', ctx), /payload.*a\.b\.0: not a number/);
      assert.equal(runs, 0);
    });
    it(`fails for good on a result that is refused ${when}`, () =>
      invalid(withSchemas({ run: async () => 'x', output: input })(null, ctx), /result.*not a number/));
  }

  it('stores what the schema made of the result', async () =>
    assert.deepEqual(await end(withSchemas({ run: () => 1, output: numeric })(null, ctx)), { op: 'complete', result: '2' }));
  it('leaves outcomes alone: they are no result', async () =>
    assert.deepEqual(await end(withSchemas({ run: () => deadLetter('no'), output: numeric })(null, ctx)), await end(deadLetter('no'))));
  it('checks both, one after the other', async () =>
    assert.deepEqual(await end(withSchemas({ run: (n) => n, input: numericLater, output: numericLater })(1, ctx)), { op: 'complete', result: '3' }));

  it('tells at most five issues, and how many more there are', async () => {
    const many = schema<never>(() => ({ issues: Array.from({ length: 8 }, (_, i) => ({ message: `issue ${i}` })) }));
    await invalid(withSchemas({ run: () => 1, input: many })(1, ctx), /issue 0; .*issue 4 \(and 3 more\)$/);
  });

  it('throws what a schema throws, as the handler would', async () => {
    const broken = schema<never>(() => {
      throw new TypeError('schema is broken');
    });
    assert.throws(() => withSchemas({ run: () => 1, input: broken })(1, ctx), /schema is broken/);
    await assert.rejects(async () => withSchemas({ run: async () => 1, output: broken })(1, ctx), /schema is broken/);
  });
  it('throws what the handler throws', () =>
    assert.throws(
      () =>
        withSchemas({
          run: () => {
            throw new Error('mine');
          },
          input: numeric,
          output: numeric,
        })(1, ctx),
      /mine/,
    ));
});
