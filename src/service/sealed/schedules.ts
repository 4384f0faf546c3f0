// Schedules keep a payload too: sealed where it lies, opened for who reads it and for the step that fires, and each task that it makes is sealed
// for itself.
import type { DueSchedule, ScheduleStore } from '../../store/store.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { sealJson, unsealJson } from './cipher.ts';
import type { Place } from './cipher.ts';
import type { DataKeys } from './keys.ts';
import { openJson, sealTask } from './task.ts';

const of = (clientId: string, name: string): Place => ({ clientId, taskId: name, field: 'schedule' });

export function sealedSchedules(store: ScheduleStore, keys: DataKeys): ScheduleStore {
  const open = async (schedule: Schedule): Promise<Schedule> => {
    const { clientId, name, payload } = schedule;
    const opening = payload === undefined ? [] : await keys.of(clientId);
    return payload === undefined || opening.length === 0 ? schedule : { ...schedule, payload: openJson(opening, of(clientId, name), payload) };
  };
  const openText = async (clientId: string, name: string, payload: string): Promise<string> => {
    const opening = await keys.of(clientId);
    return opening.length === 0 ? payload : unsealJson(opening, of(clientId, name), payload);
  };
  return {
    ...store,
    async set(scope, row, nextUtc, reason) {
      const [clientId] = scope.clients === '*' ? [] : scope.clients;
      const key = clientId === undefined ? undefined : await keys.newest(clientId);
      const payload = key === undefined ? row.payload : sealJson(key, of(clientId as string, row.name), row.payload);
      return store.set(scope, { ...row, payload }, nextUtc, reason);
    },
    async get(scope, name) {
      const found = await store.get(scope, name);
      return found === null ? null : open(found);
    },
    list: async (scope, page) => Promise.all((await store.list(scope, page)).map(open)),
    async content(clientId, name) {
      const found = await store.content(clientId, name);
      return found === null ? null : { ...found, payload: await openText(clientId, name, found.payload) };
    },
    async due(most, withCron) {
      const { nowUtc, items } = await store.due(most, withCron);
      const opened = await Promise.allSettled(
        items.map(async (due): Promise<DueSchedule> => ({ ...due, payload: await openText(due.clientId, due.name, due.payload) })),
      );
      const good = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      // A key that can not be had now holds up its own client: its ticks stay due.
      const failed = opened.find((one) => one.status === 'rejected');
      if (failed !== undefined && good.length === 0) throw failed.reason;
      return { nowUtc, items: good };
    },
    async fire(firings) {
      const sealed = firings.map(async (firing) => {
        if (firing.tasks.length === 0) return firing;
        const sealing = await keys.of(firing.clientId);
        return { ...firing, tasks: firing.tasks.map((task) => sealTask(sealing, task)) };
      });
      return store.fire(await Promise.all(sealed));
    },
  };
}
