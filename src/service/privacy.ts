// The privacy of a client: its own keys, an erasure that takes two, and an export of everything. The audit keeps what happened and holds on.
import type { ChainName } from '../domain/audit-chain.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { ENDED } from '../domain/lifecycle.ts';
import { checkClientId } from '../domain/names.ts';
import { actorOf } from '../domain/principal.ts';
import type { AdminPrincipal } from '../domain/principal.ts';
import type { StoreScope, TrailRow } from '../store/store.ts';
import { authorize, ownClient } from './deps.ts';
import type { Deps } from './deps.ts';
import type { Erasure, ExportLine, ExportPage, PrivacyAdmin } from './privacy-handle.ts';

const DATA_KEY_BYTES = 32;
/** How long an erasure that was asked for may be confirmed. */
const CONFIRM_MS = 86_400_000;
const TASKS_A_STEP = 200;
const SCHEDULES_A_STEP = 200;
const LINES_A_PAGE = 200;

export function privacyAdmin(deps: Deps, principal: AdminPrincipal, scope: StoreScope): PrivacyAdmin {
  const known = async (operation: 'client.encrypt' | 'client.erase' | 'client.export', clientId: string): Promise<void> => {
    await authorize(deps, principal, operation);
    unwrap(checkClientId(clientId));
    await ownClient(deps, principal, operation, clientId);
    if (!(await deps.store.clients(scope)).some((client) => client.clientId === clientId)) throw new QueueError('not_found', 'there is no such client');
  };
  return {
    async encrypt(clientId) {
      await known('client.encrypt', clientId);
      return encrypt(deps, scope, clientId);
    },
    async erase(clientId, reason) {
      await known('client.erase', clientId);
      checkReason(reason);
      return askErase(deps, principal, scope, clientId, reason);
    },
    async confirmErase(clientId) {
      await known('client.erase', clientId);
      return confirmErase(deps, principal, scope, clientId);
    },
    async exportPage(clientId, { reason, cursor }) {
      await known('client.export', clientId);
      if (principal.clientId === undefined) checkReason(reason);
      const details = JSON.stringify({ reason, ...(cursor === undefined ? {} : { cursor }) });
      await deps.store.recordSecurity({ actor: scope.actor, action: 'client.export', clientId, object: clientId, outcome: 'done', details });
      return exportPage(deps, { role: 'admin', actor: scope.actor, clients: [clientId], raw: true }, cursor);
    },
  };
}

function checkReason(reason: string): void {
  if (reason.trim() === '')
    throw new QueueError('invalid_input', 'say why: the reason is written to the audit', { fields: [{ field: 'reason', message: 'empty' }] });
}

async function encrypt({ store, sealing, randomHex }: Deps, scope: StoreScope, clientId: string): Promise<{ clientId: string; keyNo: number }> {
  if (sealing === undefined)
    throw new QueueError('invalid_input', 'this process has no master key: give every process of the queue the same one first', {
      fields: [{ field: 'masterKey', message: 'missing' }],
    });
  for (;;) {
    const keyNo = ((await store.dataKeys(clientId))[0]?.keyNo ?? 0) + 1;
    const wrapped = await sealing.wrap(Buffer.from(randomHex(DATA_KEY_BYTES), 'hex'), clientId);
    const isMade = await store.addDataKey(scope, { clientId, keyNo, wrapped });
    sealing.forget(clientId);
    if (isMade) return { clientId, keyNo };
  }
}

// Erasure: asked, confirmed by another, done. Where it stands is read from the audit, which nobody can change.

interface Standing {
  readonly step: 'asked' | 'confirmed' | 'done';
  readonly by: string;
  readonly atUtc: number;
}

/** Who it is: two keys of one role are two. */
const whoIs = (principal: AdminPrincipal): string => (principal.keyId === undefined ? actorOf(principal) : `key:${principal.keyId}`);

async function standing({ store }: Deps, scope: StoreScope, clientId: string): Promise<Standing | null> {
  const { items } = await store.trail(scope, { clientId, chain: 'security', action: 'client.erase', object: clientId, limit: 20 });
  const found = items.find((row: TrailRow) => row.outcome === 'done');
  return found === undefined ? null : { ...(JSON.parse(found.details) as Pick<Standing, 'step' | 'by'>), atUtc: found.atUtc };
}

async function record(
  { store }: Deps,
  principal: AdminPrincipal,
  scope: StoreScope,
  clientId: string,
  step: Standing['step'],
  more: object = {},
): Promise<void> {
  const details = JSON.stringify({ step, by: whoIs(principal), ...more });
  await store.recordSecurity({ actor: scope.actor, action: 'client.erase', clientId, object: clientId, outcome: 'done', details });
}

