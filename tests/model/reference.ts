// The queue as a plain Map: what every command must answer and where every task must end, by the lifecycle table and a few
// rules, with nothing of the store in it.
import assert from 'node:assert/strict';
import { EVENTS, mayMove } from '../../src/domain/lifecycle.ts';
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
  readonly until: number;
}
export interface Wanted {
  readonly type: string;
  readonly priority: number;
  readonly delayMs: number;
  readonly maxAttempts: number;
  readonly key: string | null;
}
export interface Grant {
  readonly clientId: string;
  readonly pattern: string;
}
export type Move = readonly [event: TaskEvent, from: TaskState | null, to: TaskState];

export interface ModelTask {
  readonly taskId: string;
  readonly client: string;
  readonly wanted: Wanted;
  /** The order of enqueue. */
  readonly place: number;
  status: TaskState;
  priority: number;
  attempts: number;
  releases: number;
  losses: number;
  /** Not claimed before this instant. */
  notBefore: number;
  lease: Lease | null;
  /** How each lease ended, for the answer to the same end given again. */
  readonly ended: Map<string, Ending>;
  readonly log: Move[];
}

const MOST_RELEASES = 20;
const MOST_LOSSES = 3;

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
    return key === null ? undefined : [...this.tasks.values()].find((task) => task.client === client && task.wanted.key === key);
  }

  /** `ok` for a new task, `again` for one that the key named before. */
  expectEnqueue(client: string, wanted: Wanted): Outcome {
    const before = this.earlier(client, wanted.key)?.wanted;
    if (before === undefined) return 'ok';
    return before.type === wanted.type && before.priority === wanted.priority && before.delayMs === wanted.delayMs ? 'again' : 'idempotency_conflict';
  }

  enqueue(client: string, wanted: Wanted, taskId: string): void {
    this.tasks.set(taskId, {
      taskId,
      client,
      wanted,
      place: this.tasks.size,
      status: 'queued',
      priority: wanted.priority,
      attempts: 0,
      releases: 0,
      losses: 0,
      notBefore: this.now + wanted.delayMs,
      lease: null,
      ended: new Map(),
      log: [['enqueue', null, 'queued']],
    });
  }

  /** Which tasks a claim takes, best first. */
  claim(worker: string, grants: readonly Grant[], max: number, leaseMs: number): readonly ModelTask[] {
    this.promote();
    const open = [...this.tasks.values()].filter(
      (task) => task.status === 'queued' && task.notBefore <= this.now && grants.some((grant) => covers(grant, task.client, task.wanted.type)),
    );
    const taken = open.sort((a, b) => a.priority - b.priority || a.place - b.place).slice(0, max);
    for (const task of taken) {
      this.#move(task, 'claim', 'leased');
      task.attempts += 1;
      const key = `${task.taskId}#${task.log.length}`;
      task.lease = { key, client: task.client, taskId: task.taskId, worker, until: this.now + leaseMs };
    }
    return taken;
  }

  end(worker: string, lease: Lease, how: Ending, options: EndOptions): Outcome {
    const task = this.tasks.get(lease.taskId);
    if (task === undefined || worker !== lease.worker) return 'lease_lost';
    if (task.lease?.key !== lease.key || lease.until <= this.now) return task.ended.get(lease.key) === how ? 'ok' : 'lease_lost';
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
      this.#move(task, 'requeue', 'queued');
      Object.assign(task, { attempts: 0, releases: 0, losses: 0, notBefore: this.now });
    });

  reprioritise = (client: string, taskId: string, priority: number): Outcome =>
    this.#asked(client, taskId, 'reprioritise', (task) => {
      this.#move(task, 'reprioritise', task.status);
      task.priority = priority;
    });

  /** Lapsed leases end first; then what is due, those among it, waits again. */
  tick(): { readonly expired: number; readonly buried: number } {
    const lapsed = [...this.tasks.values()].filter((task) => task.lease !== null && task.lease.until <= this.now);
    for (const task of lapsed) {
      task.losses += 1;
      this.#failed(task, 'expire', { retryInMs: 0 });
    }
    const buried = lapsed.filter((task) => task.status === 'dead_letter').length;
    this.promote();
    return { expired: lapsed.length, buried };
  }

  promote(): void {
    for (const task of this.tasks.values()) if (task.status === 'failed' && task.notBefore <= this.now) this.#move(task, 'retry', 'queued');
  }

  #failed(task: ModelTask, event: 'fail' | 'expire', { retry = true, retryInMs }: EndOptions): void {
    this.#move(task, event, 'failed');
    if (event === 'fail') task.losses = 0;
    if (!retry || task.attempts >= task.wanted.maxAttempts || task.losses >= MOST_LOSSES) this.#move(task, 'bury', 'dead_letter');
    else task.notBefore = this.now + (retryInMs ?? backoffMs(DEFAULT_BACKOFF, task.attempts, 0.5));
  }

  #released(task: ModelTask, delayMs: number): void {
    this.#move(task, 'release', 'queued');
    task.attempts -= 1;
    task.releases += 1;
    task.notBefore = this.now + delayMs;
  }

  #asked(client: string, taskId: string, event: TaskEvent, action: (task: ModelTask) => void): Outcome {
    const task = this.tasks.get(taskId);
    if (task === undefined || task.client !== client) return 'not_found';
    if (!(EVENTS[event].from as readonly TaskState[]).includes(task.status)) return 'invalid_transition';
    action(task);
    return 'ok';
  }

  /** No task holds a lease but a leased one; every move is one of the table. */
  #move(task: ModelTask, event: TaskEvent, to: TaskState): void {
    assert.ok(mayMove(event, task.status, to), `the reference itself moves ${event} from ${task.status} to ${to}`);
    task.log.push([event, task.status, to]);
    task.status = to;
    task.lease = null;
  }
}
