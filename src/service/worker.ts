// The handle of a worker: register, claim, renew, end. It takes only what was granted, and every write names its lease.
import { QueueError, ok, unwrap } from '../domain/errors.ts';
import type { Refusal } from '../domain/errors.ts';
import { checkCapabilities } from '../domain/capability.ts';
import { checkPattern } from '../domain/category.ts';
import { LEASE_LOST, endingTrouble } from '../domain/ending.ts';
import { toJsonText } from '../domain/json-text.ts';
import { LIMITS, checkInt, cleanErrorText } from '../domain/limits.ts';
import type { Principal, WorkerPrincipal } from '../domain/principal.ts';
import { DEFAULT_STRATEGY, findStrategy } from '../domain/strategy.ts';
import type { EnqueueOptions, GrantSpec, LeaseRef, RefusedEnd, SettleResult, Settlement, TaskFailure, WorkerInfo } from '../domain/task.ts';
import type { ClaimRequest, StoreScope } from '../store/store.ts';
import { prepareWith } from './prepare.ts';
import { authorize } from './deps.ts';
import { storeMany } from './many.ts';
import type { Deps } from './deps.ts';
import type { ClaimOptions, EnqueueItem, EnqueueResult, RegisterInput, WorkerHandle } from './handles.ts';

const LOOK_MS = 1000;

/** `grants` are given by the embedding program; a worker that came with a key has those that an admin stored. */
export function workerHandle(deps: Deps, principal: WorkerPrincipal, scope: StoreScope, grants: readonly GrantSpec[] | null): WorkerHandle {
  const { store } = deps;
  const register = async (input: RegisterInput = {}): Promise<WorkerInfo> => {
    await authorize(deps, principal, 'worker.register');
    const capabilities = unwrap(checkCapabilities(input.capabilities ?? {}));
    const { strategy = DEFAULT_STRATEGY, fairness = 'weighted', versions = {} } = input;
    unwrap(findStrategy(strategy, deps.strategies));
    return store.register(scope, { capabilities, strategy, fairness, versions, ...(grants === null ? {} : { grants }) });
  };
  return {
    workerId: principal.workerId,
    register,
    async beat(status) {
      await authorize(deps, principal, 'worker.heartbeat');
      if (!(await store.beat(scope, status))) throw new QueueError('worker_outdated', `the worker ${principal.workerId} is not registered: register it again`);
    },
    async deregister() {
      await authorize(deps, principal, 'worker.deregister');
      await store.deregister(scope);
    },
    async inbox(limit = 100) {
      await authorize(deps, principal, 'inbox.list');
      return store.inbox(scope, unwrap(checkInt('limit', limit, 'listLimit')));
    },
    async claim(options = {}) {
      await authorize(deps, principal, 'lease.claim');
      return claim(deps, scope, options, register);
    },
    async heartbeat(leases, leaseMs = LIMITS.leaseMs.default) {
      await authorize(deps, principal, 'lease.heartbeat');
      return store.heartbeat(scope, leases, unwrap(checkInt('leaseMs', leaseMs, 'leaseMs')));
    },
    ...endings(deps, principal, scope),
    ...insideLease(deps, principal, scope),
    wake: async (timeoutMs, signal) => void (await store.changed(timeoutMs, signal, { for: 'work', workerId: principal.workerId, request: {}, claims: false })),
  };
}

