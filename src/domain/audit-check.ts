// Checks a stream of audit records: rows and seals in the order of their ids, of one chain or of many at once. Keeps no more than the
// rows of segments whose seal has not come yet. The same code reads the database and an export.
import { faultOf, genesis } from './audit-chain.ts';
import type { AuditFault, AuditRow, ChainName, Hash, Head, Seal } from './audit-chain.ts';

/** Rows of a chain that retention took: it begins after the one of this number, whose hash was anchored. */
export interface Cut extends AnchoredHead {
  /** Where the last row is that is gone: in an engine its own order, outside the number. */
  readonly lastId: number;
  readonly atUtc: number;
}

export type AuditRecord =
  /** Before the rows that follow the cut. */
  | ({ readonly kind: 'cut' } & Cut)
  | ({ readonly kind: 'row' } & AuditRow)
  | ({ readonly kind: 'seal' } & Seal)
  /** The sealer has looked at every row of this chain up to this number. */
  | { readonly kind: 'passed'; readonly chain: ChainName; readonly clientId: string; readonly id: number }
  /** Nothing is missing after so many rows. */
  | { readonly kind: 'end'; readonly rows: number };

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
  /** Chains that begin at a cut. */
  readonly cuts: number;
  /** The first fault of each chain that has one. */
  readonly faults: readonly AuditFault[];
  /** What is no break and should be looked at: where the clock went back. The first of each chain. */
  readonly notes: readonly AuditFault[];
}

interface Chain {
  readonly chain: ChainName;
  readonly clientId: string;
  head: Head;
  pending: AuditRow[];
  /** The hash at each anchored number, as it comes by. */
  readonly wanted: Map<number, string>;
  fault: AuditFault | null;
  cut: Cut | null;
  /** Rows without a seal beyond those that are kept here. */
  beyond: number;
  lastAt: number;
  note: AuditFault | null;
}

/** No seal covers more rows: so many are kept until theirs comes. */
export const MOST_ROWS_A_SEAL = 10_000;
/** Processes and transactions may be so far apart without anything being wrong with a clock. */
const CLOCK_MS = 60_000;

export interface AuditCheck {
  take(record: AuditRecord): void;
  verdict(): AuditVerdict;
}

export function createCheck(hash: Hash, anchors: readonly AnchoredHead[] = []): AuditCheck {
  const chains = new Map<string, Chain>();
  const told = new Set<string>();
  let rows = 0;
  let sealed = 0;
  const chainOf = ({ chain, clientId }: { readonly chain: ChainName; readonly clientId: string }): Chain => {
    const key = `${chain}\n${clientId}`;
    const known = chains.get(key);
    if (known !== undefined) return known;
    const made = emptyChain(chain, clientId, genesis(hash, chain, clientId));
    chains.set(key, made);
    return made;
  };
  for (const anchor of anchors) want(chainOf(anchor), anchor);
  return {
    take(record) {
      if (record.kind === 'row') {
        rows += takeRow(chainOf(record), record);
        if (record.chain === 'security') noteCut(told, record);
      } else if (record.kind === 'seal') sealed += takeSeal(hash, chainOf(record), record);
      else if (record.kind === 'cut') takeCut(chainOf(record), record, anchors.length > 0);
      else if (record.kind === 'passed') takePassed(chainOf(record), record.id);
    },
    verdict() {
      const all = [...chains.values()];
      for (const chain of all) chain.fault ??= cutOf(chain) ?? untoldCut(chain, chains.get(`security\n${chain.clientId}`), told);
      const unsealed = all.reduce((sum, { pending, beyond, fault }) => sum + (fault === null ? pending.length + beyond : 0), 0);
      const some = (of: (chain: Chain) => AuditFault | null): AuditFault[] => all.map(of).filter((one) => one !== null);
      const cuts = all.filter(({ cut }) => cut !== null).length;
      return { rows, sealed, unsealed, chains: all.length, anchors: anchors.length, cuts, faults: some(({ fault }) => fault), notes: some(({ note }) => note) };
    },
  };
}

