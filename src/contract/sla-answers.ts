// What is answered about due times, about work that nobody can take, and about quotas.
import { z } from 'zod';
import { REASONS } from '../domain/explain.ts';
import { count, instant, state } from './fields.ts';

const span = z.object({ low: instant, likely: instant, high: instant });
export const forecast = z.object({
  task_id: z.string().nullable(),
  type: z.string(),
  status: state.nullable(),
  at_utc: instant,
  starts_at_utc: span.nullable(),
  ends_at_utc: span.nullable(),
  due_at_utc: instant.nullable(),
  will_miss: z.enum(['no', 'maybe', 'yes']).nullable(),
  ahead: count.describe('ready tasks of the client that go before it, at most 10,000'),
  per_minute: z.number().min(0).nullable().describe('starts of the client, as far as known'),
  reason: z.string().nullable().describe('why it is not to be told'),
});

export const unroutable = z.object({
  work: z.array(
    z.object({
      client_id: z.string(),
      type: z.string(),
      compatibility: z.record(z.string(), z.unknown()),
      waiting: count.describe('tasks that are due, up to 1,000 of each free key'),
      message: z.string(),
    }),
  ),
});

export const quota = z.object({ client_id: z.string(), tasks: count.nullable(), bytes: count.nullable(), used_tasks: count, used_bytes: count });

export const explanation = z.object({ task_id: z.string(), status: state, reasons: z.array(z.object({ code: z.enum(REASONS), message: z.string() })) });
