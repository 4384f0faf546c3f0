// What goes over the wire, as zod schemas: strict for requests (an unknown property is refused), open for answers (a client
// ignores what it does not know). `payload` and `result` are any JSON; the server cuts their text out before this is asked.
import { z } from 'zod';
import { CATEGORY_MODES } from '../domain/category.ts';
import { STATES, TASK_EVENTS } from '../domain/lifecycle.ts';
import { LIMITS } from '../domain/limits.ts';
import type { LimitName } from '../domain/limits.ts';

const int = (name: LimitName) => z.int().min(LIMITS[name].min).max(LIMITS[name].max).describe(LIMITS[name].meaning);
/** In a query string. */
const queryInt = (name: LimitName) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(int(name))
    .meta({ override: 'integer' });
const instant = z.int().min(0).max(8_640_000_000_000_000).describe('milliseconds since the epoch, UTC');
const count = z.int().min(0);
const text = (max: number) => z.string().max(max);
const json = z.unknown().describe('any JSON value, kept byte for byte');
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const type = z.string().min(1).max(200).describe('a category: A.B.C');
const pattern = z.string().min(1).max(202).describe('a category, A.B.* or *');
const clientId = z.string().min(1).max(63);
const workerId = z.string().min(1).max(128);
const leaseId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,512}$/)
  .describe('the receipt of the claim');
const taskId = z.string().min(1).max(64);
const state = z.enum(STATES);
const compatibility = z.record(z.string(), z.union([scalar, z.array(scalar), z.strictObject({ min: z.number().optional(), max: z.number().optional() })]));
const attributes = z.record(z.string(), z.array(scalar));
const metadata = z.record(z.string(), z.string());
const waitMs = z.int().min(0).max(30_000);

const options = {
  priority: int('priority').optional(),
  compatibility: compatibility.optional(),
  max_attempts: int('maxAttempts').optional(),
  run_after_utc: instant.optional(),
  delay_ms: int('delayMs').optional(),
  expires_at_utc: instant.optional(),
  ttl_ms: int('ttlMs').optional(),
  max_run_ms: int('maxRunMs').optional(),
  idempotency_key: text(LIMITS.idempotencyKey.max).min(1).optional(),
  due_at_utc: instant.optional(),
  max_wait_ms: int('maxWaitMs').optional(),
  metadata: metadata.optional(),
  created_by: text(LIMITS.createdBy.max).min(1).optional(),
  traceparent: text(LIMITS.traceparent.max).min(1).optional(),
};
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
const role = z.enum(['client', 'worker', 'admin', 'auditor']);

