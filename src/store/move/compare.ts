// The end of a move: both sides are read again, in the same order, row beside row. What differs is named, and the chains of the audit
// are reckoned anew from what stands in the target. Memory is bounded by a batch of each side.
import { createCheck } from '../../domain/audit-check.ts';
import type { AuditVerdict, Cut } from '../../domain/audit-check.ts';
import { AUDIT_COLUMNS, CHAINS } from '../../domain/audit-chain.ts';
import type { AuditRow, ChainName, Hash, Seal } from '../../domain/audit-chain.ts';
import { compareKeys, comparer, fieldsOf } from './columns.ts';
import type { MovedRow, Value } from './columns.ts';
import type { MoveSide, StatusCount } from './side.ts';
import { MOVED } from './tables.ts';
import type { EngineName, MovedTable } from './moved-table.ts';

export interface Digest {
  add(text: string): void;
  hex(): string;
}

export interface TableComparison {
  readonly name: string;
  readonly rows: { readonly from: number; readonly to: number };
  readonly digest: { readonly from: string; readonly to: string };
  /** Rows that hang on nothing, a task or a lane that is not there, on either side: they can not be carried. */
  readonly orphans: number;
  /** How many rows differ, are missing or are too many; the first of them by key. */
  readonly differing: number;
  readonly examples: readonly { readonly key: readonly Value[]; readonly why: 'changed' | 'missing' | 'added' }[];
}

export interface Comparison {
  readonly equal: boolean;
  readonly tables: readonly TableComparison[];
  readonly clients: readonly { readonly clientId: string; readonly status: string; readonly from: number; readonly to: number }[];
  readonly audit: AuditVerdict;
}

const EXAMPLES = 10;

export interface ComparisonParts {
  readonly newDigest: () => Digest;
  readonly hash: Hash;
  readonly step: (name: string, rows: number) => void;
}

export async function compareStores(from: MoveSide, to: MoveSide, parts: ComparisonParts): Promise<Comparison> {
  const tables: TableComparison[] = [];
  for (const table of MOVED) tables.push(await compareTable(table, from, to, parts));
  const clients = sideBySide(await from.statusCounts(), await to.statusCounts());
  const audit = await auditOf(to, parts.hash);
  const equal = tables.every(({ differing, orphans }) => differing + orphans === 0) && clients.every((row) => row.from === row.to) && audit.faults.length === 0;
  return { equal, tables, clients, audit };
}

async function compareTable(table: MovedTable, from: MoveSide, to: MoveSide, { newDigest, step }: ComparisonParts): Promise<TableComparison> {
  const { key, text } = comparer(table, to.engine);
  const left = cursorOf(from, table, to.engine);
  const right = cursorOf(to, table, to.engine);
  const digests = [newDigest(), newDigest()] as const;
  const rows = { from: 0, to: 0 };
  const examples: TableComparison['examples'][number][] = [];
  let differing = 0;
  const differ = (row: MovedRow, why: 'changed' | 'missing' | 'added'): void => {
    differing += 1;
    if (examples.length < EXAMPLES) examples.push({ key: key(row), why });
  };
  let [a, b] = [await left.next(), await right.next()];
  while (a !== null || b !== null) {
    const order = a === null ? 1 : b === null ? -1 : compareKeys(key(a), key(b));
    const [textA, textB] = [order <= 0 ? text(a as MovedRow) : null, order >= 0 ? text(b as MovedRow) : null];
    if (textA !== null) {
      digests[0].add(textA);
      rows.from += 1;
    }
    if (textB !== null) {
      digests[1].add(textB);
      rows.to += 1;
    }
    if (order < 0) differ(a as MovedRow, 'missing');
    else if (order > 0) differ(b as MovedRow, 'added');
    else if (textA !== textB) differ(a as MovedRow, 'changed');
    if (order <= 0) a = await left.next();
    if (order >= 0) b = await right.next();
    if ((rows.from & 1023) === 0) step(table.name, rows.from);
  }
  const orphans = Math.abs((await from.rowCount(table)) - rows.from) + Math.abs((await to.rowCount(table)) - rows.to);
  return { name: table.name, rows, orphans, digest: { from: digests[0].hex(), to: digests[1].hex() }, differing, examples };
}

/** One row after the other; the batches of the side behind it. */
function cursorOf(side: MoveSide, table: MovedTable, target: EngineName): { next(): Promise<MovedRow | null> | MovedRow | null } {
  const batches = side.rows(table, target, null)[Symbol.asyncIterator]();
  let batch: readonly MovedRow[] = [];
  let at = 0;
  const refill = async (): Promise<MovedRow | null> => {
    const next = await batches.next();
    if (next.done === true) return null;
    batch = next.value;
    at = 1;
    return batch[0] ?? refill();
  };
  return { next: () => (at < batch.length ? (batch[at++] as MovedRow) : refill()) };
}

