// From what the caller gave (a queue, a server and a key, or a handle) to what the worker runs on: its handle, what it registers
// with, and how its leases are renewed.
import { randomBytes } from 'node:crypto';
import { connect } from '../client/connect.ts';
import type { Connection } from '../client/connect.ts';
import type { ConnectOptions } from '../client/options.ts';
import { QueueError } from '../domain/errors.ts';
import { LIMITS } from '../domain/limits.ts';
import type { GrantSpec } from '../domain/task.ts';
import type { Queue, RegisterInput, WorkerHandle } from '../service/handles.ts';
import type { Registry } from './registry.ts';
import { loopRenewal, type Renewal } from './renewal.ts';
import { threadRenewal } from './thread-renewal.ts';
import type { WorkerOptions } from './types.ts';

/** A server and the key of a worker. What stops the worker ends its requests too. */
export type WorkerServer = Omit<ConnectOptions, 'signal'>;

/** Where tasks come from: a queue in process, a server, what `connect` made of one, or a handle. */
export type WorkerTarget = Queue | WorkerServer | Connection | WorkerHandle;

export interface Enlisted {
  readonly handle: WorkerHandle;
  readonly registration: RegisterInput;
  readonly patterns: readonly string[];
  readonly renewal: Renewal;
  /** Ends what is still under way: nothing is to hold the process. */
  readonly close: () => void;
}

export function enlist(target: WorkerTarget, registry: Registry, options: WorkerOptions): Enlisted {
  const patterns = registry.list().map((entry) => entry.pattern);
  if (patterns.length === 0)
    throw new QueueError('invalid_input', 'A worker needs at least one handler: startWorker(queue, { "Mail.Send": async (input, ctx) => … }).');
  const registration = registrationOf(registry, patterns, options);
  const loop = { registration, patterns, renewal: options.renewal ?? loopRenewal };
  if (isServer(target)) return { ...loop, ...atServer(target, options) };
  if (isConnection(target)) return { ...loop, handle: target.worker(options.workerId), close: nothing };
  if (!isQueue(target)) return { ...loop, handle: target, close: nothing };
  const workerId = options.workerId ?? `${options.name ?? 'worker'}-${randomBytes(4).toString('hex')}`;
  const source = target.renewal(workerId);
  const renewal = options.renewal ?? (source === null ? loopRenewal : threadRenewal(source));
  return { handle: target.worker(workerId, grantsOf(patterns, options.clients)), registration, patterns, renewal, close: nothing };
}

const isServer = (target: WorkerTarget): target is WorkerServer => 'key' in target;
const isQueue = (target: WorkerTarget): target is Queue => 'renewal' in target;
const isConnection = (target: WorkerTarget): target is Connection => 'worker' in target && !isQueue(target);
const nothing = (): void => undefined;

/** A request that hangs is given up early enough for another to renew the leases in time. */
function atServer(source: WorkerServer, { workerId, leaseMs = LIMITS.leaseMs.default }: WorkerOptions): Pick<Enlisted, 'handle' | 'close'> {
  const ending = new AbortController();
  const timeoutMs = Math.round(Math.min(10_000, Math.max(1_000, leaseMs / 5)));
  return { handle: connect({ timeoutMs, ...source, signal: ending.signal }).worker(workerId), close: () => ending.abort() };
}

/** A program is the operator of its own queue: its workers may take what they have handlers for. */
const grantsOf = (patterns: readonly string[], clients: readonly string[] = ['*']): readonly GrantSpec[] =>
  clients.flatMap((clientId) => patterns.map((pattern) => ({ clientId, pattern })));

function registrationOf(registry: Registry, categories: readonly string[], { clients, attributes, strategy, fairness }: WorkerOptions): RegisterInput {
  const versions: Record<string, string> = {};
  for (const { pattern, version } of registry.list()) if (version !== undefined) versions[pattern] = version;
  return {
    capabilities: { categories, ...(clients === undefined ? {} : { clients }), ...(attributes === undefined ? {} : { attributes }) },
    ...(strategy === undefined ? {} : { strategy }),
    ...(fairness === undefined ? {} : { fairness }),
    versions,
  };
}
