// What SQLite says is kept as the cause of an error: for who runs the queue, not for who calls it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { QueueError, causesOf } from '../../src/domain/errors.ts';
import { openQueue } from '../../src/index.ts';

/** A queue's file in which a table takes nothing more. */
async function broken(t: TestContext, table: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-causes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  {
    await using queue = await openQueue(file, { janitorMs: 0 });
    await queue.client('acme').enqueue('T.X', null, { ttlMs: 1 });
  }
  const db = new DatabaseSync(file);
  db.exec(`CREATE TRIGGER gremlin BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'a gremlin'); END`);
  db.close();
  return file;
}

function hasCause(error: unknown): boolean {
  assert.ok(error instanceof QueueError);
  assert.equal(error.code, 'internal');
  assert.doesNotMatch(JSON.stringify([error.message, error.details]), /gremlin|INSERT|tasks/);
  assert.match(String(causesOf(error)[1]), /a gremlin/);
  return true;
}

test('the cause of a failed write is on the error, and not in what it says', async (t) => {
  await using queue = await openQueue(await broken(t, 'tasks'), { janitorMs: 0 });
  await assert.rejects(queue.client('acme').enqueue('T.X'), hasCause);
  await assert.rejects(queue.client('acme').enqueueMany([{ type: 'T.X' }], { atomic: true }), hasCause);
});

test('the janitor tells what went wrong with its cause, and goes on', async (t) => {
  const file = await broken(t, 'finished');
  const told = Promise.withResolvers<readonly unknown[]>();
  const errors: unknown[] = [];
  await using queue = await openQueue(file, {
    janitorMs: 5,
    onError(error) {
      errors.push(error);
      if (errors.length === 2) told.resolve(errors);
    },
  });
  for (const error of await told.promise) hasCause(error);
  assert.equal((await queue.client('acme').list()).items.length, 1);
});

test('a chain of causes ends, also one that is a circle', () => {
  const one = new Error('one');
  const two = new Error('two', { cause: one });
  one.cause = two;
  assert.deepEqual(causesOf(two), [two, one]);
  assert.deepEqual(causesOf('text'), ['text']);
  assert.deepEqual(causesOf(undefined), []);
});
