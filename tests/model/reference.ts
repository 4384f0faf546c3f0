// The queue as a plain Map: what every command must answer and where every task must end, by the lifecycle table and a few
// rules, with nothing of the store in it.
import assert from 'node:assert/strict';
import { ENDED, EVENTS, mayMove } from '../../src/domain/lifecycle.ts';
import type { TaskEvent, TaskState } from '../../src/domain/lifecycle.ts';
import { DEFAULT_BACKOFF, backoffMs } from '../../src/domain/retry.ts';

/** What a command came to: `ok`, or the code of its refusal. */
export type Outcome = string;
export type Ending = 'complete' | 'fail' | 'release';
export interface EndOptions {
  readonly retry?: boolean;
  readonly retryInMs?: number;
  readonly delayMs?: number;
}
export interface Lease {
  readonly key: string;
  readonly client: string;
  readonly taskId: string;
  readonly worker: string;
  readonly reservedAt: number;
  until: number;
}
export interface Wanted {
  readonly type: string;
  readonly priority: number;
  readonly delayMs: number;
  readonly maxAttempts: number;
  readonly maxRunMs: number;
  readonly ttlMs: number | null;
  readonly dueAtUtc: number | null;
  readonly key: string | null;
}
export type Order = 'FIFO' | 'LIFO' | 'PRIORITY' | 'DEADLINE';
export type Beat = 'extended' | 'lost' | 'cancelled' | 'timedOut';
export interface Change {
  readonly payload?: number;
  readonly maxAttempts?: number;
  readonly maxRunMs?: number;
}
export interface Grant {
  readonly clientId: string;
  readonly pattern: string;
}
export type Move = readonly [event: TaskEvent, from: TaskState | null, to: TaskState | null];

export type Policy = 'cancel' | 'ignore' | 'wait';
/** Whom a task waits for. */
export interface Edge {
  readonly parent: string;
  readonly policy: Policy;
  state: 'open' | 'met' | 'void';
}

export interface ModelTask {
  readonly edges: Edge[];
  readonly taskId: string;
  readonly client: string;
  readonly wanted: Wanted;
  /** The order of enqueue. */
  readonly place: number;
  status: TaskState | 'purged';
  priority: number;
  payload: number;
  maxAttempts: number;
  maxRunMs: number;
  attempts: number;
  releases: number;
  losses: number;
  /** Not claimed before this instant. */
  notBefore: number;
  /** Cancelled when it is not claimed before this instant. */
  expiresAt: number | null;
  endedAt: number;
  /** When the janitor looks at its due time again. */
  nextSla: number | null;
  lease: Lease | null;
  /** The lease that it ended under: its holder is told of a cancellation. */
  lastLease: Lease | null;
  /** How each lease ended, for the answer to the same end given again. */
  readonly ended: Map<string, Ending>;
  readonly log: Move[];
}

const MOST_RELEASES = 20;
const MOST_LOSSES = 3;
const KEPT_MS = 7 * 86_400_000;
const NEVER = Number.MAX_SAFE_INTEGER;
const dueOf = (task: ModelTask): number => task.wanted.dueAtUtc ?? NEVER;

/** Which of two is taken first. */
const ORDERS: Readonly<Record<Order, (urgency: (task: ModelTask) => number) => (a: ModelTask, b: ModelTask) => number>> = {
  FIFO: () => (a, b) => a.place - b.place,
  LIFO: () => (a, b) => b.place - a.place,
  PRIORITY: (urgency) => (a, b) => urgency(a) - urgency(b) || a.place - b.place,
  DEADLINE: (urgency) => (a, b) => dueOf(a) - dueOf(b) || urgency(a) - urgency(b) || a.place - b.place,
};

const isOpen = (edges: readonly Edge[]): boolean => edges.some(({ state }) => state === 'open');

/** What an edge to this parent is now; null: it can not be met any more. */
function edgeAt({ status }: ModelTask, policy: Policy): 'open' | 'met' | null {
  if (!ENDED.includes(status as TaskState)) return 'open';
  return status === 'completed' || policy === 'ignore' ? 'met' : policy === 'wait' ? 'open' : null;
}

