// Schedules and limits of a client over HTTP: the same as in process.
import type { LimitHandle, ScheduleHandle } from '../service/handles.ts';
import { jsonOf, optionsBody } from './body.ts';
import type { Line } from './line.ts';

export const scheduleHandle = ({ call, headers }: Line): ScheduleHandle => ({
  set: (id, { payload, options, atUtc, ...rest }) =>
    call('setSchedule', {
      path: { id },
      headers,
      body: {
        ...rest,
        ...(payload === undefined ? {} : { payload: jsonOf(payload, 'payload') }),
        ...(options === undefined ? {} : { options: optionsBody(options) }),
        ...(atUtc === undefined ? {} : { atUtc: atUtc instanceof Date ? atUtc.getTime() : atUtc }),
      },
    }),
  get: (id) => call('getSchedule', { path: { id }, headers }),
  async list(page = {}) {
    const { schedules, nextCursor } = await call('listSchedules', { query: { ...page }, headers });
    return { items: schedules, nextCursor };
  },
  delete: (id) => call('deleteSchedule', { path: { id }, headers }),
  pause: (id) => call('pauseSchedule', { path: { id }, headers }),
  resume: (id) => call('resumeSchedule', { path: { id }, headers }),
  run: (id) => call('runSchedule', { path: { id }, headers }),
  preview: async (id, count) => (await call('previewSchedule', { path: { id }, query: { count }, headers })).ticksUtc,
});

export const limitHandle = ({ call, headers }: Line): LimitHandle => ({
  set: (id, limit) => call('setLimit', { path: { id }, body: limit, headers }),
  list: async () => (await call('listLimits', { headers })).limits,
  delete: (id) => call('deleteLimit', { path: { id }, headers }),
  pause: (part = {}) => call('pauseWork', { body: part, headers }),
  resume: (part = {}) => call('resumeWork', { body: part, headers }),
});
