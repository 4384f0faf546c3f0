// Conformance: due times, how tasks stand with them, and forecasts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SlaFilter } from '../../../src/domain/sla.ts';
import type { ClientHandle } from '../../../src/service/handles.ts';
import { freshClient, history, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

const SECOND = 1000;

/** With a worker that may take what the client enqueues. */
async function staffed(suite: Conformance, t: TestContext): Promise<Setting & { readonly worker: ReturnType<Setting['queue']['worker']> }> {
  const setting = await settle(suite, t);
  await setting.queue.admin().clients.create(setting.id);
  const worker = setting.queue.as({ role: 'worker', workerId: `sla-${setting.id}` });
  await setting.queue.admin().grants.create(`sla-${setting.id}`, { clientId: setting.id, pattern: '*' });
  await worker.register();
  return { ...setting, worker };
}

const listed = async (client: ClientHandle, sla: SlaFilter): Promise<string[]> => (await client.list({ sla })).items.map(({ type }) => type);

export function slaSuite(suite: Conformance): void {
  test(`${suite.name}: a task is at risk in its last fifth, breached from its due time on, and each is told once`, async (t) => {
    const { client, queue, clock } = await staffed(suite, t);
    const { taskId } = await client.enqueue('T.Due', null, { maxWaitMs: 100 * SECOND });
    const free = await client.enqueue('T.Free');
    const told = async (): Promise<string | null> => {
      await queue.system().tick();
      await queue.system().tick();
      return (await client.get(taskId)).sla;
    };
    assert.equal(await told(), 'on_time');
    clock.now += 79 * SECOND;
    assert.equal(await told(), 'on_time');
    clock.now += SECOND;
    assert.equal(await told(), 'at_risk');
    assert.deepEqual([await listed(client, 'at_risk'), await listed(client, 'breached')], [['T.Due'], []]);
    clock.now += 20 * SECOND;
    assert.equal(await told(), 'breached');
    assert.deepEqual([await listed(client, 'at_risk'), await listed(client, 'breached')], [[], ['T.Due']]);
    assert.deepEqual(await history(client, taskId), ['enqueue', 'at_risk', 'breach']);
    assert.equal((await client.get(free.taskId)).sla, null);
    assert.deepEqual((await client.stats()).sla, { atRisk: 0, breached: 1, met: 0 });
  });

  test(`${suite.name}: what ends in time is met, what ends late stays breached, and nobody waits for what is cancelled`, async (t) => {
    const { client, queue, clock, worker } = await staffed(suite, t);
    const due = (type: string, maxWaitMs: number): Promise<{ taskId: string }> => client.enqueue(type, null, { maxWaitMs });
    const [met, late, off, dead] = [
      await due('T.Met', 100 * SECOND),
      await due('T.Late', 10 * SECOND),
      await due('T.Off', 10 * SECOND),
      await due('T.Dead', 60 * SECOND),
    ];
    const claims = await worker.claim({ max: 10, leaseMs: 600 * SECOND });
    const held = (taskId: string): (typeof claims)[number] => claims.find((one) => one.taskId === taskId) as (typeof claims)[number];
    clock.now += 9 * SECOND;
    await queue.system().tick();
    await worker.complete(held(met.taskId));
    await worker.fail(held(dead.taskId), 'no', { retry: false });
    await client.cancel(off.taskId);
    clock.now += 6 * SECOND;
    await queue.system().tick();
    await worker.complete(held(late.taskId));
    assert.deepEqual(await Promise.all([met, late, off, dead].map(async ({ taskId }) => (await client.get(taskId)).sla)), ['met', 'breached', null, 'on_time']);
    clock.now += 200 * SECOND;
    await queue.system().tick();
    assert.deepEqual([await listed(client, 'met'), await listed(client, 'breached'), await listed(client, 'at_risk')], [['T.Met'], ['T.Dead', 'T.Late'], []]);
    assert.deepEqual((await client.stats()).sla, { atRisk: 0, breached: 2, met: 1 });
    assert.deepEqual(await history(client, late.taskId), ['enqueue', 'claim', 'at_risk', 'breach', 'complete']);
    assert.ok(!(await history(client, off.taskId)).includes('breach'));
    await client.requeue(dead.taskId);
    assert.equal((await client.get(dead.taskId)).sla, 'breached');
  });

  test(`${suite.name}: lists by due time have pages, narrow by state and type, and are of one client`, async (t) => {
    const { client, other, queue, clock } = await staffed(suite, t);
    const stranger = other.client(freshClient());
    await stranger.enqueue('T.Mine', null, { maxWaitMs: SECOND });
    for (let i = 1; i <= 5; i++) await client.enqueue(i < 3 ? 'T.A' : 'T.B', i, { maxWaitMs: i * SECOND });
    clock.now += 10 * SECOND;
    await queue.system().tick();
    const payloads: unknown[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await client.list({ sla: 'breached', limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      payloads.push(...page.items.map(({ payload }) => payload));
      cursor = page.nextCursor;
    }
    assert.deepEqual(payloads, [5, 4, 3, 2, 1]);
    assert.equal((await client.list({ sla: 'breached', type: 'T.A' })).items.length, 2);
    assert.equal((await client.list({ sla: 'breached', status: 'leased' })).items.length, 0);
    assert.equal((await client.list({ sla: 'breached', status: 'queued' })).items.length, 5);
    assert.equal((await stranger.list({ sla: 'breached' })).items.length, 1);
    await assert.rejects(client.list({ sla: 'breached', metadata: { a: 'b' } }), { code: 'invalid_input' });
    await assert.rejects(client.list({ sla: 'late' as SlaFilter }), { code: 'invalid_input' });
  });

  test(`${suite.name}: a forecast goes by what runs, how long lately ones ran and how many are before`, async (t) => {
    const { client, clock, worker } = await staffed(suite, t);
    const made = await client.enqueueMany(Array.from({ length: 40 }, () => ({ type: 'T.Work', maxWaitMs: 60 * SECOND })));
    const ids = made.map((one) => (one.ok ? one.taskId : ''));
    assert.match((await client.forecast(ids[39] as string)).reason ?? '', /no rate/);
    const claims = await worker.claim({ max: 4, leaseMs: 600 * SECOND });
    clock.now += 10 * SECOND;
    for (const claim of claims) await worker.complete(claim);
    await worker.claim({ max: 4, leaseMs: 600 * SECOND });
    const last = await client.forecast(ids[39] as string);
    // 31 before it, four at a time, ten seconds each.
    assert.equal(last.ahead, 31);
    assert.equal((last.startsAtUtc?.likely ?? 0) - clock.now, 77_500);
    assert.equal(last.perMinute, 24);
    assert.equal(last.willMiss, 'maybe');
    const next = await client.forecast(ids[8] as string);
    assert.deepEqual([next.ahead, next.willMiss], [0, 'no']);
    const running = await client.forecast(ids[5] as string);
    assert.deepEqual([running.status, running.startsAtUtc?.likely], ['leased', clock.now]);
    const done = await client.forecast(ids[0] as string);
    assert.deepEqual([done.startsAtUtc, done.willMiss], [null, 'no']);
    clock.now += 60 * SECOND;
    assert.equal((await client.forecast(ids[39] as string)).willMiss, 'yes');
    await assert.rejects(client.forecast('00000000-0000-7000-8000-000000000000'), { code: 'not_found' });
  });

  test(`${suite.name}: the forecast of a category has its priority and its due time; what can not run is not foretold`, async (t) => {
    const { client, other, queue, clock, worker, id } = await staffed(suite, t);
    await queue.admin().categories.set({ pattern: `Sla${id}.*`, priority: 7, maxWaitMs: SECOND });
    await client.enqueueMany(Array.from({ length: 6 }, (_, i) => ({ type: `Sla${id}.X`, priority: i < 3 ? 5 : 50 })));
    const lease = only(await worker.claim());
    clock.now += 10 * SECOND;
    await worker.complete(lease);
    const forecast = await client.forecastType(`Sla${id}.X`);
    assert.deepEqual([forecast.taskId, forecast.ahead, forecast.dueAtUtc], [null, 2, clock.now + SECOND]);
    assert.equal((await client.forecastType(`Sla${id}.X`, 100)).ahead, 5);
    const { taskId } = await client.enqueue('T.None', null, { compatibility: { gpu: true } });
    assert.match((await client.forecast(taskId)).reason ?? '', /no live worker/);
    await assert.rejects(other.client(freshClient()).forecast(taskId), { code: 'not_found' });
    await queue.admin().categories.delete(`Sla${id}.*`);
  });
}