function sideBySide(from: readonly StatusCount[], to: readonly StatusCount[]): Comparison['clients'] {
  const found = new Map<string, { clientId: string; status: string; from: number; to: number }>();
  for (const [side, counts] of [
    ['from', from],
    ['to', to],
  ] as const)
    for (const { clientId, status, count } of counts) {
      const name = `${clientId}\n${status}`;
      const row = found.get(name) ?? { clientId, status, from: 0, to: 0 };
      row[side] = count;
      found.set(name, row);
    }
  return [...found.values()];
}

const CHAIN_TABLES = { tasks: 'task_events', security: 'security_events' } as const satisfies Record<ChainName, string>;
const tableOf = (name: string): MovedTable => MOVED.find((table) => table.name === name) as MovedTable;

/** A chain as far as it was read: the number of its last row, and of the last that the sealer has passed. */
interface Walked {
  no: number;
  passed: number;
  readonly cut: Cut | null;
}

/** The rows of each chain in order with their numbers, each seal behind the last of its rows. What is behind a cut is on its way out. */
async function auditOf(side: MoveSide, hash: Hash): Promise<AuditVerdict> {
  const check = createCheck(hash);
  const cuts = await cutsOf(side);
  for (const cut of cuts.values()) check.take({ kind: 'cut', ...cut, lastId: cut.seq });
  for (const chain of CHAINS) {
    const passed = await passedOf(side, chain);
    const seals = cursorOf(side, { ...tableOf('audit_seals'), key: ['last_id', 'client_id'], only: `x.chain = '${chain}'` }, side.engine);
    const walked = new Map<string, Walked>();
    const walk = (clientId: string): Walked => {
      const cut = cuts.get(`${chain} ${clientId}`) ?? null;
      const known = walked.get(clientId) ?? { no: cut?.seq ?? 0, passed: 0, cut };
      walked.set(clientId, known);
      return known;
    };
    const takeSeal = (seal: Seal): void => {
      if (seal.seq <= (walk(seal.clientId).cut?.seq ?? 0)) return;
      check.take({ kind: 'seal', ...seal, firstId: seal.seq - seal.rows + 1, lastId: seal.seq });
    };
    let seal = await seals.next();
    const table = tableOf(CHAIN_TABLES[chain]);
    for await (const batch of side.rows(table, side.engine, null))
      for (const row of batch) {
        const one = auditRowOf(chain, table, side.engine, row);
        for (; seal !== null && sealOf(seal).lastId < one.id; seal = await seals.next()) takeSeal(sealOf(seal));
        const at = walk(one.clientId);
        if (one.id <= (at.cut?.lastId ?? 0)) continue;
        at.no += 1;
        if (one.id <= passed) at.passed = at.no;
        check.take({ kind: 'row', ...one, id: at.no });
      }
    for (; seal !== null; seal = await seals.next()) takeSeal(sealOf(seal));
    for (const [clientId, at] of walked) check.take({ kind: 'passed', chain, clientId, id: at.passed });
  }
  return check.verdict();
}

async function passedOf(side: MoveSide, chain: ChainName): Promise<number> {
  for await (const batch of side.rows(tableOf('audit_passed'), side.engine, null)) return (batch.find(([of]) => of === chain)?.[1] ?? 0) as number;
  return 0;
}

/** The last cut of each chain. */
async function cutsOf(side: MoveSide): Promise<ReadonlyMap<string, Cut>> {
  const last = new Map<string, Cut>();
  for await (const batch of side.rows(tableOf('audit_cuts'), side.engine, null))
    for (const [clientId, chain, seq, hash, lastId, atUtc] of batch)
      last.set(`${chain} ${clientId}`, { clientId, chain, seq, hash, lastId, atUtc } as unknown as Cut);
  return last;
}

function auditRowOf(chain: ChainName, table: MovedTable, engine: EngineName, row: MovedRow): AuditRow {
  const names = fieldsOf(table, engine).map(({ name }) => name);
  const value = (name: string): Value => row[names.indexOf(name)] ?? null;
  return { chain, id: value('id') as number, clientId: (value('client_id') ?? '') as string, fields: AUDIT_COLUMNS[chain].map(value) };
}

function sealOf(row: MovedRow): Seal {
  const [clientId, chain, seq, rows, firstId, lastId, prevHash, hash, marks, atUtc] = row;
  return { clientId, chain, seq, rows, firstId, lastId, prevHash, hash, marks, atUtc } as unknown as Seal;
}