export const REQUESTS = {
  Enqueue: z.strictObject(enqueue),
  EnqueueMany: z.strictObject({ tasks: z.array(z.strictObject(enqueue)).min(1).max(1000), atomic: z.boolean().optional() }),
  Child: z.strictObject({ lease_id: leaseId, ...enqueue }),
  TaskChange: z.strictObject({
    priority: int('priority').optional(),
    payload: json.optional(),
    max_attempts: int('maxAttempts').optional(),
    max_run_ms: int('maxRunMs').optional(),
    metadata: metadata.optional(),
  }),
  Cancel: z.strictObject({ reason: text(200).optional() }),
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
  Rotate: z.strictObject({ overlap_ms: z.int().min(0).optional() }),
  CategoryChange: z.strictObject({
    priority: int('priority').nullable().optional(),
    max_attempts: int('maxAttempts').nullable().optional(),
    max_run_ms: int('maxRunMs').nullable().optional(),
    backoff: backoff.nullable().optional(),
    schema: json.optional(),
  }),
  CategoryMode: z.strictObject({ mode: z.enum(CATEGORY_MODES) }),

  // query strings
  TaskQuery: z.strictObject({ status: state.optional(), type: pattern.optional(), limit: queryInt('listLimit').optional(), cursor: text(200).optional() }),
  PageQuery: z.strictObject({ limit: queryInt('listLimit').optional(), cursor: text(200).optional() }),
  LimitQuery: z.strictObject({ limit: queryInt('listLimit').optional() }),
  GrantQuery: z.strictObject({ worker_id: workerId.optional() }),
  WaitQuery: z.strictObject({
    wait_ms: z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number)
      .pipe(waitMs)
      .meta({ override: 'integer' })
      .optional(),
  }),
  EventQuery: z.strictObject({
    last_event_id: z
      .string()
      .regex(/^\d{1,16}$/)
      .optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

const enqueued = z.object({ task_id: z.string(), status: state, created_at_utc: instant, deduplicated: z.boolean() });
const refusal = z.object({ ok: z.literal(false), code: z.string(), message: z.string() });
const task = z.object({
  task_id: z.string(),
  client_id: z.string(),
  type: z.string(),
  status: state,
  priority: z.int(),
  effective_priority: z.int(),
  attempts: count,
  max_attempts: count,
  generation: count,
  releases: count,
  compatibility: z.record(z.string(), z.unknown()),
  region: z.string().nullable(),
  format: z.string().nullable(),
  payload: json.optional(),
  result: json.optional(),
  error_message: z.string().nullable(),
  progress: json,
  idempotency_key: z.string().nullable(),
  metadata,
  created_by: z.string().nullable(),
  traceparent: z.string().nullable(),
  locked_by: z.string().nullable(),
  created_at_utc: instant,
  updated_at_utc: instant,
  run_after_utc: instant,
  expires_at_utc: instant.nullable(),
  due_at_utc: instant.nullable(),
  max_run_ms: count,
  reserved_at_utc: instant.nullable(),
  lease_until_utc: instant.nullable(),
  processing_started_utc: instant.nullable(),
  finished_at_utc: instant.nullable(),
});
const claimed = z.object({
  task_id: z.string(),
  client_id: z.string(),
  type: z.string(),
  payload: json,
  compatibility: z.record(z.string(), z.unknown()),
  priority: z.int(),
  attempt: z.int(),
  max_attempts: z.int(),
  lease_id: leaseId,
  lease_until_utc: instant,
  lease_ms: count,
  fence: count,
  max_run_ms: count,
  created_at_utc: instant,
  created_by: z.string().nullable(),
  metadata: metadata.nullable(),
  traceparent: z.string().nullable(),
});
const log = z.object({
  log_id: count,
  task_id: z.string(),
  client_id: z.string(),
  at_utc: instant,
  level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR']),
  message: z.string(),
  event: z.enum(TASK_EVENTS),
  from_status: state.nullable(),
  to_status: state.nullable(),
  actor: z.string(),
  attempt: z.int().nullable(),
  details: z.record(z.string(), z.unknown()),
});
const settled = z.object({ task_id: z.string(), ok: z.literal(true), status: state });
const worker = z.object({
  worker_id: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  status: z.enum(['ready', 'busy', 'draining', 'offline', 'stale']),
  strategy: z.string(),
  registered_at_utc: instant,
  heartbeat_utc: instant,
  active_tasks: count,
  versions: z.record(z.string(), z.string()),
});
const client = z.object({ client_id: z.string(), status: z.enum(['active', 'suspended']), weight: z.int(), created_at_utc: instant });
const grantInfo = z.object({
  grant_id: z.string(),
  worker_id: z.string(),
  client_id: z.string(),
  pattern: z.string(),
  attributes: attributes.optional(),
  created_at_utc: instant,
});
const key = z.object({
  key_id: z.string(),
  role,
  client_id: z.string().nullable(),
  worker_id: z.string().nullable(),
  name: z.string().nullable(),
  created_at_utc: instant,
  revoked_at_utc: instant.nullable(),
});
const category = z.object({
  pattern: z.string(),
  priority: z.int().nullable(),
  max_attempts: z.int().nullable(),
  max_run_ms: z.int().nullable(),
  backoff: z.object({ initial_ms: z.int(), max_ms: z.int(), multiplier: z.number(), jitter: z.number() }).nullable(),
  schema: json,
});
const page = (items: Record<string, z.ZodType>) => z.object({ ...items, next_cursor: z.string().nullable() });
const rate = z.number().min(0);

export const ANSWERS = {
  Enqueued: enqueued,
  EnqueuedMany: z.object({ results: z.array(z.union([enqueued.extend({ ok: z.literal(true) }), refusal])) }),
  Task: task,
  TaskPage: page({ tasks: z.array(task) }),
  LogPage: page({ logs: z.array(log) }),
  Event: log,
  Stats: z.object({
    total: count,
    by_status: z.record(state, count),
    by_type: z.array(z.object({ type: z.string(), status: state, count })),
    oldest_queued_age_seconds: rate.nullable(),
    success_rate: rate,
    failure_rate: rate,
    throughput: z.object({ last_hour: count, per_minute: rate }),
    retries: z.object({ rate, average_attempts: rate, dead_letters: count }),
    run_ms: z.object({ p50: rate, p95: rate, p99: rate, count }),
    workers: z.object({ total: count, active: count, stale: count }),
  }),
  Worker: worker,
  Workers: z.object({ workers: z.array(worker) }),
  Beat: z.object({ extended: z.array(z.string()), lost: z.array(z.string()), cancelled: z.array(z.string()), timed_out: z.array(z.string()) }),
  Inbox: z.object({
    tasks: z.array(
      z.object({
        task_id: z.string(),
        client_id: z.string(),
        type: z.string(),
        priority: z.int(),
        attempts: count,
        run_after_utc: instant,
        compatibility: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
  Claimed: z.object({ tasks: z.array(claimed) }),
  Settled: settled,
  SettledMany: z.object({ results: z.array(z.union([settled, refusal.extend({ task_id: z.string() })])) }),
  Client: client,
  Clients: z.object({ clients: z.array(client) }),
  Pruned: z.object({ removed: count }),
  Grant: grantInfo,
  Grants: z.object({ grants: z.array(grantInfo) }),
  KeyMade: key.extend({ key: z.string().describe('shown this once') }),
  Keys: z.object({ keys: z.array(key) }),
  Category: category,
  Categories: z.object({ mode: z.enum(CATEGORY_MODES), categories: z.array(category) }),
  CategoryMode: z.object({ mode: z.enum(CATEGORY_MODES) }),
  SecurityEvents: page({
    events: z.array(
      z.object({
        event_id: count,
        at_utc: instant,
        actor: z.string(),
        action: z.string(),
        client_id: z.string().nullable(),
        object: z.string().nullable(),
        outcome: z.enum(['done', 'denied']),
        details: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
  Alive: z.object({ status: z.string() }),
  OpenApi: z.record(z.string(), z.unknown()),
  Problem: z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    request_id: z.string(),
    fields: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

export type RequestName = keyof typeof REQUESTS;
export type AnswerName = keyof typeof ANSWERS;