export const covers = ({ clientId, pattern }: Grant, client: string, type: string): boolean =>
  (clientId === '*' || clientId === client) && (pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))));

export class Reference {
  readonly tasks = new Map<string, ModelTask>();
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  /** The task that an idempotency key of this client named before. */
  earlier(client: string, key: string | null): ModelTask | undefined {
    if (key === null) return undefined;
    return [...this.tasks.values()].find((task) => task.status !== 'purged' && task.client === client && task.wanted.key === key);
  }

  /** `ok` for a new task, `again` for one that the key named before. */
  expectEnqueue(client: string, wanted: Wanted): Outcome {
    const before = this.earlier(client, wanted.key)?.wanted;
    if (before === undefined) return 'ok';
    const same = (['type', 'priority', 'delayMs', 'ttlMs', 'dueAtUtc'] as const).every((part) => before[part] === wanted[part]);
    return same ? 'again' : 'idempotency_conflict';
  }

  /** The edges of a task that is to wait for these, or the code of the refusal; the first parent that can not be decides. */
  edgesTo(client: string, parents: readonly string[], policy: Policy): Edge[] | Outcome {
    const edges: Edge[] = [];
    for (const parent of parents) {
      const task = this.tasks.get(parent);
      if (task === undefined || task.client !== client || task.status === 'purged') return 'not_found';
      const state = edgeAt(task, policy);
      if (state === null) return 'parent_ended';
      edges.push({ parent, policy, state });
    }
    return edges;
  }

  /** The most urgent of its own priority and that of all that is blocked by it. */
  urgency(task: ModelTask): number {
    const waiting = [...this.tasks.values()].filter(
      ({ status, edges }) => status === 'blocked' && edges.some((edge) => edge.parent === task.taskId && edge.state === 'open'),
    );
    return Math.min(task.priority, ...waiting.map((child) => this.urgency(child)));
  }

  enqueue(client: string, wanted: Wanted, taskId: string, edges: Edge[] = []): void {
    const status = isOpen(edges) ? 'blocked' : 'queued';
    this.tasks.set(taskId, {
      edges,
      taskId,
      client,
      wanted,
      place: this.tasks.size,
      status,
      priority: wanted.priority,
      payload: 1,
      maxAttempts: wanted.maxAttempts,
      maxRunMs: wanted.maxRunMs,
      attempts: 0,
      releases: 0,
      losses: 0,
      notBefore: this.now + wanted.delayMs,
      expiresAt: wanted.ttlMs === null ? null : this.now + wanted.ttlMs,
      endedAt: 0,
      nextSla: wanted.dueAtUtc === null ? null : wanted.dueAtUtc - Math.trunc((wanted.dueAtUtc - this.now) / 5),
      lease: null,
      lastLease: null,
      ended: new Map(),
      log: [['enqueue', null, status]],
    });
  }

  /** Which tasks a claim takes, best first. */
  claim(worker: string, grants: readonly Grant[], max: number, leaseMs: number, order: Order): readonly ModelTask[] {
    this.promote();
    const open = [...this.tasks.values()].filter(
      (task) =>
        task.status === 'queued' &&
        task.notBefore <= this.now &&
        (task.expiresAt ?? NEVER) > this.now &&
        grants.some((grant) => covers(grant, task.client, task.wanted.type)),
    );
    const urgent = new Map(open.map((task) => [task.taskId, this.urgency(task)]));
    const taken = open.sort(ORDERS[order](({ taskId }) => urgent.get(taskId) as number)).slice(0, max);
    for (const task of taken) {
      this.#move(task, 'claim', 'leased');
      task.attempts += 1;
      const key = `${task.taskId}#${task.log.length}`;
      task.lease = { key, client: task.client, taskId: task.taskId, worker, reservedAt: this.now, until: this.now + leaseMs };
    }
    return taken;
  }

