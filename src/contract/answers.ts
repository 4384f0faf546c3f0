// What is answered, as zod schemas: open, since a client ignores what it does not know. OpenAPI and the tests come from them.
import { z } from 'zod';
import { CHAINS } from '../domain/audit-chain.ts';
import { CATEGORY_MODES } from '../domain/category.ts';
import { EDGE_STATES, POLICIES } from '../domain/dependencies.ts';
import { SLA_STATES } from '../domain/sla.ts';
import { TASK_EVENTS } from '../domain/lifecycle.ts';
import { attributes, count, instant, json, leaseId, metadata, role, state } from './fields.ts';
import { limit, schedule, worker } from './clock-answers.ts';
import { explanation, forecast, quota, unroutable } from './sla-answers.ts';

const enqueued = z.object({ task_id: z.string(), status: state, created_at_utc: instant, deduplicated: z.boolean() });
const details = z.record(z.string(), z.unknown()).describe('what of it, by code');
const refusal = z.object({ ok: z.literal(false), code: z.string(), message: z.string(), details: details.optional() });
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
  parent_task_id: z.string().nullable().describe('lineage: the task whose handler enqueued this one'),
  waiting_for: count.describe('how many parents a blocked task waits for'),
  sla: z.enum(SLA_STATES).nullable().describe('how it stands with its due time'),
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
  expires_at_utc: instant.nullable().describe('null: until it is revoked'),
  scopes: z.array(z.string()).nullable().describe('null: all that the role may do'),
  created_by: z.string().nullable(),
  last_used_at_utc: instant.nullable().describe('to the minute'),
  rotated_from: z.string().nullable(),
});
const category = z.object({
  pattern: z.string(),
  priority: z.int().nullable(),
  max_attempts: z.int().nullable(),
  max_run_ms: z.int().nullable(),
  backoff: z.object({ initial_ms: z.int(), max_ms: z.int(), multiplier: z.number(), jitter: z.number() }).nullable(),
  schema: json,
  max_wait_ms: z.int().nullable(),
  version: z.int(),
});
const page = (items: Record<string, z.ZodType>) => z.object({ ...items, next_cursor: z.string().nullable() });
const rate = z.number().min(0);

const anchoredHead = z.object({ chain: z.enum(CHAINS), client_id: z.string(), seq: z.int(), hash: z.string() });
const fault = z.object({ chain: z.enum(CHAINS), client_id: z.string(), seq: z.int(), id: z.int().nullable(), why: z.string() });