/** How an attempt ends: in batches, or one by one with the refusal thrown. */
function endings(deps: Deps, principal: Principal, scope: StoreScope): Pick<WorkerHandle, 'settle' | 'complete' | 'fail' | 'release'> {
  const { store } = deps;
  const depth = deps.limits.payloadDepth;
  /** `unchecked`: what of it was not looked at yet. */
  const settleOne = async (item: Settlement, unchecked = item): Promise<SettleResult & { ok: true }> => {
    const trouble = endingTrouble(unchecked, depth);
    if (trouble !== null) throw QueueError.from(trouble);
    const [answer] = await store.settle(scope, [item]);
    if (answer?.ok !== true) throw new QueueError(answer?.code ?? 'lease_lost', answer?.message ?? LEASE_LOST.message);
    return answer;
  };
  return {
    async settle(items) {
      // A batch is what its items are: scopes may give one end and not another.
      if (principal.scopes === undefined || items.length === 0) await authorize(deps, principal, 'lease.complete');
      else for (const { op } of items) await authorize(deps, principal, `lease.${op}`);
      const troubles = items.map((item) => endingTrouble(item, depth));
      const good = items.filter((_, i) => troubles[i] === null);
      const answers = good.length === 0 ? [] : await store.settle(scope, good);
      if (good.length === items.length) return answers;
      let next = 0;
      return troubles.map((trouble, i) => (trouble === null ? (answers[next++] as SettleResult) : refusedEnd(items[i] as Settlement, trouble)));
    },
    async complete(lease, result, timing = {}) {
      await authorize(deps, principal, 'lease.complete');
      const limits = { maxBytes: LIMITS.resultBytes.max, maxDepth: depth, name: 'result' };
      const text = result === undefined ? {} : { result: unwrap(toJsonText(result, limits)).text };
      const end = { ...refOf(lease), op: 'complete', ...timing } as const;
      await settleOne({ ...end, ...text }, end);
    },
    async fail(lease, error, options = {}) {
      await authorize(deps, principal, 'lease.fail');
      return (await settleOne({ ...refOf(lease), op: 'fail', error: failureOf(error), ...options })).status;
    },
    async release(lease, options = {}) {
      await authorize(deps, principal, 'lease.release');
      await settleOne({ ...refOf(lease), op: 'release', ...options });
    },
  };
}

const refusedEnd = ({ taskId }: Settlement, { code, message }: Refusal): SettleResult => ({ taskId, ok: false, code: code as RefusedEnd, message });

/** What a handler does while it holds its lease. */
function insideLease(
  deps: Deps,
  principal: Principal,
  scope: StoreScope,
): Pick<WorkerHandle, 'progress' | 'log' | 'parents' | 'enqueueChild' | 'enqueueChildren'> {
  const { store } = deps;
  const limits = { maxBytes: deps.limits.payloadBytes, maxDepth: deps.limits.payloadDepth };
  const lost = (held: boolean): void => {
    if (!held) throw QueueError.from(LEASE_LOST);
  };
  return {
    async progress(lease, value) {
      await authorize(deps, principal, 'lease.progress');
      lost(await store.progress(scope, lease, unwrap(toJsonText(value, limits)).text));
    },
    async log(lease, message, details) {
      await authorize(deps, principal, 'lease.log');
      lost(
        await store.message(
          scope,
          lease,
          cleanErrorText(message, LIMITS.errorMessage.max),
          details === undefined ? null : unwrap(toJsonText(details, limits)).text,
        ),
      );
    },
    async parents(lease, { limit = 100, cursor } = {}) {
      await authorize(deps, principal, 'lease.parents');
      const page = { limit: unwrap(checkInt('limit', limit, 'listLimit')), ...(cursor === undefined ? {} : { cursor }) };
      const found = await store.parents(scope, lease, page);
      if (found === null) throw QueueError.from(LEASE_LOST);
      return found;
    },
    async enqueueChild(lease, type, payload, options = {}) {
      await authorize(deps, principal, 'lease.enqueue');
      const [child] = await enqueueFor(deps, scope, lease, [{ ...options, type, payload }]);
      return child as EnqueueResult;
    },
    async enqueueChildren(lease, items, { then: last } = {}) {
      await authorize(deps, principal, 'lease.enqueue');
      const next = last === undefined ? [] : [{ ...last, dependsOn: [...items.keys(), ...(last.dependsOn ?? [])] }];
      if (items.length + next.length === 0) return { children: [], next: null };
      const made = await enqueueFor(deps, scope, lease, [...items, ...next]);
      return { children: made.slice(0, items.length), next: made[items.length] ?? null };
    },
  };
}