  heartbeat(worker: string, lease: Lease, leaseMs: number): Beat {
    const task = this.tasks.get(lease.taskId);
    if (task === undefined || worker !== lease.worker) return 'lost';
    const { lease: current } = task;
    if (current?.key !== lease.key || current.until <= this.now) return task.status === 'cancelled' && task.lastLease?.key === lease.key ? 'cancelled' : 'lost';
    const runUntil = current.reservedAt + task.maxRunMs;
    if (runUntil <= this.now) return 'timedOut';
    current.until = Math.max(current.until, Math.min(this.now + leaseMs, runUntil));
    return 'extended';
  }

  end(worker: string, lease: Lease, how: Ending, options: EndOptions): Outcome {
    const task = this.tasks.get(lease.taskId);
    if (task === undefined || task.status === 'purged' || worker !== lease.worker) return 'lease_lost';
    if (task.lease?.key !== lease.key || task.lease.until <= this.now) return task.ended.get(lease.key) === how ? 'ok' : 'lease_lost';
    if (how === 'release' && task.releases >= MOST_RELEASES) return 'invalid_transition';
    task.ended.set(lease.key, how);
    if (how === 'complete') this.#move(task, 'complete', 'completed');
    else if (how === 'fail') this.#failed(task, 'fail', options);
    else this.#released(task, options.delayMs ?? 0);
    return 'ok';
  }

  cancel = (client: string, taskId: string): Outcome => this.#asked(client, taskId, 'cancel', (task) => this.#move(task, 'cancel', 'cancelled'));

