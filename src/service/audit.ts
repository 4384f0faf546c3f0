// What auditors and admins read of the audit: the trail, the chains with their seals, and whether they hold. The system seals.
import { AUDIT_VERSION, CHAINS } from '../domain/audit-chain.ts';
import type { AuditRow, Hash, Seal } from '../domain/audit-chain.ts';
import { createCheck } from '../domain/audit-check.ts';
import type { AuditRecord, AuditVerdict } from '../domain/audit-check.ts';
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
      return checkRecords(deps.digest, records(deps, scopeOfAudit(scope, options.clientId), options.signal), options);
    },
    async *export(options = {}) {
      await authorize(deps, principal, 'audit.export');
      const of = scopeOfAudit(scope, options.clientId);
      const clientId = of.clients === '*' ? null : (of.clients[0] ?? null);
      await store.recordSecurity({ actor: scope.actor, action: 'audit.export', clientId, outcome: 'done' });
      yield { kind: 'audit', version: AUDIT_VERSION, clientId, atUtc: store.now() };
      yield* records(deps, of, options.signal);
    },
    async heads(options = {}) {
      await authorize(deps, principal, 'audit.verify');
      return store.auditHeads(scopeOfAudit(scope, options.clientId));
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
  for (const chain of CHAINS) {
    const walked = new Map<string, Walked>();
    for (let after: number | null = 0; after !== null; ) {
      signal?.throwIfAborted();
      const page = await deps.store.audit(scope, chain, after, ROWS_A_READ);
      let next = 0;
      const sealsUpTo = function* (at: number): Generator<AuditRecord> {
        for (; next < page.seals.length && (page.seals[next]?.lastId as number) <= at; next++) yield sealed(walked, page.seals[next] as Seal);
      };
      for (const row of page.rows) {
        // A seal whose last row is gone stands where that row stood.
        yield* sealsUpTo(row.id - 1);
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

/** An admin of the platform or an auditor of it may narrow to one client. */
function scopeOfAudit(scope: StoreScope, clientId: string | undefined): StoreScope {
  if (clientId === undefined) return scope;
  if (scope.clients !== '*' && !scope.clients.includes(clientId)) throw new QueueError('not_found', 'there is no such client');
  return { ...scope, clients: [clientId] };
}
