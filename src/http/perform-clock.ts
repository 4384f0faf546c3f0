// What the operations of schedules and limits do, over the handle of one client.
import type { OperationName } from '../contract/operations.ts';
import type { ScheduleInput } from '../domain/schedule.ts';
import type { LimitInput } from '../domain/work-limit.ts';
import type { AdminHandle, Part } from '../service/handles.ts';
import { given, handleOf } from './bench.ts';
import type { Bench, Performer } from './bench.ts';
import { clientOf } from './insides.ts';
import type { Call } from './reply.ts';

/** Of one client, or for an admin of the platform that names none, of all. */
const readsOf = (call: Call, bench: Bench): Pick<AdminHandle, 'schedules' | 'limits'> =>
  call.inside === null ? (handleOf(call, bench) as AdminHandle) : clientOf(call, bench);
const idOf = (call: Call): string => call.params['id'] as string;

export const clockPerformers = {
  async listSchedules(call, bench) {
    const { items, nextCursor } = await readsOf(call, bench).schedules.list(call.input);
    return { value: { schedules: items, nextCursor } };
  },
  getSchedule: async (call, bench) => ({ value: await clientOf(call, bench).schedules.get(idOf(call)) }),
  setSchedule: async (call, bench) => ({ value: await clientOf(call, bench).schedules.set(idOf(call), given<ScheduleInput>(call)) }),
  async deleteSchedule(call, bench) {
    await clientOf(call, bench).schedules.delete(idOf(call));
    return { status: 204 };
  },
  pauseSchedule: async (call, bench) => ({ value: await clientOf(call, bench).schedules.pause(idOf(call)) }),
  resumeSchedule: async (call, bench) => ({ value: await clientOf(call, bench).schedules.resume(idOf(call)) }),
  runSchedule: async (call, bench) => ({ status: 201, value: await clientOf(call, bench).schedules.run(idOf(call)) }),
  previewSchedule: async (call, bench) => ({
    value: { ticksUtc: await clientOf(call, bench).schedules.preview(idOf(call), given<{ count?: number }>(call).count) },
  }),
  listLimits: async (call, bench) => ({ value: { limits: await readsOf(call, bench).limits.list() } }),
  setLimit: async (call, bench) => ({ value: await clientOf(call, bench).limits.set(idOf(call), given<LimitInput>(call)) }),
  async deleteLimit(call, bench) {
    await clientOf(call, bench).limits.delete(idOf(call));
    return { status: 204 };
  },
  pauseWork: async (call, bench) => ({ value: await clientOf(call, bench).limits.pause(given<Part>(call)) }),
  async resumeWork(call, bench) {
    await clientOf(call, bench).limits.resume(given<Part>(call));
    return { status: 204 };
  },
} satisfies Partial<Record<OperationName, Performer>>;
