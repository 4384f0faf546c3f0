// What a request may say, as zod schemas: strict, so that an unknown property is refused. `payload` and `result` are any JSON;
// the server cuts their text out before this is asked.
import { z } from 'zod';
import { MOST_HEADS } from '../domain/audit-anchor.ts';
import { CHAINS } from '../domain/audit-chain.ts';
import { CATEGORY_MODES } from '../domain/category.ts';
import { MOST_PARENTS, POLICIES } from '../domain/dependencies.ts';
import type { DependencyPolicy } from '../domain/dependencies.ts';
import { LIMITS } from '../domain/limits.ts';
import { MISSED } from '../domain/schedule.ts';
import { SLA_FILTERS } from '../domain/sla.ts';
import {
  attributes,
  clientId,
  compatibility,
  count,
  instant,
  int,
  json,
  leaseId,
  metadata,
  pattern,
  queryInstant,
  queryInt,
  queryPairs,
  role,
  scalar,
  state,
  taskId,
  text,
  type,
  waitMs,
  workerId,
} from './fields.ts';

const policy = z.enum(Object.keys(POLICIES) as [DependencyPolicy, ...DependencyPolicy[]]).optional();
const position = count;
const dependency = z.union([taskId, position, z.strictObject({ task_id: taskId, policy }), z.strictObject({ position, policy })]);
/** What every task of a schedule may be given. */
const scheduled = {
  priority: int('priority').optional(),
  compatibility: compatibility.optional(),
  max_attempts: int('maxAttempts').optional(),
  delay_ms: int('delayMs').optional(),
  ttl_ms: int('ttlMs').optional(),
  max_run_ms: int('maxRunMs').optional(),
  max_wait_ms: int('maxWaitMs').optional(),
  metadata: metadata.optional(),
  traceparent: text(LIMITS.traceparent.max).min(1).optional(),
  limit_key: text(LIMITS.limitKey.max).min(1).optional(),
};
const options = {
  ...scheduled,
  run_after_utc: instant.optional(),
  expires_at_utc: instant.optional(),
  idempotency_key: text(LIMITS.idempotencyKey.max).min(1).optional(),
  due_at_utc: instant.optional(),
  created_by: text(LIMITS.createdBy.max).min(1).optional(),
  depends_on: z.array(dependency).max(MOST_PARENTS).describe('tasks that it waits for; a number is a position of the same call').optional(),
};
const part = { pattern: pattern.optional(), key: text(128).min(1).optional() };
const enqueue = { type, payload: json.optional(), ...options };
const failure = z.union([z.string(), z.strictObject({ message: z.string(), kind: z.string().optional(), stack: z.string().optional() })]);
const timing = { started_after_ms: count.optional(), run_ms: count.optional() };
const complete = { lease_id: leaseId, result: json.optional(), ...timing };
const fail = { lease_id: leaseId, error: failure, retry: z.boolean().optional(), retry_in_ms: int('delayMs').optional(), ...timing };
const release = { lease_id: leaseId, delay_ms: int('delayMs').optional() };
const capabilities = z.strictObject({
  categories: z.array(pattern).max(1000).optional(),
  clients: z.array(clientId).max(1000).optional(),
  attributes: z.record(z.string(), z.union([scalar, z.array(scalar)])).optional(),
});
const strategy = z.string().min(1).max(32);
const fairness = z.enum(['weighted', 'none']);
const backoff = z.strictObject({ initial_ms: z.int(), max_ms: z.int(), multiplier: z.number(), jitter: z.number() });
const grant = { client_id: z.union([clientId, z.literal('*')]), pattern, attributes: attributes.optional() };

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const head = z.strictObject({ chain: z.enum(CHAINS), client_id: text(63), seq: z.int().min(1), hash: digest });

