// Acts about schedules and limits: both clients have the same names, so that a statement that reaches too far meets the other's.
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { DueSchedule, Firing, ScheduleRow } from '../../../src/store/store.ts';
import type { Act, Scene } from './acts.ts';
import { BORROWED, idOf } from './fixture.ts';
import { DAY, SECOND } from './stage.ts';

const HOUR = 3600 * SECOND;
const ADMIN = { role: 'admin', actor: 'admin' } as const;
const limitsOf = ({ queue }: Scene, clientId: string): ReturnType<ReturnType<Scene['queue']['admin']>['inside']>['limits'] =>
  queue.as({ role: 'admin', clientId }).inside(clientId, 'an act').limits;

/** Made the longer way where the stage has no cron of its own. */
const cronRow = (name: string): ScheduleRow => ({
  name,
  kind: 'cron',
  cron: '0 * * * *',
  timeZone: 'UTC',
  everyMs: null,
  atUtc: null,
  type: 'Mail.Cron',
  payload: '1',
  options: '{}',
  missed: 'one',
  paused: false,
});

async function made(scene: Scene): Promise<void> {
  const { queue, me, you, store, clock } = scene;
  for (const clientId of [me, you]) {
    const { schedules } = queue.client(clientId);
    await schedules.set('tick', { everyMs: HOUR, type: 'Mail.Tick', payload: { of: clientId } });
    await schedules.set('tock', { everyMs: HOUR, type: 'Mail.Tock', payload: { of: clientId } });
    await schedules.set('once', { atUtc: clock.now + HOUR, type: 'Mail.Once' });
    await store.schedules.set({ ...ADMIN, clients: [clientId] }, cronRow('cron'), clock.now + HOUR, null);
  }
}

const firing = ({ clientId, name, nextUtc }: DueSchedule, change: Partial<Firing> = {}): Firing => ({
  clientId,
  name,
  tickUtc: nextUtc,
  lastUtc: nextUtc,
  nextUtc: nextUtc + HOUR,
  tasks: [],
  refusal: null,
  ...change,
});

const schedules = {
  async book(scene) {
    const { queue, me, see, store, clock } = scene;
    await made(scene);
    const own = queue.client(me).schedules;
    await see('set again', () => own.set('tick', { everyMs: 2 * HOUR, type: 'Mail.Other', missed: 'all' }));
    await see('get', () => own.get('tick'));
    await see('list', () => own.list());
    clock.now += SECOND;
    await see('pause', () => own.pause('tock'));
    await see('resume', () => own.resume('tock'));
    const stale: Schedule = { ...(await own.get('tock')), changedAtUtc: 1 };
    await see('not as it was read', () => store.schedules.pause({ ...ADMIN, clients: [me] }, stale, true, null, null));
    await see('run', () => own.run('tock'));
    await see('delete', () => own.delete('once'));
    await see('delete again', () => own.delete('once'));
    await see('all', () => queue.admin().schedules.list());
  },
  async due(scene) {
    const { queue, me, see, store, clock } = scene;
    await made(scene);
    const next = (await queue.client(me).schedules.get('tick')).nextUtc ?? 0;
    clock.now = next - SECOND;
    await see('nothing yet', () => queue.system().fire());
    clock.now = next + SECOND;
    await see('due', () => store.schedules.due(100, true));
    await see('due without cron', () => store.schedules.due(100, false));
    const { items } = await store.schedules.due(100, true);
    const mine = items.filter(({ clientId }) => clientId === me);
    const tick = mine.find(({ name }) => name === 'tick') as DueSchedule;
    await see('not where it was read', () => store.schedules.fire([firing(tick, { tickUtc: 1 })]));
    await see('unmoved', () => store.schedules.due(100, true));
    await see('one tick', () => store.schedules.fire([firing(tick, { refusal: 'client_suspended' })]));
    for (const one of mine.filter(({ name }) => name !== 'tick'))
      await store.schedules.fire([firing(one, one.name === 'once' ? { nextUtc: null as never } : {})]);
    await see('the others', () => queue.system().fire());
    clock.now -= DAY;
    await see('the clock went back', () => store.schedules.due(100, true));
    await see('without cron', () => store.schedules.due(100, false));
    clock.now += DAY - 90 * SECOND;
    await see('a little', () => store.schedules.due(100, true));
    clock.now += 45 * SECOND;
    await see('less', () => store.schedules.due(100, true));
    clock.now += 2 * DAY;
  },
} as const satisfies Record<string, Act['play']>;

