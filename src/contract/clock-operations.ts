// The rows of the table of operations that are about schedules and limits.
import { ENQUEUE, TASK, get, post, remove, row } from './row.ts';

const SET = ['invalid_category', 'unknown_category', 'invalid_payload', 'payload_too_large', 'unknown_client', 'quota_exceeded'] as const;

export const CLOCK_OPERATIONS = {
  listSchedules: get('/queue/admin/schedules', 'schedule.list', 'Schedules', {
    query: 'ScheduleQuery',
    inside: true,
    summary: 'Schedules by client and name; for the platform without payloads.',
  }),
  getSchedule: get('/queue/admin/schedules/{id}', 'schedule.get', 'Schedule', { errors: TASK, summary: 'One schedule.' }),
  setSchedule: row({
    method: 'PUT',
    path: '/queue/admin/schedules/{id}',
    access: 'schedule.set',
    body: 'NewSchedule',
    answer: 'Schedule',
    status: [200],
    errors: [...TASK, ...SET],
    inside: true,
    summary: 'Makes a schedule, or gives it another rule: by cron, by an interval, or once.',
  }),
  pauseSchedule: post('/queue/admin/schedules/{id}/pause', 'schedule.pause', 'Schedule', {
    errors: TASK,
    inside: true,
    summary: 'No tick is fired until it is resumed.',
  }),
  resumeSchedule: post('/queue/admin/schedules/{id}/resume', 'schedule.pause', 'Schedule', {
    errors: TASK,
    inside: true,
    summary: 'Goes on with the next tick; what passed meanwhile is not made up for.',
  }),
  runSchedule: post('/queue/admin/schedules/{id}/run', 'schedule.run', 'Enqueued', {
    status: [201],
    errors: [...TASK, ...ENQUEUE],
    inside: true,
    summary: 'Enqueues its task now, beside its ticks.',
  }),
  previewSchedule: get('/queue/admin/schedules/{id}/preview', 'schedule.get', 'Preview', {
    query: 'PreviewQuery',
    errors: TASK,
    summary: 'Its next ticks, paused or not.',
  }),
  deleteSchedule: remove('/queue/admin/schedules/{id}', 'schedule.delete', 'The schedule goes; its tasks stay.', { inside: true }),
  listLimits: get('/queue/admin/limits', 'limit.list', 'Limits', { inside: true, summary: 'Limits of the client, by name, with what runs under each.' }),
  setLimit: row({
    method: 'PUT',
    path: '/queue/admin/limits/{id}',
    access: 'limit.set',
    body: 'NewLimit',
    answer: 'Limit',
    status: [200],
    errors: [...TASK, 'invalid_category', 'unknown_client', 'quota_exceeded'],
    inside: true,
    summary: 'How many tasks of the client run at once, or start in a while: of all, of a category, of each free key.',
  }),
  deleteLimit: remove('/queue/admin/limits/{id}', 'limit.delete', 'Takes a limit away.', { inside: true }),
  pauseWork: post('/queue/admin/pause', 'queue.pause', 'Limit', {
    body: 'Part',
    errors: ['unknown_client', 'quota_exceeded', 'invalid_category', 'not_found'],
    inside: true,
    summary: 'Lets nothing of the client, of a category or of a free key start; what runs goes on.',
  }),
  resumeWork: post('/queue/admin/resume', 'queue.pause', null, { body: 'Part', errors: TASK, inside: true, summary: 'Takes a pause back.' }),
} as const;