export const ANSWERS = {
  Enqueued: enqueued,
  EnqueuedMany: z.object({ results: z.array(z.union([enqueued.extend({ ok: z.literal(true) }), refusal])) }),
  EnqueueLine: z.union([
    enqueued.extend({ line: count, ok: z.literal(true) }),
    refusal.extend({ line: count }),
    z.object({ end: z.literal(true), lines: count, enqueued: count, deduplicated: count, refused: count }),
  ]),
  Task: task,
  TaskPage: page({ tasks: z.array(task) }),
  DependencyPage: page({
    dependencies: z.array(
      z.object({
        task_id: z.string(),
        parent_id: z.string(),
        policy: z.enum(Object.keys(POLICIES) as [string, ...string[]]),
        state: z.enum(EDGE_STATES),
        type: z.string().describe('of the other end'),
        status: state,
      }),
    ),
  }),
  BulkDone: z.object({
    matched: count,
    moved: count,
    refused: count,
    refusals: z.array(z.object({ task_id: z.string(), code: z.string(), message: z.string() })).describe('the first 100'),
    sample: z.array(z.object({ task_id: z.string(), type: z.string(), status: state })).describe('the first ten'),
    next_cursor: z.string().nullable(),
  }),
  Children: z.object({ children: z.array(enqueued), next: enqueued.nullable() }),
  ParentPage: z.object({ parents: z.array(z.object({ task_id: z.string(), type: z.string(), status: state, result: json })), next_after: count.nullable() }),
  LogPage: page({ logs: z.array(log) }),
  Event: log.extend({ position: count.describe('the place in the stream: `Last-Event-ID` goes on after it') }),
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
    sla: z.object({ at_risk: count, breached: count, met: count }).describe('of the tasks with a due time that are kept'),
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
  Claimed: z.object({ tasks: z.array(claimed), waited_ms: count.optional().describe('how long the claim waited before it took these') }),
  Identity: z.object({
    role,
    client_id: z.string().nullable(),
    worker_id: z.string().nullable(),
    key_id: z.string().nullable(),
    scopes: z.array(z.string()).nullable(),
  }),
  Settled: settled,
  SettledMany: z.object({ results: z.array(z.union([settled, refusal.extend({ task_id: z.string() })])) }),
  Client: client,
  Quota: quota,
  Clients: z.object({ clients: z.array(client) }),
  DataKey: z.object({ client_id: z.string(), key_no: count }),
  Erasure: z.union([
    z.object({ client_id: z.string(), state: z.literal('asked'), until_utc: instant }),
    z.object({ client_id: z.string(), state: z.literal('erased'), tasks: count, keys: count }),
  ]),
  ExportPage: page({ items: z.array(z.object({ kind: z.enum(['task', 'log', 'event']), sha256: z.string(), text: z.string() })) }),
  Pruned: z.object({ removed: count }),
  Grant: grantInfo,
  Grants: z.object({ grants: z.array(grantInfo) }),
  KeyMade: key.extend({ key: z.string().describe('shown this once') }),
  Keys: z.object({ keys: z.array(key) }),
  Category: category,
  Categories: z.object({ mode: z.enum(CATEGORY_MODES), categories: z.array(category) }),
  CategoryMode: z.object({ mode: z.enum(CATEGORY_MODES) }),
  Explanation: explanation,
  Forecast: forecast,
  Unroutable: unroutable,
  Schedule: schedule,
  Schedules: page({ schedules: z.array(schedule) }),
  Preview: z.object({ ticks_utc: z.array(instant) }),
  Limit: limit,
  Limits: z.object({ limits: z.array(limit) }),
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
  TrailPage: page({
    entries: z.array(
      z.object({
        chain: z.enum(CHAINS),
        id: count,
        at_utc: instant,
        client_id: z.string().nullable(),
        actor: z.string(),
        action: z.string(),
        object: z.string().nullable(),
        outcome: z.enum(['done', 'denied']),
        details: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
  AuditHeads: z.object({ heads: z.array(anchoredHead) }),
  NextAnchor: z.object({ n: z.int(), prev: z.string(), heads: z.array(anchoredHead) }),
  AuditRetention: z.object({ clients: z.array(z.object({ client_id: z.string(), keep_ms: z.int().nullable() })) }),
  AuditRecord: z.union([
    z.object({ kind: z.literal('audit'), version: z.string(), client_id: z.string().nullable(), at_utc: instant }),
    z.object({ kind: z.literal('row'), chain: z.enum(CHAINS), client_id: z.string(), id: z.int(), fields: z.array(z.union([z.string(), z.int(), z.null()])) }),
    z.object({
      kind: z.literal('seal'),
      ...anchoredHead.shape,
      rows: z.int(),
      first_id: z.int(),
      last_id: z.int(),
      prev_hash: z.string(),
      marks: z.string(),
      at_utc: instant,
    }),
    z.object({ kind: z.literal('cut'), ...anchoredHead.shape, last_id: z.int(), at_utc: instant }),
    z.object({ kind: z.literal('passed'), chain: z.enum(CHAINS), client_id: z.string(), id: z.int() }),
    z.object({ kind: z.literal('end'), rows: count }),
  ]),
  AuditVerdict: z.object({
    rows: count,
    sealed: count,
    unsealed: count,
    chains: count,
    anchors: count,
    cuts: count,
    faults: z.array(fault),
    notes: z.array(fault),
  }),
  Metrics: z.string().describe('OpenMetrics text'),
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
    details: details.optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

export type AnswerName = keyof typeof ANSWERS;
