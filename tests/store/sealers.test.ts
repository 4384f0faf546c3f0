// Several processes on one file: one of them seals, the others do not hash the same, and take over when it is gone.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openQueue } from '../../src/index.ts';
import { DEFAULT_BACKOFF } from '../../src/domain/retry.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';

const PATIENT = { patient: true } as const;

test('a sealer that was too late leaves what is young to the other, and seals what that one leaves', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-sealers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const clock = { now: 1_800_000_000_000 };
  const queue = await openQueue(file, { janitorMs: 0, synchronous: 'NORMAL', now: () => clock.now });
  const stores = [storeOn(file, () => clock.now), storeOn(file, () => clock.now)] as const;
  t.after(async () => {
    for (const store of stores) await store.close();
    await queue.close();
  });
  const work = async (): Promise<unknown> => queue.client('acme').enqueue('Mail.Send', null);
  const [ahead, behind] = stores;
  await work();
  // Both have read before either writes.
  const race = await Promise.all([ahead.seal(100, PATIENT), behind.seal(100, PATIENT)]);
  assert.ok((race[0] ?? 0) > 0);
  assert.equal(race[1], 0);

  await work();
  assert.equal(await behind.seal(100, PATIENT), 0, 'it is young');
  assert.equal(await ahead.seal(100, PATIENT), 1);

  await work();
  clock.now += 600;
  assert.equal(await behind.seal(100, PATIENT), 1, 'nobody came');
  await work();
  assert.equal(await behind.seal(100, PATIENT), 1, 'it is ahead now');

  // Behind again, and the clock is set back: what is from later than now is of unknown age.
  await work();
  assert.deepEqual(await Promise.all([ahead.seal(100, PATIENT), behind.seal(100, PATIENT)]), [1, 0]);
  await work();
  clock.now -= 3_600_000;
  assert.equal(await behind.seal(100, PATIENT), 1);
  // Who asks for it gets it.
  await work();
  assert.equal(await ahead.seal(100), 1);
});

function storeOn(file: string, now: () => number): Store {
  return openSqliteStore({
    file,
    synchronous: 'NORMAL',
    migrate: false,
    now,
    random: Math.random,
    randomHex: () => 'ab'.repeat(16),
    strategies: [],
    defaultBackoff: DEFAULT_BACKOFF,
    busyTimeoutMs: 5000,
    lanesPerClient: 100,
  });
}
