// Conformance: what the registry of categories says of payloads and due times.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cron } from '../../../src/cron.ts';
import { schemas } from '../../../src/schemas.ts';
import { settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const ORDER = {
  type: 'object',
  properties: { items: { type: 'array', items: { type: 'object', properties: { qty: { type: 'integer', minimum: 1 } }, required: ['qty'] } } },
  required: ['items'],
  additionalProperties: false,
};

export function schemaSuite(suite: Conformance): void {
  test(`${suite.name}: a payload is held against the schema of the most specific category that has one, and the refusal says where it does not fit`, async (t) => {
    const { client, queue, other, clock } = await settle(suite, t, { schemas, cron });
    const { categories } = queue.admin();
    await categories.set({ pattern: 'Shop.*', schema: ORDER });
    await categories.set({ pattern: 'Shop.Free', schema: true });
    await client.enqueue('Shop.Order', { items: [{ qty: 2 }] });
    await client.enqueue('Shop.Free', 'anything');
    await client.enqueue('Other.Thing', 'anything');
    const refused = async (payload: unknown, ...fields: string[]): Promise<void> =>
      assert.rejects(other.client(client.clientId).enqueue('Shop.Order', payload), (error: { code?: string; details?: { fields?: { field: string }[] } }) => {
        assert.equal(error.code, 'invalid_payload');
        assert.deepEqual(
          error.details?.fields?.map(({ field }) => field),
          fields,
        );
        return true;
      });
    await refused({ items: [{ qty: 1 }, { qty: 0 }] }, 'payload/items/1/qty');
    await refused({ items: [{}], more: 1 }, 'payload', 'payload/items/0');
    await refused(null, 'payload');
    const answers = await client.enqueueMany([
      { type: 'Shop.Order', payload: 1 },
      { type: 'Shop.Free', payload: 1 },
    ]);
    assert.deepEqual(
      answers.map((answer) => (answer.ok ? 'ok' : answer.code)),
      ['invalid_payload', 'ok'],
    );
    await assert.rejects(client.schedules.set('bad', { everyMs: 1000, type: 'Shop.Order', payload: 1 }), { code: 'invalid_payload' });
    await client.schedules.set('good', { everyMs: 1000, type: 'Shop.Order', payload: { items: [] } });
    // A schema that is changed holds from then on, for ticks as well.
    await categories.set({ pattern: 'Shop.*', schema: { type: 'string' } });
    await client.enqueue('Shop.Order', 'text');
    clock.now += 1000;
    assert.equal(await queue.system().fire(), 0);
    assert.equal((await client.schedules.get('good')).lastRefusal, 'invalid_payload');
    await categories.set({ pattern: 'Shop.*' });
    await client.enqueue('Shop.Order', 1);
  });

  test(`${suite.name}: what is no schema is refused where it is set, and a category counts how often it was`, async (t) => {
    const { queue } = await settle(suite, t, { schemas });
    const { categories } = queue.admin();
    for (const schema of [{ type: 'no type' }, { minimum: 'one' }, { $ref: 'https://example.org/schema.json' }, { unknownKeyword: 1 }])
      await assert.rejects(categories.set({ pattern: 'Shop.Bad', schema }), { code: 'invalid_input', message: /schema/ });
    assert.equal(
      (await categories.list()).some(({ pattern }) => pattern === 'Shop.Bad'),
      false,
    );
    const versions = [await categories.set({ pattern: 'Shop.Twice', schema: ORDER }), await categories.set({ pattern: 'Shop.Twice', maxWaitMs: 1000 })];
    assert.deepEqual(
      versions.map(({ version, maxWaitMs }) => [version, maxWaitMs]),
      [
        [1, null],
        [2, 1000],
      ],
    );
  });

  test(`${suite.name}: a category says when its tasks are due, unless the caller does`, async (t) => {
    const { client, queue, clock } = await settle(suite, t);
    await queue.admin().categories.set({ pattern: 'Sla.*', maxWaitMs: 60_000 });
    const due = async (options: object): Promise<number | null> => (await client.get((await client.enqueue('Sla.Task', 1, options)).taskId)).dueAtUtc;
    assert.deepEqual([await due({}), await due({ maxWaitMs: 5 }), await due({ dueAtUtc: clock.now + 7 })], [clock.now + 60_000, clock.now + 5, clock.now + 7]);
  });
}
