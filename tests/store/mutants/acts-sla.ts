// Acts about due times: both clients have tasks of the same kind with other due times.
import type { Act } from './acts.ts';
import { DAY, SECOND } from './stage.ts';

const KINDS = ['Due.Open', 'Due.Held', 'Due.Done', 'Due.Late', 'Due.Dead', 'Due.Off'] as const;

async function made({ queue, me, you }: Parameters<Act['play']>[0]): Promise<void> {
  for (const [i, clientId] of [me, you].entries()) {
    for (const [n, type] of KINDS.entries()) await queue.client(clientId).enqueue(type, type, { maxWaitMs: (20 + 10 * i + n) * SECOND, priority: 1 });
    await queue.client(clientId).enqueueMany([
      { type: 'Due.Never', priority: 900 },
      { type: 'Due.Day', priority: 900, maxWaitMs: DAY },
    ]);
  }
}

const sla = {
  async told(scene) {
    const { queue, me, you, see, clock } = scene;
    await made(scene);
    const wide = queue.worker('wide');
    const held = await wide.claim({ max: 30, types: ['Due.Held', 'Due.Done', 'Due.Late', 'Due.Dead', 'Due.Off'], leaseMs: 600 * SECOND });
    const of = (type: string): typeof held => held.filter((task) => task.type === type);
    for (const task of of('Due.Done')) await wide.complete(task);
    for (const task of of('Due.Dead').slice(0, 1)) await wide.fail(task, 'no', { retry: false });
    const off = of('Due.Off').find(({ clientId }) => clientId === me);
    await see('cancel', () => queue.client(me).cancel(off?.taskId ?? ''));
    for (const step of [0, 17, 2, 4, 5, 20]) {
      clock.now += step * SECOND;
      await see(`tick after ${step}`, () => queue.system().tick());
      if (step === 5) for (const task of of('Due.Late')) await wide.complete(task);
      for (const clientId of [me, you]) {
        for (const filter of ['at_risk', 'breached', 'met'] as const) await see(`${filter} of ${clientId}`, () => queue.client(clientId).list({ sla: filter }));
        await see(`numbers of ${clientId}`, () => queue.client(clientId).stats());
      }
      await see('numbers of all', () => queue.admin().stats());
    }
    clock.now += 10 * DAY;
    await see('purged', () => queue.system().tick());
  },
  async foretold(scene) {
    const { queue, me, you, see, clock } = scene;
    await made(scene);
    const wide = queue.worker('wide');
    for (const claims of [3, 5, 4]) {
      const held = await wide.claim({ max: claims, types: ['Due.*'], leaseMs: 600 * SECOND });
      clock.now += claims * SECOND;
      for (const task of held.slice(1)) await wide.complete(task);
      for (const clientId of [me, you]) {
        for (const type of ['Due.Open', 'Due.Held', 'Mail.Send']) await see(`${type} of ${clientId}`, () => queue.client(clientId).forecastType(type));
        for (const { taskId, type } of (await queue.client(clientId).list({ type: 'Due.*' })).items)
          await see(`a ${type} of ${clientId}`, () => queue.client(clientId).forecast(taskId));
      }
    }
    clock.now += 2 * DAY;
    await see('nothing lately', () => queue.client(me).forecastType('Due.Open'));
  },
  async quotas(scene) {
    const { queue, me, you, see, clock } = scene;
    const look = async (what: string): Promise<void> => {
      for (const clientId of [me, you]) await see(`${what}, of ${clientId}`, () => queue.client(clientId).quota());
    };
    const fill = async (clientId: string, n: number, payload: unknown): Promise<void> =>
      see(`${n} of ${clientId}`, () => queue.client(clientId).enqueueMany(Array.from({ length: n }, () => ({ type: 'Mail.Send', payload }))));
    await look('at first');
    const used = { [me]: (await queue.client(me).quota()).usedTasks, [you]: (await queue.client(you).quota()).usedTasks };
    const bytes = (await queue.client(you).quota()).usedBytes;
    await queue.admin().clients.quota(me, { tasks: (used[me] ?? 0) + 3 });
    await queue.admin().clients.quota(you, { bytes: bytes + 100 });
    await look('with quotas');
    for (const clientId of [me, you]) await fill(clientId, 5, 'x'.repeat(28));
    await see('both', () => queue.client(you).enqueue('Mail.Send', 'y'));
    const { items } = await queue.client(me).list({ status: 'queued', limit: 2 });
    for (const { taskId } of items) await queue.client(me).cancel(taskId);
    for (const clientId of [you, me]) await fill(clientId, 1, 1);
    await see('requeue', () => queue.client(me).requeue(items[0]?.taskId ?? ''));
    await see('amend', async () =>
      queue.client(you).amend((await queue.client(you).list({ status: 'queued', limit: 1 })).items[0]?.taskId ?? '', { payload: 1 }),
    );
    await look('changed');
    for (const clientId of [me, you]) await fill(clientId, 3, 2);
    await queue.admin().clients.quota(me, { tasks: 2000 });
    await fill(me, 4, 3);
    clock.now += 2 * SECOND;
    await fill(me, 4, 3);
    await queue.admin().clients.quota(me, {});
    for (const clientId of [me, you]) await fill(clientId, 3, 4);
    await look('at last');
  },
  async unroutable(scene) {
    const { queue, me, you, see, clock } = scene;
    await made(scene);
    for (const clientId of [me, you])
      for (const key of ['a', 'b', 'b']) await queue.client(clientId).enqueue('Due.Gpu', null, { compatibility: { gpu: clientId === me }, limitKey: key });
    const look = async (what: string): Promise<void> => {
      for (const clientId of [me, you]) await see(`${what}, of ${clientId}`, () => queue.client(clientId).unroutable());
      await see(`${what}, of all`, () => queue.admin().unroutable());
    };
    await look('at first');
    await queue.worker('wide').beat('ready');
    await look('with one that may all');
    await queue.worker('wide').beat('draining');
    await queue.as({ role: 'worker', workerId: 'mixed' }).beat('ready');
    await look('with one that may some');
    clock.now += 61 * SECOND;
    await look('a minute later');
  },
} as const satisfies Record<string, Act['play']>;

export const SLA_ACTS: readonly Act[] = Object.entries(sla).map(([name, play]) => ({ name: `sla ${name}`, play }));
