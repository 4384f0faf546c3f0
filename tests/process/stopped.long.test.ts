// Workers that can not answer: one that is stopped past its lease and goes on, and one whose handler blocks the event loop. Whatever
// they still say then, exactly one outcome is accepted.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openQueue } from '../../src/index.ts';
import type { ClaimedTask, ClientHandle, Queue } from '../../src/index.ts';
import type { Orders, Told } from './member.ts';

const LEASE_MS = 4000;
const PATIENCE_MS = 30_000;

interface Place {
  readonly queue: Queue;
  readonly acme: ClientHandle;
  readonly child: ChildProcess;
  readonly told: readonly Told[];
  /** Ends the block of a handler. */
  unblock(): void;
}

async function place(t: TestContext, type: string, orders: Partial<Orders> = {}): Promise<Place & { readonly taskId: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-stopped-'));
  const [db, flag] = [join(folder, 'queue.db'), join(folder, 'flag')];
  const queue = await openQueue(db, { janitorMs: 0, busyTimeoutMs: 500 });
  const acme = queue.client('acme');
  const { taskId } = await acme.enqueue(type, null);
  const settings: Orders = { db, flag, mode: 'handlers', leaseMs: LEASE_MS, maxBlockMs: 600_000, ...orders };
  const child = fork(new URL('./member.ts', import.meta.url), [JSON.stringify(settings)], { execArgv: ['--conditions=prismq-source'] });
  const told: Told[] = [];
  child.on('message', (message) => void told.push(message as Told));
  t.after(async () => {
    child.kill('SIGKILL');
    await queue.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await until(() => told.some(({ what }) => what === 'started'), 'the worker starts');
  return { queue, acme, child, told, taskId, unblock: () => writeFileSync(flag, '') };
}

/** Looks again and again. The bound is for a test that fails. */
async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await condition()); await pause(10)) if (performance.now() > end) assert.fail(`never: ${what}`);
}

/** A process that was stopped amid a commit keeps everybody from writing: it goes on and is stopped again. */
async function stop({ child, queue }: Place): Promise<void> {
  await until(async () => {
    child.kill('SIGSTOP');
    return queue
      .system()
      .tick()
      .then(
        () => true,
        () => !child.kill('SIGCONT'),
      );
  }, 'the worker is stopped outside of a commit');
}

const events = async ({ acme }: Place, taskId: string): Promise<string[]> => (await acme.logs(taskId)).items.map(({ event }) => event);

/** The janitor looks until the lease has lapsed. */
async function expired(here: Place, taskId: string): Promise<void> {
  await until(async () => {
    await here.queue.system().tick();
    return (await events(here, taskId)).includes('expire');
  }, 'the lease lapses');
}

async function elsewhere({ queue }: Place): Promise<readonly [ClaimedTask, () => Promise<void>]> {
  const rescuer = queue.worker('rescuer');
  const [task] = await rescuer.claim({ waitMs: PATIENCE_MS });
  assert.ok(task !== undefined);
  return [task, () => rescuer.complete(task, 'elsewhere')];
}

/** One outcome, that of the rescuer. */
async function endedElsewhere(here: Place, taskId: string): Promise<void> {
  const task = await here.acme.get(taskId);
  assert.deepEqual([task.status, task.result, task.attempts, task.lockedBy], ['completed', 'elsewhere', 2, 'rescuer']);
  assert.deepEqual(await events(here, taskId), ['enqueue', 'claim', 'expire', 'retry', 'claim', 'complete']);
  const { completed, lost, duplicateStarts, unexplainedDuplicates, incompleteLogs } = await here.queue.auditSummary();
  assert.deepEqual(
    { completed, lost, duplicateStarts, unexplainedDuplicates, incompleteLogs },
    { completed: 1, lost: 0, duplicateStarts: 1, unexplainedDuplicates: 0, incompleteLogs: 0 },
  );
}

describe('a worker that does not answer', { concurrency: true }, () => {
  for (const when of ['before', 'after'] as const)
    test(`stopped past its lease and resumed ${when} the task completed elsewhere, it is refused: lease_lost`, async (t) => {
      const here = await place(t, 'Work.Waits', { mode: 'bare' });
      await stop(here);
      await expired(here, here.taskId);
      const [task, complete] = await elsewhere(here);
      assert.equal(task.attempt, 2);
      if (when === 'after') await complete();
      here.child.kill('SIGCONT');
      here.child.send('end');
      await until(() => here.told.length === 4, 'the late ends are answered');
      assert.deepEqual(
        here.told.slice(1),
        Array.from({ length: 3 }, () => ({ what: 'refused', code: 'lease_lost' })),
      );
      if (when === 'before') await complete();
      await endedElsewhere(here, here.taskId);
    });

  test('a worker runtime that is stopped past its lease drops the attempt when it goes on', async (t) => {
    const here = await place(t, 'Work.Waits');
    await stop(here);
    await expired(here, here.taskId);
    const [, complete] = await elsewhere(here);
    here.child.kill('SIGCONT');
    here.child.send('end');
    await once(here.child, 'exit');
    await complete();
    assert.deepEqual(
      here.told.filter(({ what }) => what === 'ended' || what === 'lost'),
      [{ what: 'lost', code: 'lease_lost' }],
    );
    await endedElsewhere(here, here.taskId);
  });

  test('a handler that blocks its event loop keeps its lease by the renewal thread', async (t) => {
    const here = await place(t, 'Work.Blocks');
    const { reservedAtUtc } = await here.acme.get(here.taskId);
    // Renewed so often that without it the lease would have lapsed twice.
    await until(async () => {
      await here.queue.system().tick();
      return ((await here.acme.get(here.taskId)).leaseUntilUtc ?? 0) > (reservedAtUtc ?? 0) + 3 * LEASE_MS;
    }, 'the lease is extended');
    here.unblock();
    await once(here.child, 'exit');
    assert.deepEqual(here.told, [{ what: 'started' }, { what: 'ended', code: 'complete' }]);
    assert.deepEqual(await events(here, here.taskId), ['enqueue', 'claim', 'complete']);
    assert.equal((await here.acme.get(here.taskId)).result, 'after a block');
  });

  test('a handler that blocks its event loop beyond maxBlockMs loses its lease, and what it says then is refused', async (t) => {
    const here = await place(t, 'Work.Blocks', { maxBlockMs: 2 * LEASE_MS });
    const { leaseUntilUtc } = await here.acme.get(here.taskId);
    await until(async () => ((await here.acme.get(here.taskId)).leaseUntilUtc ?? 0) > (leaseUntilUtc ?? 0), 'the lease is extended for a while');
    await expired(here, here.taskId);
    const [, complete] = await elsewhere(here);
    await complete();
    here.unblock();
    await once(here.child, 'exit');
    assert.deepEqual(here.told.slice(1), [{ what: 'lost', code: 'lease_lost' }]);
    await endedElsewhere(here, here.taskId);
  });
});
