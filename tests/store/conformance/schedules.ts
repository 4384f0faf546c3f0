// Conformance: schedules. Each tick makes one task, over any number of connections and whatever the clock does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cron } from '../../../src/cron.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { Page, Queue } from '../../../src/service/handles.ts';
import { freshClient, history, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOBODY = 'nothing-of-that-name';

/** Fires on both connections until neither finds anything; how many tasks that made. */
async function fireAll(queue: Queue, other: Queue): Promise<number> {
  let made = 0;
  for (let now = -1; now !== 0; made += now) now = (await Promise.all([queue.system().fire(), other.system().fire()])).reduce((a, b) => a + b);
  return made;
}

export function scheduleSuite(suite: Conformance): void {
  const open = (t: Parameters<typeof settle>[1]): ReturnType<typeof settle> => settle(suite, t, { cron });

  test(`${suite.name}: a tick makes one task, by whichever of two connections, with its audit and who it is of`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    const set = await client.schedules.set('every-hour', {
      everyMs: HOUR,
      type: 'Report.Hourly',
      payload: { n: 1 },
      options: { priority: 7, metadata: { of: 'schedule' } },
    });
    assert.deepEqual([set.nextUtc, set.lastUtc, set.fired, set.payload], [clock.now + HOUR, null, 0, { n: 1 }]);
    assert.equal(await fireAll(queue, other), 0);
    clock.now += HOUR;
    assert.equal(await fireAll(queue, other), 1);
    const after = await client.schedules.get('every-hour');
    assert.deepEqual([after.nextUtc, after.lastUtc, after.fired, after.lastRefusal], [clock.now + HOUR, clock.now, 1, null]);
    const task = await client.get(after.lastTaskId ?? '');
    assert.deepEqual(
      [task.type, task.payload, task.priority, task.metadata, task.createdBy],
      ['Report.Hourly', { n: 1 }, 7, { of: 'schedule' }, 'schedule:every-hour'],
    );
    assert.deepEqual(await history(client, task.taskId), ['enqueue']);
    assert.equal((await client.logs(task.taskId)).items[0]?.actor, 'schedule');
  });

  test(`${suite.name}: what was missed is made up for as the schedule says: one, all or none`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    await client.enqueue('T.First');
    for (const missed of ['one', 'all', 'none'] as const) await client.schedules.set(missed, { everyMs: HOUR, type: `T.${missed}`, missed });
    const start = clock.now;
    clock.now += 5 * HOUR + 10 * MINUTE;
    await fireAll(queue, other);
    const fired = async (): Promise<number[]> => Promise.all(['one', 'all', 'none'].map(async (name) => (await client.schedules.get(name)).fired));
    assert.deepEqual(await fired(), [1, 5, 0]);
    for (const name of ['one', 'all', 'none']) assert.equal((await client.schedules.get(name)).nextUtc, start + 6 * HOUR, name);
    clock.now = start + 6 * HOUR + MINUTE;
    await fireAll(queue, other);
    assert.deepEqual(await fired(), [2, 6, 1], 'a minute late is not missed');
  });

  test(`${suite.name}: many missed ticks are made up for in bounded steps`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    await client.enqueue('T.First');
    await client.schedules.set('often', { everyMs: 1000, type: 'T.Often', missed: 'all' });
    clock.now += 250_000;
    await fireAll(queue, other);
    assert.equal((await client.schedules.get('often')).fired, 250);
  });

  test(`${suite.name}: whatever the clock does, no tick is fired twice and none is lost for good`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    await client.enqueue('T.First');
    await client.schedules.set('hourly', { cron: '0 * * * *', type: 'T.Hourly' });
    const hour = Math.ceil((clock.now + 1) / HOUR) * HOUR;
    clock.now = hour;
    assert.equal(await fireAll(queue, other), 1);
    clock.now = hour - 30 * MINUTE;
    await client.schedules.set('hourly', { cron: '0 * * * *', type: 'T.Hourly' });
    await client.schedules.pause('hourly');
    await client.schedules.resume('hourly');
    clock.now = hour + MINUTE;
    assert.equal(await fireAll(queue, other), 0, 'the tick was fired before the clock went back');
    clock.now = hour + 48 * HOUR;
    assert.equal(await fireAll(queue, other), 1);
    clock.now = hour + HOUR + MINUTE;
    await fireAll(queue, other);
    assert.equal((await client.schedules.get('hourly')).nextUtc, hour + 2 * HOUR, 'after a jump there and back it goes on with the next tick');
    const ticks = (await client.list({ type: 'T.Hourly' })).items.map((task) => task.idempotencyKey);
    assert.equal(new Set(ticks).size, 2);
  });

  test(`${suite.name}: by the clock of its time zone: an hour that is left out fires at its end, one that comes twice fires once`, async (t) => {
    const { client, clock } = await open(t);
    await client.enqueue('T.First');
    const days = async (now: string): Promise<string[]> => {
      clock.now = Date.parse(now);
      await client.schedules.set('half-past-two', { cron: '30 2 * * *', timeZone: 'Europe/Prague', type: 'T.X' });
      return (await client.schedules.preview('half-past-two', 3)).map((tick) => new Date(tick).toISOString());
    };
    assert.deepEqual(await days('2026-03-28T00:00:00Z'), ['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
    assert.deepEqual(await days('2026-10-24T00:00:00Z'), ['2026-10-24T00:30:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });

  test(`${suite.name}: once is once, also when it was missed, and then there is no tick any more`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    await client.enqueue('T.First');
    await client.schedules.set('launch', { atUtc: new Date(clock.now + DAY), type: 'T.Launch' });
    assert.deepEqual(await client.schedules.preview('launch'), [clock.now + DAY]);
    clock.now += 2 * DAY;
    assert.equal(await fireAll(queue, other), 1);
    clock.now += DAY;
    assert.equal(await fireAll(queue, other), 0);
    const { nextUtc, fired } = await client.schedules.get('launch');
    assert.deepEqual([nextUtc, fired, await client.schedules.preview('launch')], [null, 1, []]);
    await client.schedules.set('launch', { atUtc: clock.now - 3 * DAY, type: 'T.Launch' });
    assert.equal(await fireAll(queue, other), 0, 'an instant before the last tick is none');
  });

  test(`${suite.name}: a paused schedule fires nothing, runs by hand, and goes on with the next tick`, async (t) => {
    const { client, queue, other, clock } = await open(t);
    await client.enqueue('T.First');
    await client.schedules.set('hourly', { everyMs: HOUR, type: 'T.Hourly' });
    const start = clock.now;
    assert.equal((await client.schedules.pause('hourly')).nextUtc, null);
    assert.deepEqual(await client.schedules.preview('hourly', 2), [start + HOUR, start + 2 * HOUR]);
    clock.now += 3 * HOUR + 1;
    assert.equal(await fireAll(queue, other), 0);
    const { taskId } = await client.schedules.run('hourly');
    assert.deepEqual([(await client.get(taskId)).type, (await client.get(taskId)).createdBy], ['T.Hourly', 'schedule:hourly']);
    const resumed = await client.schedules.resume('hourly');
    assert.deepEqual([resumed.paused, resumed.nextUtc], [false, start + 4 * HOUR]);
    clock.now = start + 4 * HOUR;
    assert.equal(await fireAll(queue, other), 1);
  });

  test(`${suite.name}: a tick whose task is refused says why, and the next one comes`, async (t) => {
    const { client, queue, other, clock, id } = await open(t);
    await client.enqueue('T.First');
    await client.schedules.set('hourly', { everyMs: HOUR, type: 'T.Hourly' });
    await queue.admin().clients.suspend(id);
    clock.now += HOUR;
    assert.equal(await fireAll(queue, other), 0);
    const refused = await client.schedules.get('hourly');
    assert.deepEqual([refused.lastRefusal, refused.fired, refused.nextUtc], ['client_suspended', 0, clock.now + HOUR]);
    await queue.admin().clients.resume(id);
    clock.now += HOUR;
    assert.equal(await fireAll(queue, other), 1);
    const { lastRefusal, fired } = await client.schedules.get('hourly');
    assert.deepEqual([lastRefusal, fired], [null, 1]);
  });

  test(`${suite.name}: schedules of two clients of one name are two; each sees and moves its own`, async (t) => {
    const { client, queue, other, clock, id } = await open(t);
    const foreign = other.client(freshClient());
    for (const one of [client, foreign]) {
      await one.enqueue('T.First');
      await one.schedules.set('same', { everyMs: HOUR, type: 'T.Same', payload: one.clientId });
    }
    await client.schedules.set('mine', { everyMs: HOUR, type: 'T.Mine' });
    await assert.rejects(foreign.schedules.get('mine'), { code: 'not_found' });
    for (const call of [
      () => foreign.schedules.delete('mine'),
      () => foreign.schedules.run('mine'),
      () => foreign.schedules.pause('mine'),
      () => foreign.schedules.preview(NOBODY),
    ])
      await assert.rejects(call, { code: 'not_found' });
    await foreign.schedules.delete('same');
    await client.schedules.pause('mine');
    assert.deepEqual(
      (await client.schedules.list()).items.map(({ name, clientId, paused }) => [name, clientId, paused]),
      [
        ['mine', id, true],
        ['same', id, false],
      ],
    );
    const first = await client.schedules.list({ limit: 1 });
    assert.deepEqual(
      (await client.schedules.list({ limit: 1, cursor: first.nextCursor ?? '' })).items.map(({ name }) => name),
      ['same'],
    );
    clock.now += HOUR;
    assert.equal(await fireAll(queue, other), 1);
    const shown = (await queue.admin().inside(id, 'a ticket').schedules.list()).items.find(({ name }) => name === 'same');
    assert.deepEqual([shown?.type, 'payload' in (shown ?? {})], ['T.Same', false], 'the platform sees no payload');
    const all: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page<Schedule> = await queue.admin().schedules.list({ limit: 2, ...(cursor === '' ? {} : { cursor }) });
      all.push(...page.items.filter(({ clientId }) => clientId === id || clientId === foreign.clientId).map(({ clientId, name }) => `${clientId} ${name}`));
      cursor = page.nextCursor;
    }
    assert.deepEqual(all, [`${id} mine`, `${id} same`]);
    const events = (await queue.as({ role: 'admin', clientId: id }).securityEvents()).items.map(({ action, object, actor }) => [action, object, actor]);
    assert.deepEqual(events, [
      ['schedule.pause', 'mine', `client:${id}`],
      ['schedule.set', 'mine', `client:${id}`],
      ['schedule.set', 'same', `client:${id}`],
    ]);
  });

  test(`${suite.name}: what is no schedule is refused with the field that is wrong`, async (t) => {
    const { client } = await open(t);
    await client.enqueue('T.First');
    const type = 'T.X';
    for (const [name, input, field] of [
      ['no name', { everyMs: HOUR, type }, 'name'],
      ['a', { type }, 'cron'],
      ['a', { everyMs: HOUR, cron: '* * * * *', type }, 'cron'],
      ['a', { cron: '61 * * * *', type }, 'cron'],
      ['a', { cron: '2030-01-01T00:00:00', type }, 'cron'],
      ['a', { cron: '0 0 30 2 *', type }, 'cron'],
      ['a', { cron: '* * * * *', timeZone: 'Mars/Olympus', type }, 'timeZone'],
      ['a', { everyMs: 999, type }, 'everyMs'],
      ['a', { everyMs: HOUR, timeZone: 'UTC', type }, 'timeZone'],
      ['a', { atUtc: Number.NaN, type }, 'atUtc'],
      ['a', { everyMs: HOUR, missed: 'some', type }, 'missed'],
      ['a', { everyMs: HOUR, type, often: true }, 'often'],
      ['a', { everyMs: HOUR, type, options: { idempotencyKey: 'k' } }, 'options.idempotencyKey'],
      ['a', { everyMs: HOUR, type, options: { priority: 0 } }, 'priority'],
    ] as const)
      await assert.rejects(client.schedules.set(name, input as never), (error: { code?: string; details?: { fields?: { field: string }[] } }) => {
        assert.equal(error.code, 'invalid_input', JSON.stringify(input));
        assert.ok(
          error.details?.fields?.some((one) => one.field === field),
          `${JSON.stringify(input)}: ${JSON.stringify(error.details)}`,
        );
        return true;
      });
    await assert.rejects(client.schedules.set('a', { everyMs: HOUR, type: 'no type' }), { code: 'invalid_category' });
    assert.deepEqual((await client.schedules.list()).items, []);
  });

  test(`${suite.name}: who has no cron leaves those schedules to who has, and fires the others`, async (t) => {
    const { client, queue, clock } = await settle(suite, t);
    await client.enqueue('T.First');
    await assert.rejects(client.schedules.set('a', { cron: '* * * * *', type: 'T.X' }), { code: 'invalid_input', message: /prismq\/cron/ });
    await client.schedules.set('b', { everyMs: HOUR, type: 'T.X' });
    clock.now += HOUR;
    assert.equal(await queue.system().fire(), 1);
  });
}
