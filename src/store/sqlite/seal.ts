// The sealer: chains what the audit got since it last looked, a segment a client. Any process may run it, and any number at once:
// reading and hashing take no lock, and the short transaction that writes the seals drops them when somebody was faster. So no chain
// forks and none has a gap.
import { hash as digestOf } from 'node:crypto';
import { CHAINS, genesis, sealRows } from '../../domain/audit-chain.ts';
import { sealOf } from '../rows.ts';
import type { AuditRow, ChainName, Hash, Head, Seal } from '../../domain/audit-chain.ts';
import type { AnchoredHead } from '../../domain/audit-check.ts';
import type { AuditPage, StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import type { Reader } from './reads.ts';
import type { Statements } from './statements.ts';

const sha256: Hash = (text) => digestOf('sha256', text, 'hex');

/** Seals that were computed from what the sealer had not looked at yet. */
export interface Prepared {
  readonly rows: number;
  readonly chains: readonly { readonly chain: ChainName; readonly after: number; readonly last: number; readonly seals: readonly Seal[] }[];
}

/** Reads and hashes without the write lock; with an `until` that is past, only chains whose oldest row without a seal is older. */
export function prepareSeals(reader: Reader, now: number, most: number, until: number): Prepared {
  reader.wall.bind({ clients: '*' });
  const chains: Prepared['chains'][number][] = [];
  let left = most;
  for (const chain of CHAINS) {
    const after = sealedTo(reader.st, chain);
    if (until < now && !isLeft(rowsAfter(reader.st, chain, after, 1)[0], now, until)) continue;
    const rows = rowsAfter(reader.st, chain, after, left);
    left -= rows.length;
    const last = rows.at(-1)?.id;
    if (last === undefined) continue;
    const seals = [...Map.groupBy(rows, (row) => row.clientId)].map(([clientId, own]) => sealRows(sha256, headOf(reader.st, chain, clientId), own, now));
    chains.push({ chain, after, last, seals });
  }
  return { rows: most - left, chains };
}

/** Nobody was there for it in time. What is from later than now, a clock was set back behind: it is of unknown age. */
function isLeft(row: AuditRow | undefined, now: number, until: number): boolean {
  const at = row?.fields[0] as number | undefined;
  return at !== undefined && (at <= until || at > now);
}

/** Under the write lock: writes the seals, unless somebody else has sealed meanwhile. How many rows are sealed by them. */
export function writeSeals(engine: Engine, prepared: Prepared): number {
  engine.wall.bind({ clients: '*' });
  let sealed = 0;
  for (const { chain, after, last, seals } of prepared.chains) {
    if (sealedTo(engine.st, chain) !== after) continue;
    for (const seal of seals) insert(engine.st, seal);
    engine.st.run('sealed_put', { chain, id: last });
    sealed += seals.reduce((sum, { rows }) => sum + rows, 0);
  }
  return sealed;
}

const STATEMENT = { tasks: 'seal_tasks', security: 'seal_security' } as const satisfies Record<ChainName, string>;

function rowsAfter(st: Statements, chain: ChainName, after: number, most: number): AuditRow[] {
  if (most <= 0) return [];
  return st
    .rows(STATEMENT[chain], { after, most })
    .map(([id, clientId, ...fields]) => ({ chain, id: id as number, clientId: clientId as string, fields: fields as AuditRow['fields'] }));
}

const sealedTo = (st: Statements, chain: ChainName): number => st.row('sealed_to', { chain })?.[0] as number;

function headOf(st: Statements, chain: ChainName, clientId: string): Head {
  const found = st.row('seal_head', { client_id: clientId, chain });
  return found === undefined ? genesis(sha256, chain, clientId) : { seq: found[0] as number, hash: found[1] as string };
}

function insert(st: Statements, seal: Seal): void {
  st.insert('seal_insert', [seal.chain, seal.clientId, seal.seq, seal.rows, seal.firstId, seal.lastId, seal.prevHash, seal.hash, seal.marks, seal.atUtc]);
}

/** A stretch of a chain, oldest first, of the clients in scope. */
export function readAudit(reader: Reader, scope: StoreScope, chain: ChainName, after: number, most: number): AuditPage {
  reader.wall.bind({ clients: scope.clients });
  const passed = sealedTo(reader.st, chain);
  const rows = rowsAfter(reader.st, chain, after, most);
  const last = rows.at(-1)?.id;
  const isEnd = rows.length < most;
  const until = isEnd || last === undefined ? Number.MAX_SAFE_INTEGER : last;
  return { rows, seals: reader.st.rows('seals_after', { chain, after, until }).map(sealOf), next: isEnd ? null : (last as number), passed };
}

export function readHeads(reader: Reader, scope: StoreScope): AnchoredHead[] {
  reader.wall.bind({ clients: scope.clients });
  return reader.st
    .rows('audit_heads')
    .map(([chain, clientId, seq, hash]) => ({ chain: chain as ChainName, clientId: clientId as string, seq: seq as number, hash: hash as string }));
}
