// The fields that requests and answers are made of, with their bounds.
import { z } from 'zod';
import { STATES } from '../domain/lifecycle.ts';
import { LIMITS } from '../domain/limits.ts';
import type { LimitName } from '../domain/limits.ts';
import { pairOf } from './wire.ts';

export const int = (name: LimitName) => z.int().min(LIMITS[name].min).max(LIMITS[name].max).describe(LIMITS[name].meaning);
/** In a query string. */
export const queryInt = (name: LimitName) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(int(name))
    .meta({ override: 'integer' });
export const instant = z.int().min(0).max(8_640_000_000_000_000).describe('milliseconds since the epoch, UTC');
export const count = z.int().min(0);
export const text = (max: number) => z.string().max(max);
export const json = z.unknown().describe('any JSON value, kept byte for byte');
export const scalar = z.union([z.string(), z.number(), z.boolean()]);
export const type = z.string().min(1).max(200).describe('a category: A.B.C');
export const pattern = z.string().min(1).max(202).describe('a category, A.B.* or *');
export const clientId = z.string().min(1).max(63);
export const workerId = z.string().min(1).max(128);
export const leaseId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,512}$/)
  .describe('the receipt of the claim');
export const taskId = z.string().min(1).max(64);
export const state = z.enum(STATES);
export const compatibility = z.record(
  z.string(),
  z.union([scalar, z.array(scalar), z.strictObject({ min: z.number().optional(), max: z.number().optional() })]),
);
export const attributes = z.record(z.string(), z.array(scalar));
export const metadata = z.record(z.string(), z.string());
/** In a query string: given once for each pair. A colon in a key is `%3A` once more, and so is a percent sign `%25`. */
export const queryPairs = z
  .array(z.string().regex(/^(?:[^:%]|%3A|%25)+:/i, 'give key:value'))
  .max(LIMITS.metadataKeys.max)
  .transform((pairs) => pairs.map(pairOf))
  .refine((pairs) => new Set(pairs.map(([key]) => key)).size === pairs.length, 'names a key twice')
  .transform((pairs) => Object.fromEntries(pairs))
  .meta({ description: 'key:value; may be given again, for tasks that have all' });

export const waitMs = z.int().min(0).max(30_000);

export const role = z.enum(['client', 'worker', 'admin', 'auditor']);

/** In a query string. */
export const queryInstant = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .meta({ override: 'integer' });
