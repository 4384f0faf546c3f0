// What auditors and admins read of the audit: the trail, the chains with their seals, and whether they hold. The system seals.
import { AUDIT_VERSION, CHAINS } from '../domain/audit-chain.ts';
import type { AuditRow, Hash, Seal } from '../domain/audit-chain.ts';
import { createCheck } from '../domain/audit-check.ts';
import type { AuditRecord, AuditVerdict, Cut } from '../domain/audit-check.ts';
import { QueueError, unwrap } from '../domain/errors.ts';
import { checkInt } from '../domain/limits.ts';
import type { Principal } from '../domain/principal.ts';
import type { Json } from '../domain/task.ts';
import type { StoreScope } from '../store/store.ts';
import type { AuditReads, VerifyOptions } from './audit-handle.ts';
import { authorize } from './deps.ts';
import type { Deps } from './deps.ts';

const ROWS_A_READ = 2000;

export function auditReads(deps: Deps, principal: Principal, scope: StoreScope): AuditReads {
  const { store } = deps;
  return {
    async trail(filter = {}) {
      await authorize(deps, principal, 'audit.trail');
      const { limit = 100, ...rest } = filter;
      const { items, nextCursor } = await store.trail(scope, { ...rest, limit: unwrap(checkInt('limit', limit, 'listLimit')) });
      return { items: items.map((row) => ({ ...row, details: JSON.parse(row.details) as Readonly<Record<string, Json>> })), nextCursor };
    },
    async verify(options = {}) {
      await authorize(deps, principal, 'audit.verify');
      const of = await scopeOfAudit(deps, scope, options.clientId);
      const { clients } = of;
      // Anchors are of everybody; what is held against them is what is read.
      const anchors = (options.anchors ?? []).filter(({ clientId }) => clients === '*' || clients.includes(clientId));
      return checkRecords(deps.digest, records(deps, of, options.signal), { ...options, anchors });
    },
    async *export(options = {}) {
      await authorize(deps, principal, 'audit.export');
      const of = await scopeOfAudit(deps, scope, options.clientId);
      const clientId = of.clients === '*' ? null : (of.clients[0] ?? null);
      await store.recordSecurity({ actor: scope.actor, action: 'audit.export', clientId, outcome: 'done' });
      yield { kind: 'audit', version: AUDIT_VERSION, clientId, atUtc: store.now() };
      yield* records(deps, of, options.signal);
    },
    async retention() {
      await authorize(deps, principal, 'audit.retention');
      return (await store.auditRetention()).filter(({ clientId }) => scope.clients === '*' || scope.clients.includes(clientId));
    },
    async heads(options = {}) {
      await authorize(deps, principal, 'audit.verify');
      return store.auditHeads(await scopeOfAudit(deps, scope, options.clientId));
    },
  };
}

/** What was read of one client's chain so far. */
interface Walked {
  /** Rows: the number of the last one. */
  no: number;
  /** The first row since the last seal: its number, and where the engine has it. */
  open: { readonly no: number; readonly at: number } | null;
}

/** Every row with its seals behind it, chain by chain, in the engine's order; outside a row is named by its number in its chain. */
async function* records(deps: Deps, scope: StoreScope, signal: AbortSignal | undefined): AsyncGenerator<AuditRecord> {
  let count = 0;
  for (const chain of CHAINS) {
    const walked = new Map<string, Walked>();
    const cuts = new Map<string, Cut>();
    for (let after: number | null = 0; after !== null; ) {
      signal?.throwIfAborted();
      const page = await deps.store.audit(scope, chain, after, ROWS_A_READ);
      // Read after the page: a cut made meanwhile is told before the rows that it left.
      for (const cut of await deps.store.auditCuts(scope)) {
        if (cut.chain !== chain || cuts.get(cut.clientId)?.seq === cut.seq) continue;
        cuts.set(cut.clientId, cut);
        yield cutAt(walked, cut);
      }
      // What is left behind a cut goes with the next steps of retention, and is no part of the chain any more.
      const rows = page.rows.filter(({ clientId, id }) => id > (cuts.get(clientId)?.lastId ?? 0));
      const seals = page.seals.filter(({ clientId, seq }) => seq > (cuts.get(clientId)?.seq ?? 0));
      let next = 0;
      const sealsUpTo = function* (at: number): Generator<AuditRecord> {
        for (; next < seals.length && (seals[next]?.lastId as number) <= at; next++) yield sealed(walked, seals[next] as Seal);
      };
      for (const row of rows) {
        // A seal whose last row is gone stands where that row stood.
        yield* sealsUpTo(row.id - 1);
        count += 1;
        yield numbered(walked, row);
        yield* sealsUpTo(row.id);
      }
      if (page.next === null) {
        yield* sealsUpTo(Number.MAX_SAFE_INTEGER);
        for (const [clientId, { no, open }] of walked)
          yield { kind: 'passed', chain, clientId, id: open === null ? no : open.no - (open.at <= page.passed ? 0 : 1) };
      }
      after = page.next;
    }
  }
  yield { kind: 'end', rows: count };
}

function walkedOf(walked: Map<string, Walked>, clientId: string): Walked {
  let found = walked.get(clientId);
  if (found === undefined) walked.set(clientId, (found = { no: 0, open: null }));
  return found;
}

function numbered(walked: Map<string, Walked>, row: AuditRow): AuditRecord {
  const of = walkedOf(walked, row.clientId);
  of.no += 1;
  of.open ??= { no: of.no, at: row.id };
  return { kind: 'row', ...row, id: of.no };
}

/** What follows a cut is numbered on from it. */
function cutAt(walked: Map<string, Walked>, cut: Cut): AuditRecord {
  const of = walkedOf(walked, cut.clientId);
  if (of.no < cut.seq) Object.assign(of, { no: cut.seq, open: null } satisfies Walked);
  return { kind: 'cut', ...cut, lastId: cut.seq };
}

function sealed(walked: Map<string, Walked>, seal: Seal): AuditRecord {
  walkedOf(walked, seal.clientId).open = null;
  return { kind: 'seal', ...seal, firstId: seal.seq - seal.rows + 1, lastId: seal.seq };
}

/** Rows between two words of progress. */
const TOLD_EVERY = 10_000;

export async function checkRecords(hash: Hash, from: AsyncIterable<AuditRecord>, { anchors = [], onProgress }: VerifyOptions = {}): Promise<AuditVerdict> {
  const checking = createCheck(hash, anchors);
  let rows = 0;
  for await (const record of from) {
    checking.take(record);
    if (record.kind === 'row' && ++rows % TOLD_EVERY === 0) onProgress?.(rows);
  }
  onProgress?.(rows);
  return checking.verdict();
}

/** An admin of the platform or an auditor of it may narrow to one client. A name that nobody has is no empty audit. */
async function scopeOfAudit({ store }: Deps, scope: StoreScope, clientId: string | undefined): Promise<StoreScope> {
  if (clientId === undefined) return scope;
  const narrowed = { ...scope, clients: [clientId] };
  const isKnown = scope.clients === '*' ? (await store.clients({ ...narrowed, role: 'system' })).length > 0 : scope.clients.includes(clientId);
  if (!isKnown) throw new QueueError('not_found', 'there is no such client');
  return narrowed;
}
