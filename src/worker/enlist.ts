// From what the caller gave to what the worker runs on: its handle, what it registers with, and how its leases are renewed.
import { randomBytes } from 'node:crypto';
import { QueueError } from '../domain/errors.ts';
import type { GrantSpec } from '../domain/task.ts';
import type { Queue, RegisterInput, WorkerHandle } from '../service/handles.ts';
import type { Registry } from './registry.ts';
import { loopRenewal, type Renewal } from './renewal.ts';
import { threadRenewal } from './thread-renewal.ts';
import type { WorkerOptions } from './types.ts';

export interface Enlisted {
  readonly handle: WorkerHandle;
  readonly registration: RegisterInput;
  readonly patterns: readonly string[];
  readonly renewal: Renewal;
}

export function enlist(target: Queue | WorkerHandle, registry: Registry, options: WorkerOptions): Enlisted {
  const patterns = registry.list().map((entry) => entry.pattern);
  if (patterns.length === 0)
    throw new QueueError('invalid_input', 'A worker needs at least one handler: startWorker(queue, { "Mail.Send": async (input, ctx) => … }).');
  const registration = registrationOf(registry, patterns, options);
  if (!isQueue(target)) return { handle: target, registration, patterns, renewal: options.renewal ?? loopRenewal };
  const workerId = options.workerId ?? `${options.name ?? 'worker'}-${randomBytes(4).toString('hex')}`;
  const source = target.renewal(workerId);
  const renewal = options.renewal ?? (source === null ? loopRenewal : threadRenewal(source));
  return { handle: target.worker(workerId, grantsOf(patterns, options.clients)), registration, patterns, renewal };
}

const isQueue = (target: Queue | WorkerHandle): target is Queue => 'worker' in target;

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
