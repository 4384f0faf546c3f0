// A queue in a Map with the rules that a worker meets: leases that lapse by its clock, ends that are accepted once, hand-backs
// that are counted. Faults are put in by name. Lease ids are shared by the tasks of one claim, as in the real stores.
import { QueueError } from '../../src/domain/errors.ts';
import type { TaskState } from '../../src/domain/lifecycle.ts';
import type { ClaimedTask, HeartbeatResult, Json, LeaseRef, Settlement, SettleResult, TaskFailure, WorkerInfo, WorkerStatus } from '../../src/domain/task.ts';
import type { ClaimOptions, RegisterInput, WorkerHandle } from '../../src/service/handles.ts';
import type { FakeClock } from './fake-clock.ts';

interface Lease {
  readonly workerId: string;
  readonly leaseId: string;
  readonly runUntil: number;
  until: number;
}

export interface Row {
  readonly taskId: string;
  readonly clientId: string;
  readonly type: string;
  readonly payload: string;
  readonly maxAttempts: number;
  readonly maxRunMs: number;
  state: TaskState;
  attempt: number;
  claims: number;
  releases: number;
  runAfter: number;
  lease: Lease | undefined;
  result: string | undefined;
  error: TaskFailure | undefined;
  progress: Json;
  readonly ends: string[];
}

export type Operation = 'register' | 'beat' | 'deregister' | 'claim' | 'heartbeat' | 'settle' | 'wake' | 'progress' | 'log' | 'enqueueChild';
export interface Call {
  readonly op: Operation;
  readonly args: readonly unknown[];
}

const LEASE_LOST = 'the lease is not the current one';
const MOST_RELEASES = 20;