async function askErase(deps: Deps, principal: AdminPrincipal, scope: StoreScope, clientId: string, reason: string): Promise<Erasure> {
  await record(deps, principal, scope, clientId, 'asked', { reason });
  return { clientId, state: 'asked', untilUtc: deps.store.now() + CONFIRM_MS };
}

async function confirmErase(deps: Deps, principal: AdminPrincipal, scope: StoreScope, clientId: string): Promise<Erasure> {
  const where = await standing(deps, scope, clientId);
  const isOpen = where?.step === 'confirmed' || (where?.step === 'asked' && where.atUtc + CONFIRM_MS > deps.store.now());
  if (!isOpen) throw new QueueError('invalid_transition', 'no erasure of this client waits to be confirmed: ask for it first, within 24 hours');
  if (where.step === 'asked' && where.by === whoIs(principal))
    throw new QueueError('forbidden', 'an erasure takes two: another admin, with a key of its own, has to confirm it');
  if (where.step === 'asked') await record(deps, principal, scope, clientId, 'confirmed');
  await deps.store.updateClient(scope, clientId, { status: 'suspended' });
  deps.keyring.forget();
  const keys = await deps.store.shredDataKeys(scope, clientId);
  deps.sealing?.forget(clientId);
  const own = { ...scope, clients: [clientId] };
  // Before the tasks: a schedule makes more of them.
  await dropSchedules(deps, own, clientId);
  const tasks = await emptyTasks(deps, own, clientId);
  await record(deps, principal, scope, clientId, 'done', { tasks, keys });
  return { clientId, state: 'erased', tasks, keys };
}

async function dropSchedules({ store: { schedules } }: Deps, scope: StoreScope, clientId: string): Promise<void> {
  for (;;) {
    const found = await schedules.list(scope, { limit: SCHEDULES_A_STEP, after: ['', ''] });
    if (found.length === 0) return;
    for (const { name } of found) await schedules.delete(scope, name, `erasure of ${clientId}`);
  }
}

/** What is not ended is cancelled, and what is ended is emptied: payload, result, errors, messages, progress and metadata go. Bounded steps. */
async function emptyTasks({ store }: Deps, scope: StoreScope, clientId: string): Promise<number> {
  let emptied = 0;
  for (;;) {
    const { items } = await store.tasks({ ...scope, clients: [clientId], blind: true }, { limit: TASKS_A_STEP });
    if (items.length === 0) return emptied;
    const refusals = await Promise.all(
      items.map(async ({ taskId, status }) => {
        if (!ENDED.includes(status) || status === 'dead_letter') await store.cancel(scope, taskId, 'erased');
        return store.purge(scope, taskId);
      }),
    );
    const done = refusals.filter((refusal) => refusal === null || refusal.code === 'not_found').length;
    if (done === 0) throw QueueError.from(refusals[0] as NonNullable<(typeof refusals)[number]>);
    emptied += done;
  }
}

// Export: tasks, then what happened to them, then security events; the cursor names where it is.

const PARTS = ['task', 'log', 'event'] as const;
type Part = (typeof PARTS)[number];

async function exportPage(deps: Deps, scope: StoreScope, cursor: string | undefined): Promise<ExportPage> {
  const [, part = 'task', rest = ''] = /^(task|log|event):(.*)$/.exec(cursor ?? 'task:') ?? [];
  if (cursor !== undefined && !/^(task|log|event):/.test(cursor))
    throw new QueueError('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] });
  const { items, next } = await READS[part as Part](deps, scope, rest);
  const after = PARTS[PARTS.indexOf(part as Part) + 1];
  const lines: ExportLine[] = items.map((item) => {
    const text = JSON.stringify(item);
    return { kind: part as Part, sha256: deps.digest(text), text };
  });
  return { items: lines, nextCursor: next !== null ? `${part}:${next}` : after === undefined ? null : `${after}:` };
}

type Read = (deps: Deps, scope: StoreScope, cursor: string) => Promise<{ readonly items: readonly unknown[]; readonly next: string | null }>;
const READS: Readonly<Record<Part, Read>> = {
  async task({ store }, scope, cursor) {
    const { items, nextCursor } = await store.tasks(scope, { limit: LINES_A_PAGE, ...(cursor === '' ? {} : { cursor }) });
    return { items, next: nextCursor };
  },
  log: (deps, scope, cursor) => trail(deps, scope, 'tasks', cursor),
  event: (deps, scope, cursor) => trail(deps, scope, 'security', cursor),
};

async function trail({ store }: Deps, scope: StoreScope, chain: ChainName, cursor: string): ReturnType<Read> {
  const { items, nextCursor } = await store.trail(scope, { chain, limit: LINES_A_PAGE, ...(cursor === '' ? {} : { cursor }) });
  return { items: items.map((row) => ({ ...row, details: JSON.parse(row.details) as unknown })), next: nextCursor };
}
