// The shapes of answers about schedules and limits.
import { z } from 'zod';
import { MISSED } from '../domain/schedule.ts';
import { count, instant, json } from './fields.ts';

export const schedule = z.object({
  client_id: z.string(),
  name: z.string(),
  kind: z.enum(['cron', 'every', 'once']),
  cron: z.string().nullable(),
  time_zone: z.string().nullable(),
  every_ms: count.nullable(),
  at_utc: instant.nullable(),
  type: z.string(),
  payload: json.optional(),
  options: z.record(z.string(), z.unknown()),
  missed: z.enum(MISSED),
  paused: z.boolean(),
  next_utc: instant.nullable().describe('null: paused, or no tick is left'),
  last_utc: instant.nullable(),
  last_task_id: z.string().nullable(),
  last_refusal: z.string().nullable().describe('why the last tick made no task'),
  fired: count,
  created_at_utc: instant,
  changed_at_utc: instant,
});
export const limit = z.object({
  client_id: z.string(),
  name: z.string(),
  pattern: z.string().nullable(),
  key: z.string().nullable(),
  concurrency: count.nullable(),
  rate: count.nullable(),
  per_ms: count.nullable(),
  running: count,
  created_at_utc: instant,
});

export const worker = z.object({
  worker_id: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  status: z.enum(['ready', 'busy', 'draining', 'offline', 'stale']),
  strategy: z.string(),
  registered_at_utc: instant,
  heartbeat_utc: instant,
  active_tasks: count,
  versions: z.record(z.string(), z.string()),
});