export class MemoryStore {
  readonly rows = new Map<string, Row>();
  readonly calls: Call[] = [];
  readonly statuses: WorkerStatus[] = [];
  registered = false;
  /** What each call of an operation does first: throw, or wait. */
  readonly before: Partial<Record<Operation, (call: number) => void | Promise<void>>> = {};
  readonly #clock: FakeClock;
  readonly #waiters = new Set<() => void>();
  #ids = 0;
  #counts = new Map<Operation, number>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  add(type: string, options: { readonly payload?: string; readonly maxAttempts?: number; readonly maxRunMs?: number } = {}): Row {
    this.#ids += 1;
    const row: Row = {
      taskId: `t${this.#ids}`,
      clientId: 'acme',
      type,
      payload: options.payload ?? '{}',
      maxAttempts: options.maxAttempts ?? 5,
      maxRunMs: options.maxRunMs ?? 3_600_000,
      state: 'queued',
      attempt: 0,
      claims: 0,
      releases: 0,
      runAfter: 0,
      lease: undefined,
      result: undefined,
      error: undefined,
      progress: null,
      ends: [],
    };
    this.rows.set(row.taskId, row);
    this.hint();
    return row;
  }

  addMany(type: string, count: number): readonly Row[] {
    return Array.from({ length: count }, () => this.add(type));
  }

  hint(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  count(op: Operation): number {
    return this.#counts.get(op) ?? 0;
  }

  inState(state: TaskState): number {
    return [...this.rows.values()].filter((row) => row.state === state).length;
  }

  cancel(row: Row): void {
    row.state = 'cancelled';
  }

  /** What the janitor does. */
  expire(): void {
    for (const row of this.rows.values()) {
      if (row.state !== 'leased' || row.lease === undefined || row.lease.until > this.#clock.now()) continue;
      row.state = 'queued';
      row.lease = undefined;
      row.ends.push('expire');
    }
    this.hint();
  }

  handle(workerId = 'w1'): WorkerHandle {
    const asked = async (op: Operation, ...args: readonly unknown[]): Promise<void> => {
      this.calls.push({ op, args });
      this.#counts.set(op, this.count(op) + 1);
      await this.before[op]?.(this.count(op));
    };
    const held = (ref: LeaseRef): Row => {
      const row = this.#held(workerId, ref);
      if (row === undefined) throw new QueueError('lease_lost', LEASE_LOST);
      return row;
    };
    const unused = (): never => {
      throw new Error('a running worker does not call this');
    };
    return {
      workerId,
      register: async (input: RegisterInput = {}) => {
        await asked('register', input);
        this.registered = true;
        return {
          workerId,
          capabilities: {},
          status: 'ready',
          strategy: input.strategy ?? 'PRIORITY',
          registeredAtUtc: 0,
          heartbeatUtc: 0,
          activeTasks: 0,
          versions: {},
        } satisfies WorkerInfo;
      },
      beat: async (status) => {
        await asked('beat', status);
        if (!this.registered) throw new QueueError('worker_outdated', 'register again');
        this.statuses.push(status);
      },
      deregister: async () => {
        await asked('deregister');
        this.registered = false;
      },
      claim: async (options = {}) => {
        await asked('claim', options);
        if (!this.registered) throw new QueueError('worker_outdated', 'register again');
        return this.#claim(workerId, options);
      },
      heartbeat: async (leases, leaseMs = 30_000) => {
        await asked('heartbeat', leases);
        return this.#heartbeat(workerId, leases, leaseMs);
      },
      settle: async (items) => {
        await asked('settle', items);
        return items.map((item) => this.#settle(workerId, item));
      },
      wake: async (timeoutMs, signal) => {
        await asked('wake', timeoutMs);
        await this.#wake(timeoutMs, signal);
      },
      progress: async (lease, value) => {
        await asked('progress', lease, value);
        held(lease).progress = value;
      },
      log: async (lease, message, details) => {
        await asked('log', lease, message, details);
        held(lease);
      },
      enqueueChild: async (lease, type, payload) => {
        await asked('enqueueChild', lease, type, payload);
        held(lease);
        const child = this.add(type, { payload: JSON.stringify(payload ?? null) });
        return { taskId: child.taskId, status: child.state, createdAtUtc: 0, deduplicated: false };
      },
      enqueueChildren: unused,
      parents: unused,
      inbox: unused,
      complete: unused,
      fail: unused,
      release: unused,
    };
  }

  #claim(workerId: string, { max = 1, leaseMs = 30_000 }: ClaimOptions): ClaimedTask[] {
    const now = this.#clock.now();
    const leaseId = `l${this.count('claim')}`;
    const due = [...this.rows.values()].filter((row) => (row.state === 'queued' || row.state === 'failed') && row.runAfter <= now).slice(0, max);
    return due.map((row) => {
      row.state = 'leased';
      row.attempt += 1;
      row.claims += 1;
      row.lease = { workerId, leaseId, until: now + leaseMs, runUntil: now + row.maxRunMs };
      return {
        taskId: row.taskId,
        clientId: row.clientId,
        leaseId,
        type: row.type,
        payload: row.payload,
        compatibility: '{}',
        priority: 100,
        attempt: row.attempt,
        maxAttempts: row.maxAttempts,
        leaseUntilUtc: now + leaseMs,
        leaseMs,
        fence: row.claims,
        maxRunMs: row.maxRunMs,
        createdAtUtc: 0,
        createdBy: null,
        metadata: null,
        traceparent: null,
      };
    });
  }

  #held(workerId: string, { taskId, leaseId }: LeaseRef): Row | undefined {
    const row = this.rows.get(taskId);
    const { lease } = row ?? {};
    return row?.state === 'leased' && lease?.leaseId === leaseId && lease.workerId === workerId && lease.until > this.#clock.now() ? row : undefined;
  }

  #heartbeat(workerId: string, leases: readonly LeaseRef[], leaseMs: number): HeartbeatResult {
    const answer = { extended: [] as string[], lost: [] as string[], cancelled: [] as string[], timedOut: [] as string[] };
    const now = this.#clock.now();
    for (const ref of leases) {
      const row = this.#held(workerId, ref);
      if (row?.lease === undefined) answer[this.rows.get(ref.taskId)?.state === 'cancelled' ? 'cancelled' : 'lost'].push(ref.taskId);
      else if (row.lease.runUntil <= now) answer.timedOut.push(ref.taskId);
      else {
        row.lease.until = Math.max(row.lease.until, Math.min(now + leaseMs, row.lease.runUntil));
        answer.extended.push(ref.taskId);
      }
    }
    return answer;
  }

  #settle(workerId: string, item: Settlement): SettleResult {
    const { taskId } = item;
    const row = this.#held(workerId, item);
    if (row === undefined) return { taskId, ok: false, code: 'lease_lost', message: LEASE_LOST };
    if (item.op === 'release' && row.releases >= MOST_RELEASES) return { taskId, ok: false, code: 'invalid_transition', message: 'handed back too often' };
    row.ends.push(item.op);
    row.lease = undefined;
    if (item.op === 'complete') {
      row.result = item.result;
      row.state = 'completed';
    } else if (item.op === 'release') {
      row.releases += 1;
      row.attempt -= 1;
      row.runAfter = this.#clock.now() + (item.delayMs ?? 0);
      row.state = 'queued';
    } else {
      row.error = item.error;
      row.runAfter = this.#clock.now() + (item.retryInMs ?? 1_000);
      row.state = item.retry === false || row.attempt >= row.maxAttempts ? 'dead_letter' : 'failed';
    }
    return { taskId, ok: true, status: row.state };
  }

  #wake(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        alarm.cancel();
        this.#waiters.delete(wake);
        resolve();
      };
      const alarm = this.#clock.after(timeoutMs, wake);
      this.#waiters.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