const emptyChain = (chain: ChainName, clientId: string, head: Head): Chain => ({
  chain,
  clientId,
  head,
  pending: [],
  wanted: new Map(),
  fault: null,
  cut: null,
  beyond: 0,
  lastAt: 0,
  note: null,
});

const faultAt = ({ chain, clientId }: Chain, seq: number, id: number | null, why: string): AuditFault => ({ chain, clientId, seq, id, why });

function want(chain: Chain, { seq, hash }: Head): void {
  const other = chain.wanted.get(seq);
  if (other !== undefined && other !== hash)
    chain.fault ??= faultAt(chain, seq, null, `two anchors have row ${seq} with different hashes: the chain was made anew`);
  chain.wanted.set(seq, hash);
}

function takeRow(chain: Chain, row: AuditRow): number {
  const no = chain.head.seq + chain.pending.length + chain.beyond + 1;
  if (row.id !== no) chain.fault ??= faultAt(chain, no, row.id, `the row says that it is number ${row.id}: one was taken out, put in or moved`);
  const at = Number(row.fields[0]);
  if (at < chain.lastAt - CLOCK_MS) chain.note ??= faultAt(chain, no, row.id, `the clock went back by ${chain.lastAt - at} ms`);
  chain.lastAt = at;
  if (chain.pending.length < MOST_ROWS_A_SEAL) chain.pending.push(row);
  else chain.beyond += 1;
  return 1;
}

function takeCut(chain: Chain, cut: Cut, isAnchored: boolean): void {
  if (chain.cut !== null && cut.seq <= chain.cut.seq) return;
  chain.cut = cut;
  if (cut.seq <= chain.head.seq) return;
  chain.head = { seq: cut.seq, hash: cut.hash };
  chain.pending = chain.pending.filter(({ id }) => id > cut.lastId);
  const wanted = chain.wanted.get(cut.seq);
  if (wanted === undefined ? isAnchored : wanted !== cut.hash)
    chain.fault ??= faultAt(
      chain,
      cut.seq + 1,
      null,
      wanted === undefined ? 'the chain begins at a cut that no anchor has' : 'the cut is not what was anchored',
    );
  for (const seq of chain.wanted.keys()) if (seq <= cut.seq) chain.wanted.delete(seq);
}

const cutKey = (clientId: string, chain: string, seq: unknown, hash: unknown): string => `${clientId}\n${chain}\n${String(seq)}\n${String(hash)}`;

/** Retention puts each cut on record in the chain of security. */
function noteCut(told: Set<string>, { clientId, fields }: AuditRow): void {
  const [, , action, chain, , details] = fields;
  if (action !== 'audit.cut' || typeof details !== 'string') return;
  try {
    const { seq, hash } = JSON.parse(details) as { readonly seq?: unknown; readonly hash?: unknown };
    told.add(cutKey(clientId, String(chain), seq, hash));
  } catch {
    // What is no record of a cut explains none.
  }
}

/** A cut that is not on record, unless the record itself was cut since. */
function untoldCut(chain: Chain, security: Chain | undefined, told: ReadonlySet<string>): AuditFault | null {
  const { cut, clientId } = chain;
  if (cut === null || told.has(cutKey(clientId, chain.chain, cut.seq, cut.hash))) return null;
  if (chain.chain !== 'security' && (security?.cut?.atUtc ?? 0) > cut.atUtc) return null;
  return faultAt(chain, cut.seq + 1, null, 'the cut is not on record in the chain of security');
}

/** Closes the segment that is pending; how many rows are proven by it. */
function takeSeal(hash: Hash, chain: Chain, seal: Seal): number {
  const segment = chain.pending;
  const { beyond } = chain;
  chain.pending = [];
  chain.beyond = 0;
  if (chain.fault !== null) return 0;
  if (beyond > 0) {
    chain.fault = faultAt(chain, chain.head.seq + 1, segment[0]?.id ?? null, `more than ${MOST_ROWS_A_SEAL} rows have no seal of their own: one was taken out`);
    return 0;
  }
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
