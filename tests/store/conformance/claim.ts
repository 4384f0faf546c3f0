// Conformance: which tasks a claim may take, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

export function claimSuite(suite: Conformance): void {
  dueTests(suite);
  grantTests(suite);
}

function dueTests(suite: Conformance): void {
  test(`${suite.name}: a delayed task is claimable at the millisecond it is due`, async (t) => {
    const { client, other, clock } = await settle(suite, t);
    await client.enqueue('T.X', 1, { delayMs: 1000 });
    const worker = other.worker('w');
    clock.now += 999;
    assert.deepEqual(await worker.claim(), []);
    clock.now += 1;
    assert.equal(only(await worker.claim()).type, 'T.X');
  });
}

function grantTests(suite: Conformance): void {
  if (suite.capabilities.connections === 2)
    test(`${suite.name}: two connections that claim in turns never get the same task`, async (t) => {
      const { client, queue, other } = await settle(suite, t);
      await client.enqueueMany(Array.from({ length: 40 }, () => ({ type: 'T.X' })));
      const [one, two] = [queue.worker('one'), other.worker('two')];
      const got = (await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? one : two).claim()))).flat();
      assert.equal(got.length, 40);
      assert.equal(new Set(got.map((task) => task.taskId)).size, 40);
    });

  test(`${suite.name}: no grant, no task`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    await client.enqueue('T.X');
    for (const grants of [[], [{ clientId: 'another', pattern: '*' }], [{ clientId: id, pattern: 'T.X.*' }]])
      assert.deepEqual(await other.worker(`w${grants[0]?.clientId ?? ''}`, grants).claim(), []);
    assert.equal(only(await other.worker('good', [{ clientId: id, pattern: 'T.*' }]).claim()).clientId, id);
  });

  test(`${suite.name}: a worker takes what is declared and granted, never more`, async (t) => {
    const { client, other, id } = await settle(suite, t);
    await client.enqueueMany([{ type: 'A.One' }, { type: 'B.One' }, { type: 'B.Two' }]);
    const worker = other.worker('w', [{ clientId: id, pattern: 'B.*' }]);
    await worker.register({ capabilities: { categories: ['A.*', 'B.Two'] } });
    const got = await worker.claim({ max: 10 });
    assert.deepEqual(
      got.map((task) => task.type),
      ['B.Two'],
    );
  });

  test(`${suite.name}: every key of compatibility must be satisfied`, async (t) => {
    const { client, other } = await settle(suite, t);
    await client.enqueueMany([
      { type: 'T.A', compatibility: { region: 'eu', gpu: { min: 2 } } },
      { type: 'T.B', compatibility: { region: ['us', 'eu'] } },
      { type: 'T.C', compatibility: { region: 'us' } },
    ]);
    const poor = other.worker('poor');
    await poor.register({ capabilities: { attributes: { region: 'eu', gpu: 1 } } });
    const taken = await poor.claim({ max: 10 });
    assert.deepEqual(
      taken.map((task) => task.type),
      ['T.B'],
    );
    const rich = other.worker('rich');
    await rich.register({ capabilities: { attributes: { region: 'eu', gpu: 4 } } });
    assert.equal(only(await rich.claim({ max: 10 })).type, 'T.A');
  });
}
