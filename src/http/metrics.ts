// What this process counts of its requests, and the numbers of the queue, as families of metrics. Labels are operations, codes,
// states and classes of status: all from tables of ours, never what a caller wrote, so that their number is bounded.
import type { OperationName } from '../contract/operations.ts';
import { STATES } from '../domain/lifecycle.ts';
import type { QueueStats } from '../service/handles.ts';
import type { RequestEvent } from './answer.ts';
import { gauge } from './openmetrics.ts';
import type { Family, Sample } from './openmetrics.ts';
import type { Answer } from './reply.ts';

/** Upper bounds in seconds; a wait may last 30. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
/** As OpenMetrics writes them. */
const BOUND_LABELS = [...BOUNDS.map((bound) => (Number.isInteger(bound) ? `${bound}.0` : String(bound))), '+Inf'];

interface Times {
  /** One more for what is above all bounds; not added up yet. */
  readonly counts: number[];
  seconds: number;
}

export interface Meter {
  observe(event: RequestEvent): void;
  /** What a call that was done did to tasks. */
  count(name: OperationName, answer: Answer): void;
  families(): readonly Family[];
}

export function createMeter(): Meter {
  const times = new Map<string, Map<string, Times>>();
  const refusals = new Map<string, number>();
  const tasks = new Map<string, number>();
  const add = (counts: Map<string, number>, name: string, n = 1): void => void counts.set(name, (counts.get(name) ?? 0) + n);
  return {
    observe({ operation, status, code, ms }) {
      put(times, operation, `${Math.floor(status / 100)}xx`, ms / 1000);
      if (code !== undefined) add(refusals, code);
    },
    count(name, answer) {
      for (const [what, n] of doneBy(name, answer)) if (n > 0) add(tasks, what, n);
    },
    families: () => [
      {
        name: 'prismq_http_request_duration_seconds',
        type: 'histogram',
        unit: 'seconds',
        help: 'requests by operation and class of status',
        samples: histogram(times),
      },
      { name: 'prismq_http_refusals', type: 'counter', help: 'refused requests by code', samples: counted(refusals, 'code') },
      { name: 'prismq_task_moves', type: 'counter', help: 'what requests to this server did to tasks', samples: counted(tasks, 'move') },
    ],
  };
}

function put(times: Map<string, Map<string, Times>>, operation: string, status: string, seconds: number): void {
  let byStatus = times.get(operation);
  if (byStatus === undefined) times.set(operation, (byStatus = new Map()));
  let known = byStatus.get(status);
  if (known === undefined) byStatus.set(status, (known = { counts: Array.from({ length: BOUNDS.length + 1 }, () => 0), seconds: 0 }));
  const at = BOUNDS.findIndex((bound) => seconds <= bound);
  const place = at < 0 ? BOUNDS.length : at;
  known.counts[place] = (known.counts[place] as number) + 1;
  known.seconds += seconds;
}

function histogram(times: ReadonlyMap<string, ReadonlyMap<string, Times>>): Sample[] {
  const samples: Sample[] = [];
  for (const [operation, byStatus] of times)
    for (const [status, { counts, seconds }] of byStatus) {
      let sum = 0;
      for (const [i, n] of counts.entries())
        samples.push({ suffix: '_bucket', labels: { operation, status, le: BOUND_LABELS[i] as string }, value: (sum += n) });
      samples.push({ suffix: '_sum', labels: { operation, status }, value: seconds }, { suffix: '_count', labels: { operation, status }, value: sum });
    }
  return samples;
}

const counted = (counts: ReadonlyMap<string, number>, label: string): Sample[] =>
  [...counts].map(([name, value]) => ({ suffix: '_total', labels: { [label]: name }, value }));

interface Item {
  readonly ok: boolean;
  readonly status?: string;
  readonly code?: string;
  readonly deduplicated?: boolean;
}
type Items = { readonly results: readonly Item[] };

type Children = { readonly children: readonly unknown[]; readonly next: unknown };
const childrenOf = ({ children, next }: Children): number => children.length + (next === null ? 0 : 1);

const endOf = ({ ok, status = 'refused', code }: Item): string => (ok ? status : code === 'lease_lost' ? 'lost' : 'refused');

/** Moves by name: `enqueued`, `claimed`, and how attempts ended: `completed`, `failed`, `dead_letter`, `queued` (handed back), `lost`, `refused`. */
function doneBy(name: OperationName, { status, value }: Answer): readonly (readonly [string, number])[] {
  switch (name) {
    case 'enqueue':
    case 'enqueueChild':
      return [['enqueued', status === 200 ? 0 : 1]];
    case 'enqueueChildren':
      return [['enqueued', childrenOf(value as Children)]];
    case 'enqueueMany':
      return [['enqueued', (value as Items).results.filter(({ ok, deduplicated }) => ok && deduplicated !== true).length]];
    case 'claim':
      return [['claimed', (value as { readonly tasks: readonly unknown[] }).tasks.length]];
    case 'completeTask':
    case 'failTask':
    case 'releaseTask':
      return [[(value as { readonly status: string }).status, 1]];
    case 'settle':
      return (value as Items).results.map((result) => [endOf(result), 1]);
    default:
      return [];
  }
}

const slaFamily = ({ atRisk, breached, met }: QueueStats['sla']): Family => ({
  name: 'prismq_sla_tasks',
  type: 'gauge',
  help: 'tasks with a due time: not done and short of time, not done in time, done in time',
  samples: Object.entries({ at_risk: atRisk, breached, met }).map(([sla, value]) => ({ labels: { sla }, value })),
});

/** The numbers of the queue, or of one client. */
export function queueFamilies({
  byStatus,
  oldestQueuedAgeSeconds,
  successRate,
  failureRate,
  throughput,
  retries,
  runMs,
  workers,
  sla,
}: QueueStats): readonly Family[] {
  const activity = { active: workers.active, quiet: workers.total - workers.active - workers.stale, stale: workers.stale };
  return [
    { name: 'prismq_tasks', type: 'gauge', help: 'tasks by state', samples: STATES.map((status) => ({ labels: { status }, value: byStatus[status] })) },
    gauge('prismq_oldest_ready_seconds', 'age of the oldest task that is due; 0 when none waits', oldestQueuedAgeSeconds ?? 0, 'seconds'),
    gauge('prismq_completed_last_hour', 'tasks completed in the last hour', throughput.lastHour),
    gauge('prismq_success_ratio', 'completed, of what ended in the last 24 hours', successRate, 'ratio'),
    gauge('prismq_failure_ratio', 'dead letters, of what ended in the last 24 hours', failureRate, 'ratio'),
    gauge('prismq_retried_ratio', 'what took more than one attempt, of what ended in the last 24 hours', retries.rate, 'ratio'),
    gauge('prismq_attempts_average', 'attempts of what ended in the last 24 hours', retries.averageAttempts),
    {
      name: 'prismq_run_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'run time of what completed in the last 24 hours',
      samples: (
        [
          ['0.5', runMs.p50],
          ['0.95', runMs.p95],
          ['0.99', runMs.p99],
        ] as const
      ).map(([quantile, ms]) => ({ labels: { quantile }, value: ms / 1000 })),
    },
    slaFamily(sla),
    {
      name: 'prismq_workers',
      type: 'gauge',
      help: 'workers by their last sign of life: active within a minute, stale after five',
      samples: Object.entries(activity).map(([state, value]) => ({ labels: { activity: state }, value })),
    },
  ];
}