export const REQUESTS = {
  Enqueue: z.strictObject(enqueue),
  EnqueueMany: z.strictObject({ tasks: z.array(z.strictObject(enqueue)).min(1).max(1000), atomic: z.boolean().optional() }),
  Child: z.strictObject({ lease_id: leaseId, ...enqueue }),
  ManyChildren: z.strictObject({ lease_id: leaseId, tasks: z.array(z.strictObject(enqueue)).max(1000), next: z.strictObject(enqueue).optional() }),
  ParentsAsked: z.strictObject({
    lease_id: leaseId,
    limit: int('listLimit').optional(),
    after: count.optional().describe('the `next_after` of the page before'),
  }),
  TaskChange: z.strictObject({
    priority: int('priority').optional(),
    payload: json.optional(),
    max_attempts: int('maxAttempts').optional(),
    max_run_ms: int('maxRunMs').optional(),
    metadata: metadata.optional(),
  }),
  Bulk: z.strictObject({
    ids: z.array(taskId).max(1000).optional(),
    cascade: z.boolean().describe('with everything that waits for these').optional(),
    filter: z
      .strictObject({
        status: state.optional(),
        type: pattern.optional(),
        metadata: metadata.optional(),
        older_than_ms: int('delayMs').describe('enqueued longer ago than this').optional(),
        error: text(200).min(1).describe('part of the last failure').optional(),
      })
      .optional(),
    dry_run: z.boolean().optional(),
    limit: z.int().min(1).max(100_000).optional(),
    cursor: text(60).optional(),
    reason: text(200).optional(),
    priority: int('priority').optional(),
  }),
  Look: z.strictObject({ reason: text(500).optional() }),
  Cancel: z.strictObject({
    reason: text(200)
      .regex(/^[^\0]*$/, 'must not have NUL')
      .optional(),
  }),
  Registration: z.strictObject({
    capabilities: capabilities.optional(),
    strategy: strategy.optional(),
    fairness: fairness.optional(),
    versions: z.record(z.string(), z.string()).optional(),
  }),
  Heartbeat: z.strictObject({
    status: z.enum(['ready', 'busy', 'draining', 'offline']).optional(),
    leases: z
      .array(z.strictObject({ task_id: taskId, lease_id: leaseId }))
      .max(10_000)
      .optional(),
    lease_ms: int('leaseMs').optional(),
  }),
  Claim: z.strictObject({
    max: int('claimMax').optional(),
    wait_ms: waitMs.optional(),
    strategy: strategy.optional(),
    fairness: fairness.optional(),
    types: z.array(pattern).min(1).max(100).optional(),
    lease_ms: int('leaseMs').optional(),
    capabilities: capabilities.optional(),
  }),
  Complete: z.strictObject(complete),
  Fail: z.strictObject(fail),
  Release: z.strictObject(release),
  Progress: z.strictObject({ lease_id: leaseId, progress: json }),
  Message: z.strictObject({ lease_id: leaseId, message: z.string(), details: json.optional() }),
  Settle: z.strictObject({
    items: z
      .array(
        z.discriminatedUnion('op', [
          z.strictObject({ op: z.literal('complete'), task_id: taskId, ...complete }),
          z.strictObject({ op: z.literal('fail'), task_id: taskId, ...fail }),
          z.strictObject({ op: z.literal('release'), task_id: taskId, ...release, ...timing }),
        ]),
      )
      .max(1000),
  }),
  NewClient: z.strictObject({ client_id: clientId, weight: int('weight').optional() }),
  ClientChange: z.strictObject({ status: z.enum(['active', 'suspended']).optional(), weight: int('weight').optional() }),
  Quota: z.strictObject({ tasks: z.int().min(0).nullable().optional(), bytes: z.int().min(0).nullable().optional() }),
  Prune: z.strictObject({ stale_ms: int('staleMs').optional() }),
  NewGrant: z.strictObject({ worker_id: workerId, ...grant }),
  NewKey: z.strictObject({
    role,
    client_id: clientId.optional(),
    name: text(128).min(1).optional(),
    grants: z.array(z.strictObject(grant)).max(100).optional(),
    scopes: z.array(text(64)).max(100).optional(),
    expires_in_ms: z.int().min(1).optional(),
  }),
  Rotate: z.strictObject({ overlap_ms: z.int().min(0).optional(), expires_in_ms: z.int().min(1).optional() }),
  CategoryChange: z.strictObject({
    priority: int('priority').nullable().optional(),
    max_attempts: int('maxAttempts').nullable().optional(),
    max_run_ms: int('maxRunMs').nullable().optional(),
    backoff: backoff.nullable().optional(),
    schema: json.optional(),
    max_wait_ms: int('maxWaitMs').nullable().optional(),
  }),
  NewSchedule: z.strictObject({
    cron: text(200).min(1).optional(),
    time_zone: text(64).min(1).optional(),
    every_ms: z.int().min(1000).max(31_622_400_000).optional(),
    at_utc: instant.optional(),
    type,
    payload: json.optional(),
    options: z.strictObject(scheduled).optional(),
    missed: z.enum(MISSED).optional(),
    paused: z.boolean().optional(),
  }),
  NewLimit: z.strictObject({
    ...part,
    concurrency: z.int().min(0).max(1_000_000).optional(),
    rate: z.int().min(1).max(1_000_000).optional(),
    per_ms: z.int().min(1).max(86_400_000).optional(),
  }),
  Part: z.strictObject(part),
  Bootstrap: z.strictObject({ secret: text(128).min(1) }),
  Erase: z.strictObject({ reason: text(500).optional(), confirm: z.boolean().optional() }),
  Export: z.strictObject({ reason: text(500).optional(), cursor: text(200).optional() }),
  CategoryMode: z.strictObject({ mode: z.enum(CATEGORY_MODES) }),
  Verify: z.strictObject({
    client_id: clientId.optional(),
    anchors: z.array(head).max(20_000).optional(),
  }),
  Anchored: z.strictObject({ n: z.int().min(1), prev: digest.or(z.literal('')), digest, heads: z.array(head).max(MOST_HEADS) }),
  Retain: z.strictObject({ client_id: text(63), keep_ms: int('auditRetentionMs').nullable() }),

  // query strings
  TaskQuery: z.strictObject({
    status: state.optional(),
    type: pattern.optional(),
    metadata: queryPairs.optional(),
    sla: z.enum(SLA_FILTERS).optional(),
    limit: queryInt('listLimit').optional(),
    cursor: text(200).optional(),
  }),
  PageQuery: z.strictObject({ limit: queryInt('listLimit').optional(), cursor: text(200).optional() }),
  DependencyQuery: z.strictObject({
    direction: z.enum(['parents', 'children']).optional(),
    limit: queryInt('listLimit').optional(),
    cursor: text(200).optional(),
  }),
  LimitQuery: z.strictObject({ limit: queryInt('listLimit').optional() }),
  GrantQuery: z.strictObject({ worker_id: workerId.optional() }),
  ScheduleQuery: z.strictObject({ limit: queryInt('listLimit').optional(), cursor: text(200).optional() }),
  PreviewQuery: z.strictObject({
    count: z
      .string()
      .regex(/^\d{1,3}$/)
      .transform(Number)
      .meta({ override: 'integer' })
      .optional(),
  }),
  ForecastQuery: z.strictObject({ type, priority: queryInt('priority').optional() }),
  StreamQuery: z.strictObject({ outcomes: z.enum(['refused', 'all']).optional() }),
  WaitQuery: z.strictObject({
    wait_ms: z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number)
      .pipe(waitMs)
      .meta({ override: 'integer' })
      .optional(),
  }),
  OfClientQuery: z.strictObject({ client_id: clientId.optional() }),
  TrailQuery: z.strictObject({
    client_id: clientId.optional(),
    chain: z.enum(CHAINS).optional(),
    actor: text(200).optional(),
    action: text(64).optional(),
    object: text(200).optional(),
    since_utc: queryInstant.optional(),
    until_utc: queryInstant.optional(),
    limit: queryInt('listLimit').optional(),
    cursor: text(200).optional(),
  }),
  EventQuery: z.strictObject({
    last_event_id: z
      .string()
      .regex(/^\d{1,16}$/)
      .optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

export type RequestName = keyof typeof REQUESTS;
