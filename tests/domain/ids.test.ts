// Task ids: the form of UUIDv7, rising whatever the clock does. And the ids that people choose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIds, isTaskId } from '../../src/domain/ids.ts';
import { checkClientId, checkWorkerId } from '../../src/domain/names.ts';
import { fieldsOf, seeded } from './results.ts';

function fill(seed: number): (bytes: Uint8Array) => void {
  const uniform = seeded(seed);
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(uniform() * 256);
  };
}

test('an id is a UUIDv7 of its millisecond', () => {
  const id = createIds({ nowMs: () => 0x0123456789ab, random: fill(1) }).next();
  assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(isTaskId(id), true);
});

test('ids rise strictly however the clock jumps', () => {
  const steps = fc.array(fc.integer({ min: -5, max: 2 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.nat(), (jumps, seed) => {
      let now = 1_700_000_000_000;
      const ids = createIds({ nowMs: () => now, random: fill(seed) });
      let last = '';
      for (const jump of jumps) {
        now += jump;
        const id = ids.next();
        if (!isTaskId(id) || id <= last) return false;
        last = id;
      }
      return true;
    }),
    { numRuns: 200 },
  );
});

test('a millisecond that runs out of room borrows from the next and goes on rising', () => {
  const full = (bytes: Uint8Array): void => void bytes.fill(255);
  const ids = createIds({ nowMs: () => 1000, random: full });
  let last = '';
  const heads = new Set<string>();
  for (let i = 0; i < 300_000; i++) {
    const id = ids.next();
    if (id <= last) assert.fail(`${id} after ${last}`);
    last = id;
    heads.add(id.slice(0, 13));
  }
  assert.deepEqual([...heads], ['00000000-03e8', '00000000-03e9', '00000000-03ea']);
});

test('random bytes are taken in blocks and never used twice', () => {
  let blocks = 0;
  const random = fill(3);
  const ids = createIds({
    nowMs: () => 5,
    random: (bytes) => {
      blocks++;
      random(bytes);
    },
  });
  const tails = new Set(Array.from({ length: 10_000 }, () => ids.next().slice(-12)));
  assert.equal(tails.size, 10_000);
  assert.ok(blocks >= 17 && blocks <= 20, String(blocks));
});

test('steps inside a millisecond differ, so that they count nothing', () => {
  const ids = createIds({ nowMs: () => 5, random: fill(4) });
  const counters = Array.from({ length: 50 }, () => ids.next()).map(
    (id) => Number.parseInt(id.slice(15, 18), 16) * 2 ** 14 + (Number.parseInt(id.slice(19, 23), 16) & 0x3fff),
  );
  assert.ok(new Set(counters.slice(1).map((counter, i) => counter - (counters[i] as number))).size > 10);
});

test('only the text of a UUIDv7 is a task id', () => {
  const good = '018f0000-0000-7000-8000-000000000000';
  assert.equal(isTaskId(good), true);
  for (const bad of [good.toUpperCase(), good.replace('-7', '-4'), good.replace('-8', '-c'), `${good}\n`, ` ${good}`, good.replaceAll('-', ''), '', null, 7])
    assert.equal(isTaskId(bad), false, String(bad));
});

test('client and worker ids keep their grammars', () => {
  for (const good of ['a', '0', 'acme', 'A.b_c-d', 'x'.repeat(63)]) assert.equal(checkClientId(good).ok, true, good);
  for (const bad of ['', '-a', '.a', '_a', 'a b', 'a:b', 'a@b', 'ä', 'a\n', '*', 'x'.repeat(64), null, 7, ['a']])
    assert.deepEqual(fieldsOf(checkClientId(bad)), ['clientId']);
  for (const good of ['w1', 'host.example:1234@eu', 'x'.repeat(128)]) assert.equal(checkWorkerId(good).ok, true, good);
  for (const bad of ['', ':a', '@a', 'a b', 'a/b', 'a\n', 'x'.repeat(129), undefined]) assert.deepEqual(fieldsOf(checkWorkerId(bad)), ['workerId']);
});
