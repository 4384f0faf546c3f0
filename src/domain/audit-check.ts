// Checks a stream of audit records: rows and seals in the order of their ids, of one chain or of many at once. Keeps no more than the
// rows of segments whose seal has not come yet. The same code reads the database and an export.
import { faultOf, genesis } from './audit-chain.ts';
import type { AuditFault, AuditRow, ChainName, Hash, Head, Seal } from './audit-chain.ts';

export type AuditRecord =
  | ({ readonly kind: 'row' } & AuditRow)
  | ({ readonly kind: 'seal' } & Seal)
  /** The sealer has looked at every row of this chain up to this number. */
  | { readonly kind: 'passed'; readonly chain: ChainName; readonly clientId: string; readonly id: number };

/** A head that was signed and kept elsewhere. */
export interface AnchoredHead extends Head {
  readonly chain: ChainName;
  readonly clientId: string;
}

export interface AuditVerdict {
  readonly rows: number;
  readonly sealed: number;
  /** Younger than the last seal: told, not yet proven. */
  readonly unsealed: number;
  readonly chains: number;
  readonly anchors: number;
  /** The first fault of each chain that has one. */
  readonly faults: readonly AuditFault[];
}

interface Chain {
  readonly chain: ChainName;
  readonly clientId: string;
  head: Head;
  pending: AuditRow[];
  /** The hash at each anchored number, as it comes by. */
  readonly wanted: Map<number, string>;
  fault: AuditFault | null;
}

export interface AuditCheck {
  take(record: AuditRecord): void;
  verdict(): AuditVerdict;
}

export function createCheck(hash: Hash, anchors: readonly AnchoredHead[] = []): AuditCheck {
  const chains = new Map<string, Chain>();
  let rows = 0;
  let sealed = 0;
  const chainOf = ({ chain, clientId }: { readonly chain: ChainName; readonly clientId: string }): Chain => {
    const key = `${chain}\n${clientId}`;
    const known = chains.get(key);
    if (known !== undefined) return known;
    const made: Chain = { chain, clientId, head: genesis(hash, chain, clientId), pending: [], wanted: new Map(), fault: null };
    chains.set(key, made);
    return made;
  };
  for (const anchor of anchors) chainOf(anchor).wanted.set(anchor.seq, anchor.hash);
  return {
    take(record) {
      if (record.kind === 'row') {
        rows += 1;
        chainOf(record).pending.push(record);
      } else if (record.kind === 'seal') sealed += takeSeal(hash, chainOf(record), record);
      else takePassed(chainOf(record), record.id);
    },
    verdict() {
      for (const chain of chains.values()) chain.fault ??= cutOf(chain);
      const all = [...chains.values()];
      const unsealed = all.reduce((sum, { pending, fault }) => sum + (fault === null ? pending.length : 0), 0);
      return { rows, sealed, unsealed, chains: all.length, anchors: anchors.length, faults: all.flatMap(({ fault }) => (fault === null ? [] : [fault])) };
    },
  };
}

/** Closes the segment that is pending; how many rows are proven by it. */
function takeSeal(hash: Hash, chain: Chain, seal: Seal): number {
  const segment = chain.pending;
  chain.pending = [];
  if (chain.fault !== null) return 0;
  chain.fault = faultOf(hash, chain.head, segment, seal);
  if (chain.fault !== null) return 0;
  const wanted = chain.wanted.get(seal.seq);
  chain.wanted.delete(seal.seq);
  if (wanted !== undefined && wanted !== seal.hash)
    chain.fault = { chain: chain.chain, clientId: chain.clientId, seq: seal.seq, id: seal.lastId, why: 'the chain is not the one that was anchored' };
  chain.head = { seq: seal.seq, hash: seal.hash };
  return segment.length;
}

function takePassed(chain: Chain, id: number): void {
  const [row] = chain.pending;
  if (chain.fault !== null || row === undefined || row.id > id) return;
  chain.fault = {
    chain: chain.chain,
    clientId: chain.clientId,
    seq: chain.head.seq + 1,
    id: row.id,
    why: 'the row has no seal, though the sealer was beyond it: it was put in, or its seal was taken out',
  };
}

/** An anchored number that the chain never came by. */
function cutOf({ chain, clientId, head, wanted }: Chain): AuditFault | null {
  const [seq] = [...wanted.keys()].toSorted((a, b) => a - b);
  if (seq === undefined) return null;
  return {
    chain,
    clientId,
    seq: head.seq + 1,
    id: null,
    why: seq > head.seq ? `the end was cut off: row ${seq} was anchored` : `row ${seq} was anchored and is not the end of a seal`,
  };
}