  requeue = (client: string, taskId: string): Outcome =>
    this.#asked(client, taskId, 'requeue', (task) => {
      const parentOf = (edge: Edge): ModelTask => this.tasks.get(edge.parent) as ModelTask;
      if (task.edges.some((edge) => parentOf(edge).status === 'purged' && edge.state !== 'met' && edge.policy !== 'ignore')) return 'parent_ended';
      for (const edge of task.edges) edge.state = parentOf(edge).status === 'purged' ? 'met' : (edgeAt(parentOf(edge), edge.policy) ?? 'open');
      this.#move(task, 'requeue', isOpen(task.edges) ? 'blocked' : 'queued');
      Object.assign(task, { attempts: 0, releases: 0, losses: 0, notBefore: isOpen(task.edges) ? task.notBefore : this.now, expiresAt: null, lastLease: null });
      return 'ok';
    });

  reprioritise = (client: string, taskId: string, priority: number): Outcome =>
    this.#asked(client, taskId, 'reprioritise', (task) => {
      this.#keep(task, 'reprioritise');
      task.priority = priority;
    });

  amend = (client: string, taskId: string, change: Change): Outcome =>
    this.#asked(client, taskId, 'amend', (task) => {
      this.#keep(task, 'amend');
      Object.assign(task, change);
    });

  purge = (client: string, taskId: string): Outcome => this.#asked(client, taskId, 'purge', (task) => this.#empty(task));

  /** Lapsed leases end first, then what was not begun in time; then what is due waits again, and what ended long ago goes. */
  tick(): { readonly expired: number; readonly buried: number; readonly lapsed: number; readonly purged: number } {
    const lapsed = [...this.tasks.values()].filter((task) => task.lease !== null && task.lease.until <= this.now);
    for (const task of lapsed) {
      task.losses += 1;
      this.#failed(task, 'expire', { retryInMs: 0 });
    }
    const buried = lapsed.filter((task) => task.status === 'dead_letter').length;
    const isLate = ({ status, expiresAt }: ModelTask): boolean => ['queued', 'failed', 'blocked'].includes(status) && (expiresAt ?? NEVER) <= this.now;
    let gone = 0;
    // One may end with another of these that it waits for.
    const order = ({ status, expiresAt }: ModelTask): number => (status === 'blocked' ? (expiresAt as number) : 0);
    for (const task of [...this.tasks.values()].filter(isLate).toSorted((a, b) => order(a) - order(b)))
      if (isLate(task)) {
        this.#move(task, 'lapse', 'cancelled');
        gone++;
      }
    for (const task of this.tasks.values()) if (task.nextSla !== null && task.nextSla <= this.now) this.#timed(task, dueOf(task));
    this.promote();
    const old = [...this.tasks.values()].filter(({ status, endedAt }) => ENDED.includes(status as TaskState) && endedAt < this.now - KEPT_MS);
    for (const task of old) this.#empty(task);
    return { expired: lapsed.length, buried, lapsed: gone, purged: old.length };
  }

  promote(): void {
    for (const task of this.tasks.values()) if (task.status === 'failed' && task.notBefore <= this.now) this.#move(task, 'retry', 'queued');
  }

  #timed(task: ModelTask, due: number): void {
    const isOver = this.now >= due;
    task.nextSla = isOver || task.status === 'completed' || task.status === 'purged' ? null : due;
    if (task.status !== 'purged' && !ENDED.includes(task.status)) this.#keep(task, isOver ? 'breach' : 'at_risk');
  }

  #failed(task: ModelTask, event: 'fail' | 'expire', { retry = true, retryInMs }: EndOptions): void {
    this.#move(task, event, 'failed');
    if (event === 'fail') task.losses = 0;
    if (!retry || task.attempts >= task.maxAttempts || task.losses >= MOST_LOSSES) this.#move(task, 'bury', 'dead_letter');
    else task.notBefore = this.now + (retryInMs ?? backoffMs(DEFAULT_BACKOFF, task.attempts, 0.5));
  }

  #released(task: ModelTask, delayMs: number): void {
    this.#move(task, 'release', 'queued');
    task.attempts -= 1;
    task.releases += 1;
    task.notBefore = this.now + delayMs;
  }

  #asked(client: string, taskId: string, event: TaskEvent, action: (task: ModelTask) => Outcome | void): Outcome {
    const task = this.tasks.get(taskId);
    if (task === undefined || task.client !== client || task.status === 'purged') return 'not_found';
    if (!(EVENTS[event].from as readonly TaskState[]).includes(task.status)) return 'invalid_transition';
    return action(task) ?? 'ok';
  }

  /** An event that leaves the state as it is. */
  #keep(task: ModelTask, event: TaskEvent): void {
    const state = task.status as TaskState;
    assert.ok(mayMove(event, state, state));
    task.log.push([event, state, state]);
  }

  #empty(task: ModelTask): void {
    task.log.push(['purge', task.status as TaskState, null]);
    Object.assign(task, { status: 'purged', lease: null, lastLease: null });
    this.#tell(task);
  }

  /** No task holds a lease but a leased one; every move is one of the table. */
  #move(task: ModelTask, event: TaskEvent, to: TaskState): void {
    const from = task.status as TaskState;
    assert.ok(mayMove(event, from, to), `the reference itself moves ${event} from ${from} to ${to}`);
    task.log.push([event, from, to]);
    task.status = to;
    if (from === 'leased') task.lastLease = task.lease;
    // What waits again is under no lease any more; a failure that is buried at once still is.
    if (event === 'retry' || event === 'claim' || event === 'lapse' || (event === 'cancel' && from !== 'leased' && from !== 'dead_letter'))
      task.lastLease = null;
    task.lease = null;
    task.endedAt = this.now;
    if (!ENDED.includes(to)) return;
    for (const edge of task.edges) if (edge.state === 'open') edge.state = 'void';
    this.#tell(task);
  }

  /** Those that wait for a task that ended, each by its policy. */
  #tell(task: ModelTask): void {
    for (const child of this.tasks.values())
      for (const edge of child.edges) {
        if (edge.parent !== task.taskId || edge.state !== 'open' || child.status !== 'blocked') continue;
        const now = task.status === 'purged' ? null : edgeAt(task, edge.policy);
        if (now === null) this.#move(child, 'cancel', 'cancelled');
        if (now === 'met') edge.state = 'met';
        if (now === 'met' && !isOpen(child.edges)) this.#move(child, 'unblock', 'queued');
      }
  }
}
