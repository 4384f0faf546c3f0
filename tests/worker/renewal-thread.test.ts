// The renewal thread, for real: it renews while the event loop is blocked, stops when that turns no more, and is replaced by the
// event loop when it dies. Waits for what the thread does, never for a time.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Worker as Thread } from 'node:worker_threads';
import type { ClaimedTask } from '../../src/domain/task.ts';
import type { WorkerHandle } from '../../src/service/handles.ts';
import type { Attempts } from '../../src/worker/attempts.ts';
import { systemClock } from '../../src/worker/clock.ts';
import { Held, Leases } from '../../src/worker/held.ts';
import type { RenewalHost, RunningRenewal } from '../../src/worker/renewal.ts';
import { SHARED_BYTES, type ThreadData, type ThreadMessage, TICK } from '../../src/worker/renewal-shared.ts';
import { threadRenewal } from '../../src/worker/thread-renewal.ts';
import type { WorkerEvent } from '../../src/worker/types.ts';
import type { ModuleData } from './renewal-module.ts';

const MODULE = new URL('./renewal-module.ts', import.meta.url).href;
const LEASE_MS = 60;

interface Rig {
  readonly counts: Int32Array<SharedArrayBuffer>;
  readonly leases: Leases;
  readonly dropped: [taskId: string, cause: string][];
  readonly troubles: WorkerEvent[];
  /** Resolves at the next trouble that the renewal reports, or at once for one that was. */
  trouble(): Promise<WorkerEvent>;
  /** Resolves when the thread has renewed. */
  readonly running: Promise<unknown>;
  /** Resolves when the main loop asks for these leases by name. */
  readonly asked: Promise<readonly string[]>;
  /** Resolves at the next time that it does. */
  nextAsk(): Promise<readonly string[]>;
  readonly renewal: RunningRenewal;
}

function makeRig(t: TestContext, data: Omit<ModuleData, 'counts'>, held: readonly Held[] = []): Rig {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const dropped: [string, string][] = [];
  const troubles: WorkerEvent[] = [];
  const asked = Promise.withResolvers<readonly string[]>();
  let tell: (event: WorkerEvent) => void = () => undefined;
  const running: { renewal?: RunningRenewal } = {};
  let told = Promise.withResolvers<readonly string[]>();
  const leases = new Leases(() => running.renewal?.renewedAt() ?? Number.NEGATIVE_INFINITY);
  for (const one of held) leases.add(one);
  const handle = {
    heartbeat: async (refs) => {
      const taskIds = refs.map((ref) => ref.taskId);
      asked.resolve(taskIds);
      told.resolve(taskIds);
      return { extended: [], lost: taskIds, cancelled: [], timedOut: [] };
    },
  } satisfies Partial<WorkerHandle> as unknown as WorkerHandle;
  const attempts = { drop: (one, cause) => void dropped.push([one.task.taskId, cause]) } satisfies Partial<Attempts> as unknown as Attempts;
  const host: RenewalHost = {
    handle,
    leases,
    attempts,
    leaseMs: LEASE_MS,
    maxBlockMs: 60_000,
    clock: systemClock,
    random: Math.random,
    report: (event) => {
      troubles.push(event);
      tell(event);
    },
    broken: (error) => assert.fail(String(error)),
  };
  const renewal = threadRenewal({ module: MODULE, data: { ...data, counts: counts.buffer } satisfies ModuleData })(host);
  running.renewal = renewal;
  // The thread keeps no process alive, and so no test.
  const alive = setInterval(() => undefined, 1_000);
  t.after(async () => {
    clearInterval(alive);
    await renewal.stop();
  });
  const trouble = (): Promise<WorkerEvent> => (troubles[0] === undefined ? new Promise((resolve) => (tell = resolve)) : Promise.resolve(troubles[0]));
  return {
    counts,
    leases,
    dropped,
    troubles,
    trouble,
    running: runs(counts),
    asked: asked.promise,
    nextAsk: () => (told = Promise.withResolvers()).promise,
    renewal,
  };
}

const runs = async (counts: Int32Array<SharedArrayBuffer>): Promise<unknown> => Atomics.waitAsync(counts, 0, 0).value;

function heldTask(taskId: string): Held {
  const now = systemClock.now();
  const held = new Held({ taskId, clientId: 'acme', leaseId: 'l', leaseMs: LEASE_MS, maxRunMs: 3_600_000 } as ClaimedTask, now, now);
  held.state = 'running';
  return held;
}

/** The main thread stands still until the thread has renewed once more. */
function blockUntilRenewal(counts: Int32Array<SharedArrayBuffer>): void {
  const before = Atomics.load(counts, 0);
  assert.equal(Atomics.wait(counts, 0, before, 20_000) === 'timed-out', false, 'the thread does not renew');
}

