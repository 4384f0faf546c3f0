// The wall of capabilities: what a worker declares narrows what it was granted and never widens it, a grant that is taken back is gone from the
// next claim on, and a pattern matches what a reference says.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';
import { matches } from '../../src/domain/category.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { isLong, tell } from './told.ts';

let server: Server | null = null;
after(() => server?.stop());
const ENGINES: readonly { readonly engine: 'sqlite' | 'postgres'; readonly open: (options: OpenOptions) => Promise<Queue> }[] = [
  { engine: 'sqlite', open: (options) => openQueue(':memory:', options) },
  {
    engine: 'postgres',
    open: async (options) => {
      server ??= (await startServer()) as Server;
      return openQueue(await server.database(), { listenUrl: null, connections: 2, ...options });
    },
  },
];

const TYPES = ['Mail.Send', 'Mail.Bulk.Send', 'Mail', 'Mailer.Send', 'Video.Cut', 'mail.Send'] as const;
const CLIENTS = ['amber', 'cobalt'] as const;
const DECLARED = [undefined, ['*'], ['Mail.*', 'Video.*'], ['Mail'], ['Video.*']] as const;
const GRANTS = [
  [],
  [['amber', 'Mail.*']],
  [['amber', 'Mail.Send']],
  [['cobalt', '*']],
  [
    ['amber', 'Video.*'],
    ['cobalt', 'Mail'],
  ],
] as const satisfies readonly (readonly (readonly [string, string])[])[];

/** As the words say it: the same, everything, or every descendant at any depth but not the prefix itself. */
function says(pattern: string, type: string): boolean {
  if (pattern === '*') return true;
  const [want, have] = [pattern.split('.'), type.split('.')];
  if (want.at(-1) !== '*') return want.length === have.length && want.every((part, i) => part === have[i]);
  return have.length >= want.length && want.slice(0, -1).every((part, i) => part === have[i]);
}

for (const { engine, open } of ENGINES)
  describe(`capabilities on ${engine}`, { skip: engine === 'postgres' && binaries().length === 0 }, () => {
    test('declared ∩ granted is what is claimed, whatever is declared', async (t) => {
      let [cases, refused, controls] = [0, 0, 0];
      const queue = await open({ janitorMs: 0 });
      for (const [g, grants] of GRANTS.entries())
        for (const [d, declared] of DECLARED.entries()) {
          const expected = new Set<string>();
          for (const clientId of CLIENTS)
            for (const type of TYPES) {
              const { taskId } = await queue.client(clientId).enqueue(type, null);
              const isGranted = grants.some(([client, pattern]) => client === clientId && says(pattern, type));
              if (isGranted && (declared === undefined || declared.some((pattern) => says(pattern, type)))) expected.add(taskId);
              else cases += 1;
            }
          const workerId = `w-${g}-${d}`;
          for (const [clientId, pattern] of grants) await queue.admin().grants.create(workerId, { clientId, pattern });
          const worker = queue.as({ role: 'worker', workerId });
          await worker.register(declared === undefined ? {} : { capabilities: { categories: declared } });
          const inbox = await worker.inbox(1000);
          const claimed = [...(await worker.claim({ max: 500 })), ...(await worker.claim({ max: 500, types: ['*'] }))];
          // Nothing outside, and everything inside.
          assert.deepEqual(
            [...new Set(claimed.map(({ taskId }) => taskId))].toSorted(),
            [...expected].toSorted(),
            `${JSON.stringify(grants)} ${JSON.stringify(declared)}`,
          );
          assert.deepEqual(inbox.map(({ taskId }) => taskId).toSorted(), [...expected].toSorted());
          controls += expected.size;
          refused += TYPES.length * CLIENTS.length - expected.size;
          for (const clientId of CLIENTS)
            for (const { taskId, status } of (await queue.client(clientId).list({ limit: 1000 })).items)
              if (status === 'queued') await queue.client(clientId).cancel(taskId);
        }
      await queue.close();
      tell(t, { engine, part: 'capabilities: tasks outside of declared and granted', cases, refused, controls, controlsOk: controls });
    });

    test('a grant that is taken back gives nothing from the next claim on; what is held runs to its end or lapses', async (t) => {
      const clock = { now: 1_800_000_000_000 };
      const queue = await open({ janitorMs: 0, now: () => clock.now });
      const admin = queue.admin();
      const { grantId } = await admin.grants.create('w', { clientId: 'amber', pattern: '*' });
      const worker = queue.as({ role: 'worker', workerId: 'w' });
      await worker.register({ capabilities: { categories: ['*'] } });
      for (let i = 0; i < 4; i++) await queue.client('amber').enqueue('Mail.Send', i);
      const held = await worker.claim({ max: 2, leaseMs: 5000 });
      assert.equal(held.length, 2);
      await admin.grants.delete(grantId);
      assert.deepEqual(await worker.claim({ max: 10 }), []);
      assert.deepEqual(await worker.claim({ max: 10, capabilities: { categories: ['*'] } }), []);
      assert.deepEqual(await worker.inbox(), []);
      const [first, second] = held as readonly [(typeof held)[number], (typeof held)[number]];
      await worker.complete(first, 'done');
      assert.equal((await queue.client('amber').get(first.taskId)).status, 'completed');
      clock.now += 10_000;
      await queue.system().tick();
      await assert.rejects(worker.complete(second, 'late'), { code: 'lease_lost' });
      assert.deepEqual(await worker.claim({ max: 10 }), []);
      await queue.close();
      tell(t, { engine, part: 'capabilities: a grant that was taken back', cases: 5, refused: 5, controls: 2, controlsOk: 2 });
    });
  });

test('a pattern matches what the reference says, on random pairs', (t) => {
  const segment = fc.constantFrom('A', 'B', 'Ab', 'a', 'A_1', 'Mail');
  const type = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));
  const pattern = fc.oneof(
    fc.constant('*'),
    type,
    type.map((prefix) => `${prefix}.*`),
  );
  const pairs = isLong ? 1_000_000 : 100_000;
  let [hits, misses] = [0, 0];
  fc.assert(
    fc.property(pattern, type, (one, other) => {
      const is = says(one, other);
      if (is) hits += 1;
      else misses += 1;
      assert.equal(matches(one, other), is, `${one} ${other}`);
    }),
    { numRuns: pairs, seed: 7 },
  );
  assert.ok(hits > pairs / 20 && misses > pairs / 20);
  tell(t, {
    engine: 'sqlite',
    part: `capabilities: patterns against a reference, ${pairs.toLocaleString('en')} pairs`,
    cases: 1,
    refused: 1,
    controls: 1,
    controlsOk: 1,
  });
});