/** Children belong to the task's client and submitter, never to the worker; priority, due time and trace are the task's unless told otherwise. */
async function enqueueFor(deps: Deps, scope: StoreScope, lease: LeaseRef, items: readonly EnqueueItem[]): Promise<readonly EnqueueResult[]> {
  const { store } = deps;
  const parent = await store.holder(scope, lease);
  if (parent === null) throw QueueError.from(LEASE_LOST);
  const due = (item: EnqueueItem): EnqueueOptions => (parent.dueAtUtc === null || item.maxWaitMs !== undefined ? {} : { dueAtUtc: parent.dueAtUtc });
  const inherited = {
    priority: parent.priority,
    ...(parent.createdBy === null ? {} : { createdBy: parent.createdBy }),
    ...(parent.traceparent === null ? {} : { traceparent: parent.traceparent }),
  };
  const categories = await store.categories();
  const prepared = items.map((item) => prepareWith(deps, lease.clientId, { ...inherited, ...due(item), ...item }, categories));
  const lineage = prepared.map((task) => (task.ok ? ok({ ...task.value, parentTaskId: lease.taskId }) : task));
  const own = { role: 'worker', actor: scope.actor, clients: [lease.clientId] } as const;
  const answers = await storeMany(lineage, true, (tasks) => store.enqueue(own, tasks, { atomic: tasks.length > 1, createClients: false }));
  return answers.map((answer) => {
    if (!answer.ok) throw new QueueError(answer.code, answer.message, answer.details);
    const { ok: _, ...result } = answer;
    return result;
  });
}

const refOf = ({ clientId, taskId, leaseId }: LeaseRef): LeaseRef => ({ clientId, taskId, leaseId });

function failureOf(error: unknown): TaskFailure {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    const { message, kind, name, stack } = error as { message: string; kind?: string; name?: string; stack?: string };
    const named = kind ?? name;
    return { message, ...(named === undefined ? {} : { kind: named }), ...(stack === undefined ? {} : { stack }) };
  }
  return { message: String(error) };
}

async function claim(deps: Deps, scope: StoreScope, options: ClaimOptions, register: () => Promise<WorkerInfo>): ReturnType<WorkerHandle['claim']> {
  const request = claimRequest(options);
  const from = performance.now();
  for (;;) {
    options.signal?.throwIfAborted();
    const waitedMs = performance.now() - from;
    const tasks = await claimOrRegister(deps, scope, request, register);
    const left = from + (options.waitMs ?? 0) - performance.now();
    // The first look did not wait, and is the one that most claims stop at.
    if (tasks.length > 0) return waitedMs < 1 ? tasks : tasks.map((task) => ({ ...task, waitedMs: Math.floor(waitedMs) }));
    if (left <= 0) return tasks;
    await deps.store.changed(Math.min(left, LOOK_MS), options.signal, { for: 'work', workerId: scope.workerId as string, request, claims: true });
  }
}

/** A worker that never registered is registered at its first claim, with all that it was granted. */
async function claimOrRegister(deps: Deps, scope: StoreScope, request: ClaimRequest, register: () => Promise<WorkerInfo>): ReturnType<Deps['store']['claim']> {
  try {
    return await deps.store.claim(scope, request);
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'worker_outdated') throw error;
    await register();
    return deps.store.claim(scope, request);
  }
}

function claimRequest(options: ClaimOptions): ClaimRequest {
  for (const type of options.types ?? []) unwrap(checkPattern(type));
  return {
    max: unwrap(checkInt('max', options.max ?? 1, 'claimMax')),
    leaseMs: unwrap(checkInt('leaseMs', options.leaseMs ?? LIMITS.leaseMs.default, 'leaseMs')),
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.fairness === undefined ? {} : { fairness: options.fairness }),
    ...(options.types === undefined ? {} : { types: options.types }),
    ...(options.capabilities === undefined ? {} : { capabilities: unwrap(checkCapabilities(options.capabilities)) }),
  };
}
