// The state machine, whole, as data. The service decides from it, every statement that moves a task is checked against it,
// the test matrix, the docs page and its diagram are derived from it. A rule that is not in here does not exist.

export const STATES = ['blocked', 'queued', 'leased', 'failed', 'completed', 'dead_letter', 'cancelled'] as const;
export type TaskState = (typeof STATES)[number];

/** Who may cause an event. `holder` is the worker whose lease is current; `system` is the janitor. */
export type Actor = 'client' | 'admin' | 'worker' | 'holder' | 'system';

export interface Transition {
  readonly from: readonly TaskState[];
  /** The states it may lead to. `same` keeps the state; `none` is no row at all. */
  readonly to: readonly TaskState[] | 'same' | 'none';
  readonly by: readonly Actor[];
  /** Appends exactly one audit row. False for what only extends. */
  readonly audited: boolean;
  readonly guard: string;
}

export const EVENTS = {
  enqueue: {
    from: [],
    to: ['queued', 'blocked'],
    by: ['client', 'admin', 'system'],
    audited: true,
    guard: 'category valid, within quota, idempotency key unused; `blocked` while a parent is unfinished',
  },
  unblock: { from: ['blocked'], to: ['queued'], by: ['system'], audited: true, guard: 'every parent completed, or ended under policy `ignore`' },
  claim: {
    from: ['queued'],
    to: ['leased'],
    by: ['worker'],
    audited: true,
    guard: 'due; category, client and requirements inside declared ∩ granted; attempt + 1, a new lease',
  },
  heartbeat: { from: ['leased'], to: 'same', by: ['holder'], audited: false, guard: 'extends the lease, not past `max_run_ms`' },
  complete: { from: ['leased'], to: ['completed'], by: ['holder'], audited: true, guard: 'lease current and not lapsed; stores the result' },
  fail: { from: ['leased'], to: ['failed'], by: ['holder'], audited: true, guard: 'lease current and not lapsed; stores the error; next run after back-off' },
  expire: {
    from: ['leased'],
    to: ['failed'],
    by: ['system'],
    audited: true,
    guard: '`lease_until` passed for the attempt and lease that were read; three in a row bury the task (`worker_lost`)',
  },
  release: { from: ['leased'], to: ['queued'], by: ['holder'], audited: true, guard: 'graceful hand-back: the attempt is given back; bounded at 20' },
  retry: { from: ['failed'], to: ['queued'], by: ['system'], audited: true, guard: 'attempts < max_attempts and due' },
  bury: { from: ['failed'], to: ['dead_letter'], by: ['system'], audited: true, guard: 'attempts ≥ max_attempts, or the handler said "never again"' },
  cancel: {
    from: ['blocked', 'queued', 'leased', 'failed', 'dead_letter'],
    to: ['cancelled'],
    by: ['client', 'admin', 'system'],
    audited: true,
    guard: 'own task; a running holder is told and its late writes are refused',
  },
  lapse: { from: ['blocked', 'queued', 'failed'], to: ['cancelled'], by: ['system'], audited: true, guard: '`expires_at_utc` passed, reason `expired`' },
  requeue: {
    from: ['dead_letter', 'cancelled'],
    to: ['queued', 'blocked'],
    by: ['client', 'admin'],
    audited: true,
    guard: 'own task; a new generation, attempts back to 0',
  },
  reprioritise: { from: ['blocked', 'queued', 'failed'], to: 'same', by: ['client', 'admin'], audited: true, guard: 'own task; 1–1000, lower first' },
  amend: {
    from: ['blocked', 'queued', 'failed', 'dead_letter'],
    to: 'same',
    by: ['client', 'admin'],
    audited: true,
    guard: 'own task; the audit keeps both digests',
  },
  at_risk: {
    from: ['blocked', 'queued', 'leased', 'failed'],
    to: 'same',
    by: ['system'],
    audited: true,
    guard: 'the last fifth of the time until `due_at_utc` began',
  },
  breach: { from: ['blocked', 'queued', 'leased', 'failed'], to: 'same', by: ['system'], audited: true, guard: '`due_at_utc` passed' },
  purge: {
    from: ['completed', 'dead_letter', 'cancelled'],
    to: 'none',
    by: ['admin', 'system'],
    audited: true,
    guard: 'payload, result and errors go at once; the row stays as a tombstone until its audit is cut',
  },
} as const satisfies Record<string, Transition>;

export type TaskEvent = keyof typeof EVENTS;
export const TASK_EVENTS = Object.keys(EVENTS) as readonly TaskEvent[];

/** The states that nothing but `purge` (and for two of them `requeue`) leaves by itself. */
export const ENDED: readonly TaskState[] = ['completed', 'dead_letter', 'cancelled'];

/** What may happen to a task in this state, by anyone. */
export const allowedEvents = (state: TaskState): readonly TaskEvent[] =>
  TASK_EVENTS.filter((event) => (EVENTS[event].from as readonly TaskState[]).includes(state));

export const sourcesOf = (event: TaskEvent): readonly TaskState[] => EVENTS[event].from;

/** Whether the table has this move. */
export function mayMove(event: TaskEvent, from: TaskState, to: TaskState): boolean {
  const rule: Transition = EVENTS[event];
  if (!rule.from.includes(from)) return false;
  return rule.to === 'same' ? from === to : rule.to !== 'none' && rule.to.includes(to);
}
