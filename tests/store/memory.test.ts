// What a connection remembers between transactions (a client's state, a lane's number) never outlives the truth.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';

async function two(t: TestContext): Promise<{ readonly file: string; readonly here: Queue; readonly there: Queue }> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-memory-'));
  const file = join(folder, 'queue.db');
  const open = (): Promise<Queue> => openQueue(file, { synchronous: 'NORMAL', janitorMs: 0 });
  const here = await open();
  const there = await open();
  t.after(async () => {
    await here.close();
    await there.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { file, here, there };
}

describe('what is remembered from one transaction to the next', () => {
  it('is forgotten when another connection has changed it', async (t) => {
    const { here, there } = await two(t);
    await here.client('acme').enqueue('A', 1);
    await there.admin().clients.suspend('acme');
    await assert.rejects(here.client('acme').enqueue('A', 2), { code: 'client_suspended' });
    await there.admin().clients.resume('acme');
    await here.client('acme').enqueue('A', 3);
  });

  it('is forgotten when this connection changes it', async (t) => {
    const { here } = await two(t);
    await here.client('acme').enqueue('A', 1);
    await here.admin().clients.suspend('acme');
    await assert.rejects(here.client('acme').enqueue('A', 2), { code: 'client_suspended' });
  });

  it('is forgotten with a rollback: a lane and a client that were born in it are born again', async (t) => {
    const { here } = await two(t);
    const acme = here.client('acme');
    await acme.enqueue('A', 1, { idempotencyKey: 'k' });
    const items = [
      { type: 'New', payload: 1 },
      { type: 'A', payload: 2, idempotencyKey: 'k' },
    ];
    await assert.rejects(acme.enqueueMany(items, { atomic: true }), { code: 'idempotency_conflict' });
    const { taskId } = await acme.enqueue('New', 3);
    assert.equal((await acme.get(taskId)).type, 'New');
    assert.equal((await here.worker('w').claim({ types: ['New'] })).length, 1);
  });

  it('is forgotten between two calls inside the transactions of a caller', async (t) => {
    const { file, here } = await two(t);
    using own = new DatabaseSync(file);
    own.exec('BEGIN IMMEDIATE');
    for (const n of [1, 2]) await here.client('born').enqueue('New', n, { tx: own });
    own.exec('ROLLBACK; BEGIN IMMEDIATE');
    const { taskId } = await here.client('born').enqueue('New', 2, { tx: own });
    own.exec('COMMIT');
    assert.equal((await here.client('born').get(taskId)).type, 'New');
    assert.equal((await here.worker('w').claim()).length, 1);
  });
});
