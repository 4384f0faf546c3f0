// `queue.as(principal)`: the one door. It answers the handle of the principal's role with its client or worker bound inside.
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkGrant } from '../domain/capability.ts';
import { checkClientId, checkWorkerId } from '../domain/names.ts';
import type { Principal } from '../domain/principal.ts';
import type { GrantSpec } from '../domain/task.ts';
import { adminHandle, metrics, securityEvents } from './admin.ts';
import { anchorSource } from './audit-admin.ts';
import { auditReads } from './audit.ts';
import { clientHandle } from './client.ts';
import { bookReads } from './book.ts';
import { authorize, recordRefusal, scopeOf } from './deps.ts';
import type { Deps, Given } from './deps.ts';
import type { AuditorHandle, HandleOf, HandleOptions, Queue, SystemHandle } from './handles.ts';
import { createKeyring } from './keyring.ts';
import { openBootstrap, useBootstrap } from './keys.ts';
import { Refusals } from './refusals.ts';
import { fireSchedules } from './schedules.ts';
import { dataKeys } from './sealed/keys.ts';
import { sealedStore } from './sealed/store.ts';
import { watchingKeys, watchingOpen } from './sealed/watch.ts';
import { statsOf, taskReads } from './tasks.ts';
import { workerHandle } from './worker.ts';

/** Rows that one transaction seals. */
const SEAL_STEP = 1000;
/** Rows of the audit that one transaction takes. */
const CUT_STEP = 500;

export interface QueueParts {
  readonly url: string;
  readonly renewal: Queue['renewal'];
  /** Ends what runs in the background; the store is closed after it. */
  readonly onClose: () => Promise<void> | undefined;
}

/** What a program without grants of its own gives its workers. */
const EVERYTHING: readonly GrantSpec[] = [{ clientId: '*', pattern: '*' }];

export function createQueue(given: Given, parts: QueueParts): Queue {
  const deps = wire(given);
  const { keyring, refusals } = deps;
  let closing: Promise<void> | undefined;
  const as = <P extends Principal>(principal: P, { raw = false }: HandleOptions = {}): HandleOf<P> => {
    const frozen: Principal = Object.freeze(Object.assign({}, principal as Principal));
    return handleOf(deps, frozen, raw) as HandleOf<P>;
  };
  const end = async (): Promise<void> => {
    await parts.onClose();
    if (!refusals.isIdle) await refusals.close();
    await deps.store.close();
  };
  const close = (): Promise<void> => (closing ??= end());
  return {
    url: parts.url,
    capabilities: deps.store.capabilities,
    renewal: parts.renewal,
    as,
    authorize: (principal, operation) => authorize(deps, principal, operation),
    refused: (principal, operation, because) => recordRefusal(deps, principal, operation, null, because),
    book: (principal) => bookReads(deps, principal),
    ping: async () => void (await deps.store.categories()),
    secret: (name) => deps.store.secret(name),
    client(clientId = 'default') {
      const principal = { role: 'client', clientId: unwrap(checkClientId(clientId)) } as const;
      return clientHandle(deps, principal, clientId, scopeOf(principal), deps.createClients);
    },
    worker(workerId, grants = EVERYTHING) {
      const principal = { role: 'worker', workerId: unwrap(checkWorkerId(workerId)) } as const;
      return workerHandle(
        deps,
        principal,
        scopeOf(principal),
        grants.map((grant) => unwrap(checkGrant(grant))),
      );
    },
    admin: () => as({ role: 'admin' }),
    system: () => as({ role: 'system' }),
    principalOf: keyring.principalOf,
    authenticate: async (key) => as(await keyring.principalOf(key)) as Awaited<ReturnType<Queue['authenticate']>>,
    bootstrap: (secret, from) => useBootstrap(deps, secret, from),
    auditSummary: () => deps.store.auditSummary(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function wire(given: Given): Deps {
  const refusals = new Refusals(given.store);
  const { store, digest, verifyToken, masterKey } = given;
  const keyring = createKeyring({ store, digest, refusals, verifyToken });
  if (masterKey === undefined) return { ...given, store: watchingOpen(store), refusals, keyring };
  const sealing = dataKeys(store, masterKey);
  return { ...given, store: watchingKeys(sealedStore(store, sealing), sealing), refusals, keyring, sealing };
}

function handleOf(deps: Deps, principal: Principal, raw: boolean): HandleOf<Principal> {
  const scope = scopeOf(principal, raw);
  switch (principal.role) {
    case 'client':
      return clientHandle(deps, principal, unwrap(checkClientId(principal.clientId)), scope, false);
    case 'worker':
      return workerHandle(deps, principal, scope, null);
    case 'admin':
      return adminHandle(deps, principal, scope);
    case 'auditor':
      return auditorHandle(deps, principal);
    case 'system':
      return systemHandle(deps, principal);
    default:
      throw new QueueError('unauthenticated', 'nothing is done without a principal');
  }
}

function auditorHandle(deps: Deps, principal: Principal): AuditorHandle {
  const scope = scopeOf(principal);
  const { stats, logs, events } = taskReads(deps, principal, scope);
  return {
    stats,
    logs,
    events,
    audit: auditReads(deps, principal, scope),
    metrics: () => metrics(deps, principal, scope),
    securityEvents: (page) => securityEvents(deps, principal, scope, page),
  };
}

function systemHandle(deps: Deps, principal: Principal): SystemHandle {
  return {
    async tick() {
      await authorize(deps, principal, 'janitor.tick');
      return deps.store.tick({ retentionMs: deps.retentionMs });
    },
    async fire() {
      await authorize(deps, principal, 'schedule.fire');
      return fireSchedules(deps);
    },
    async seal() {
      await authorize(deps, principal, 'audit.seal');
      let sealed = 0;
      for (let step = SEAL_STEP; step === SEAL_STEP; sealed += step) step = await deps.store.seal(SEAL_STEP);
      return sealed;
    },
    ...anchorSource(deps, principal),
    async cutAudit() {
      await authorize(deps, principal, 'audit.cut');
      return deps.store.cutAudit({ keepMs: deps.auditRetentionMs, most: CUT_STEP });
    },
    stats: async () => statsOf(await deps.store.counts(scopeOf(principal))),
    metrics: () => metrics(deps, principal, scopeOf(principal)),
    openBootstrap: () => openBootstrap(deps, principal),
  };
}
