// Fair share between clients that come and go, and that other workers serve too: nothing saved up by being idle, nobody starved.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFairShare } from '../../src/domain/fair-share.ts';
import { endless, named } from './backlogs.ts';

test('a new client shares from now on: it neither catches up nor waits', () => {
  const { got, pick } = endless(['old', 'new']);
  const fair = createFairShare();
  for (let i = 0; i < 1000; i++) fair.take(named('old'), 10, pick);
  got.clear();
  for (let i = 0; i < 100; i++) fair.take(named('old', 'new'), 10, pick);
  assert.ok(Math.abs((got.get('old') as number) - (got.get('new') as number)) <= 10, JSON.stringify([...got]));
});

for (const [how, present] of [
  ['absent', false],
  ['present with nothing to do', true],
] as const)
  test(`a client that was long ${how} has saved nothing up`, () => {
    const { got, left, pick } = endless(['busy', 'other', 'idle']);
    const fair = createFairShare();
    const all = named('busy', 'other', 'idle');
    fair.take(all, 3, pick);
    left.set('idle', 0);
    for (let i = 0; i < 1000; i++) fair.take(present ? all : named('busy', 'other'), 10, pick);
    left.set('idle', Number.POSITIVE_INFINITY);
    got.clear();
    for (let i = 0; i < 30; i++) fair.take([...all], 10, pick);
    for (const [clientId, count] of got) assert.ok(Math.abs(count - 100) <= 10, `${clientId} got ${count} of 300`);
  });

for (const [how, during] of [
  ['absence', named('busy')],
  ['lull', named('busy', 'late')],
] as const)
  test(`a short ${how} loses nothing: the share is made up`, () => {
    const { got, left, pick } = endless(['busy', 'late']);
    const fair = createFairShare();
    const both = named('busy', 'late');
    for (let i = 0; i < 200; i++) fair.take([...both], 1, pick);
    left.set('late', 0);
    for (let i = 0; i < 20; i++) fair.take(during, 1, pick);
    left.set('late', Number.POSITIVE_INFINITY);
    got.clear();
    for (let i = 0; i < 20; i++) fair.take([...both], 1, pick);
    assert.ok((got.get('late') as number) >= 19, JSON.stringify([...got]));
  });

test('who comes while the others are away shares with them when they are back', () => {
  const { got, pick } = endless(['old', 'new']);
  const fair = createFairShare();
  for (let i = 0; i < 1000; i++) fair.take(named('old'), 10, pick);
  for (let i = 0; i < 5; i++) fair.take(named('new'), 10, pick);
  got.clear();
  for (let i = 0; i < 100; i++) fair.take(named('old', 'new'), 10, pick);
  assert.ok(Math.abs((got.get('old') as number) - (got.get('new') as number)) <= 60, JSON.stringify([...got]));
});

test('a client that a worker of its own serves leaves the shared worker to the others', () => {
  const { pick } = endless(['a', 'b']);
  const shared = endless(['a', 'b']);
  const fair = createFairShare();
  for (let i = 0; i < 500; i++) {
    fair.take(named('a'), 3, pick);
    fair.take(named('a', 'b'), 2, shared.pick);
  }
  assert.ok((shared.got.get('b') as number) >= 990, `${shared.got.get('b')} of 1000`);
});

test('what a client got elsewhere keeps it waiting for a bounded number of tasks only', () => {
  const { got, pick } = endless(['a', 'b']);
  const fair = createFairShare();
  fair.take(named('a', 'b'), 2, pick);
  for (let i = 0; i < 100_000; i++) {
    fair.take(named('a'), 1, pick);
    if (i % 50 === 0) fair.take(named('b'), 1, pick);
  }
  got.clear();
  for (let i = 0; i < 2000 && (got.get('a') ?? 0) === 0; i++) fair.take(named('a', 'b'), 1, pick);
  assert.ok((got.get('b') as number) <= 1010, `b got ${got.get('b')} before a got any`);
});

test('no client with work starves, whichever candidates come and go', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  fc.assert(
    fc.property(fc.array(fc.subarray(ids, { minLength: 1 }), { minLength: 1, maxLength: 200 }), (lists) => {
      const { got, pick } = endless(ids);
      const fair = createFairShare();
      for (const list of lists) fair.take(named(...list), 3, pick);
      // Whatever went before, each is served within the bound: 1,000 tasks for each of the others.
      const before = new Map(got);
      for (let i = 0; i < 45; i++) fair.take(named(...ids), 100, pick);
      for (const id of ids) assert.ok((got.get(id) as number) > (before.get(id) as number), id);
    }),
  );
});

test('clients that were away while tens of thousands came are forgotten', () => {
  const { got, pick } = endless(['ahead', 'behind']);
  const fair = createFairShare();
  fair.take(named('ahead', 'behind'), 2, pick);
  for (let i = 0; i < 50; i++) fair.take(named('ahead'), 10, pick);
  for (let i = 0; i < 5; i++)
    fair.take(
      Array.from({ length: 10_000 }, (_, k) => ({ clientId: `p${i}-${k}`, weight: 1 })),
      1,
      () => 1,
    );
  got.clear();
  for (let i = 0; i < 100; i++) fair.take(named('ahead', 'behind'), 1, pick);
  assert.deepEqual([got.get('ahead'), got.get('behind')], [50, 50]);
});

test('clients that do not come again are forgotten, and the present ones keep their shares', () => {
  const fair = createFairShare();
  const kept = endless(['a', 'b']);
  for (let i = 0; i < 300; i++) {
    const passing = Array.from({ length: 200 }, (_, k) => ({ clientId: `p${i}-${k}`, weight: 1 }));
    fair.take([...passing, { clientId: 'a', weight: 3 }, { clientId: 'b', weight: 1 }], 1, () => 1);
    fair.take(
      [
        { clientId: 'a', weight: 3 },
        { clientId: 'b', weight: 1 },
      ],
      4,
      kept.pick,
    );
  }
  const [a, b] = [kept.got.get('a') as number, kept.got.get('b') as number];
  assert.ok(Math.abs(a / b - 3) < 0.2, `${a} to ${b}`);
});