test('leases are renewed while the event loop is blocked, and the worker knows it as soon as it goes on', async (t) => {
  const held = heldTask('t1');
  const { counts, leases, renewal, running } = makeRig(t, { extended: ['t1'] }, [held]);
  await running;
  const begun = systemClock.now();
  for (let i = 0; i < 4; i += 1) blockUntilRenewal(counts);
  // Not one turn of the event loop since: no message has been received.
  assert.ok(renewal.renewedAt() > begun && renewal.renewedAt() <= systemClock.now());
  assert.ok(leases.endOf(held) > begun + LEASE_MS);
});

test('after a claim whose answer did not come the thread rests, and the event loop extends what is known by name', async (t) => {
  const { counts, renewal, running, nextAsk } = makeRig(t, { extended: ['t1'] }, [heldTask('t1')]);
  await running;
  const asked = nextAsk();
  renewal.unsure();
  const before = Atomics.load(counts, 0);
  assert.deepEqual(await asked, ['t1']);
  // One may have been on its way.
  const since = Atomics.load(counts, 0);
  assert.ok(since <= before + 1, `${since - before} renewals of what nobody knows`);
  await Atomics.waitAsync(counts, 0, since).value;
  assert.ok(Atomics.load(counts, 0) > since, 'the thread goes on');
});

test('what the thread did not extend although it was held is asked about by name, and dropped if it is lost', async (t) => {
  const { asked, dropped, troubles } = makeRig(t, { extended: ['t1'] }, [heldTask('t1'), heldTask('t2')]);
  // Before the thread is ready the event loop asks for all.
  const names = await asked;
  assert.ok(names.includes('t2'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(dropped.some(([taskId, cause]) => taskId === 't2' && cause === 'lease_lost'));
  assert.deepEqual(troubles, []);
});

test('a renewal that fails is reported and tried again', async (t) => {
  const { counts, trouble, running } = makeRig(t, { extended: [], failFirst: 2 });
  await running;
  const first = await trouble();
  assert.ok(first.type === 'trouble' && first.where === 'renew' && !first.fatal);
  blockUntilRenewal(counts);
  blockUntilRenewal(counts);
});

test('stop closes the connection of the thread and ends it', async (t) => {
  const { counts, renewal, running } = makeRig(t, { extended: [] });
  await running;
  blockUntilRenewal(counts);
  await renewal.stop();
  const after = Atomics.load(counts, 0);
  assert.equal(Atomics.load(counts, 1), 1);
  await renewal.stop();
  assert.equal(Atomics.load(counts, 0), after);
});

for (const [name, data] of [
  ['dies', { extended: [], exitAt: 1 }],
  ['can not open its connection', { extended: [], refuseToOpen: true }],
] as const) {
  test(`when the thread ${name} that is reported and the event loop renews`, async (t) => {
    const { trouble, asked, leases } = makeRig(t, data);
    await trouble();
    leases.add(heldTask('t9'));
    assert.deepEqual(await asked, ['t9']);
  });
}

/** The thread alone, and the messages that it sends. */
function spawn(
  t: TestContext,
  maxBlockMs: number,
): { readonly counts: Int32Array; readonly tick: BigInt64Array; next(type: ThreadMessage['type']): Promise<void> } {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const tick = new SharedArrayBuffer(SHARED_BYTES);
  const data: ModuleData = { counts: counts.buffer, extended: [] };
  const workerData: ThreadData = { module: MODULE, data, leaseMs: 30, maxBlockMs, tick };
  const thread = new Thread(new URL('../../src/worker/renewal-thread.ts', import.meta.url), { workerData });
  t.after(() => thread.terminate());
  const next = (type: ThreadMessage['type']): Promise<void> =>
    new Promise((resolve) => {
      thread.on('message', function listen(message: ThreadMessage) {
        if (message.type !== type) return;
        thread.off('message', listen);
        resolve();
      });
    });
  return { counts, tick: new BigInt64Array(tick), next };
}

test('the thread stops to renew when the event loop turns no more, and goes on when it does', async (t) => {
  // The main loop turns here, but the counter that the thread goes by is not moved.
  const { counts, tick, next } = spawn(t, 60);
  const metronome = spawn(t, 60_000);
  await next('blocked');
  const renewed = Atomics.load(counts, 0);
  assert.ok(renewed > 0, 'it had renewed until then');
  for (let i = 0; i < 10; i += 1) await metronome.next('renewed');
  assert.equal(Atomics.load(counts, 0), renewed, 'it renews no more');
  const again = next('renewed');
  Atomics.add(tick, TICK, 1n);
  await again;
  assert.ok(Atomics.load(counts, 0) > renewed);
});