async function limited(scene: Scene): Promise<void> {
  const { queue, me, you } = scene;
  for (const clientId of [me, you]) {
    const limits = limitsOf(scene, clientId);
    await limits.set('held', { pattern: 'Held.*', concurrency: 50 });
    await limits.set('send', { pattern: 'Mail.*', concurrency: clientId === me ? 3 : 4 });
    await limits.set('keys', { key: 'k:*', rate: 2, perMs: clientId === me ? HOUR : 2 * HOUR });
    await limits.set('calls', { pattern: 'Call.*', rate: 3, perMs: HOUR });
    await limits.set('long', { pattern: 'Call.*', rate: 50, perMs: 10 * HOUR });
    for (const key of ['k:a', 'k:a', 'k:a', 'k:b', 'k:b', 'other']) await queue.client(clientId).enqueue('Call.Out', { key }, { limitKey: key, priority: 5 });
  }
}

const limits = {
  async book(scene) {
    const { queue, me, you, see } = scene;
    await limited(scene);
    const own = limitsOf(scene, me);
    await see('list', () => own.list());
    await see('all', () => queue.admin().limits.list());
    await see('set again', () => own.set('keys', { key: 'k:a', concurrency: 1 }));
    await see('claim', () => queue.worker('wide').claim({ max: 20, types: ['Call.*'] }));
    await see('running', () => own.list());
    for (const name of ['keys', 'held', 'send', 'long']) {
      await see(`delete ${name}`, () => own.delete(name));
      await see(`without ${name}`, () => queue.worker('wide').claim({ max: 20, types: ['Call.*'] }));
    }
    await see('delete the last', () => own.delete('calls'));
    await see('delete again', () => own.delete('calls'));
    await see('the other', () => limitsOf(scene, you).list());
    await see('free', () => queue.worker('wide').claim({ max: 20 }));
  },
  async claims(scene) {
    const { queue, see, clock } = scene;
    await limited(scene);
    const narrow = queue.as({ role: 'worker', workerId: 'mixed' });
    await see('narrow', () => narrow.claim({ max: 4 }));
    await see('narrow across', () => narrow.claim({ max: 4, fairness: 'none' }));
    for (const fairness of ['weighted', 'none'] as const)
      for (const max of [1, 2, 30]) await see(`${max} ${fairness}`, () => queue.worker('wide').claim({ max, fairness, types: ['Call.*', 'Mail.*'] }));
    clock.now += HOUR + SECOND;
    await see('an hour later', () => queue.worker('wide').claim({ max: 30 }));
    clock.now += HOUR;
    await see('two hours later', () => queue.worker('wide').claim({ max: 30, fairness: 'none' }));
    await see('what runs', () => queue.admin().limits.list());
  },
  async explained(scene) {
    const { queue, me, you, see, clock } = scene;
    await limited(scene);
    const twins = ['mail', 'later', 'failLater', 'blocked', 'held', 'done', 'digest', 'european', 'astray'] as const;
    for (const clientId of [me, you]) {
      await see('claims', () => queue.worker('wide').claim({ max: 7, types: ['Call.*', 'Mail.*'] }));
      for (const twin of twins) await see(`explain ${twin}`, () => queue.client(clientId).explain(idOf(twin)));
      for (const { taskId, type } of (await queue.client(clientId).list({ type: 'Call.*' })).items)
        await see(`explain ${type}`, () => queue.client(clientId).explain(taskId));
    }
    await see('nobody', () => queue.client(me).explain(BORROWED[you as 'acme']));
    clock.now += 30 * SECOND;
    await see('of all', () => queue.admin().explain(idOf('mail')));
    // One that waits: of a task that runs it is not asked whether its client is suspended.
    const waits = await queue.client(me).enqueue('Mail.Waits');
    for (const clientId of [me, you]) {
      await queue.admin().clients.suspend(clientId);
      await see(`with ${clientId} suspended`, () => queue.client(me).explain(waits.taskId));
      await queue.admin().clients.resume(clientId);
    }
  },
  async rates(scene) {
    const { queue, see, clock } = scene;
    await limited(scene);
    const wide = queue.worker('wide');
    for (const later of [0, HOUR / 2, HOUR / 2 + SECOND, HOUR / 2, HOUR / 2]) {
      clock.now += later;
      await see(`after ${later}`, () => wide.claim({ max: 2, types: ['Call.*'] }));
    }
  },
} as const satisfies Record<string, Act['play']>;

export const CLOCK_ACTS: readonly Act[] = [
  ...Object.entries(schedules).map(([name, play]) => ({ name: `schedules ${name}`, play })),
  ...Object.entries(limits).map(([name, play]) => ({ name: `limits ${name}`, play })),
];
