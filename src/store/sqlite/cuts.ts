// Anchors and the retention of the audit: which heads no anchor has, and bounded steps that take what is behind a cut, seal by seal.
// A chain is cut at an anchored point only, its last seal always stays, and the cut is on record in the same transaction.
import { CHAINS } from '../../domain/audit-chain.ts';
import type { ChainName } from '../../domain/audit-chain.ts';
import type { NextAnchor } from '../../domain/audit-anchor.ts';
import type { Cut } from '../../domain/audit-check.ts';
import { CUT_EVERY_MS } from '../audit.ts';
import type { AuditRetention, CutReport, StoreScope } from '../store.ts';
import type { Engine } from './engine.ts';
import type { Reader } from './reads.ts';
import { security } from './registry.ts';
import type { Statements } from './statements.ts';

export function readNextAnchor(reader: Reader, most: number): NextAnchor {
  reader.wall.bind({ clients: '*' });
  const [n, prev] = reader.st.row('anchor_last') as unknown as [number, string];
  const heads = reader.st.rows('anchor_open', { most }) as unknown as [ChainName, string, number, string][];
  return { n: n + 1, prev, heads: heads.map(([chain, clientId, seq, hash]) => ({ chain, clientId, seq, hash })) };
}

export function putAnchor({ st, wall }: Engine, { n, digest, heads }: NextAnchor & { readonly digest: string }, now: number): boolean {
  wall.bind({ clients: '*' });
  const keys = heads.map(({ chain, clientId, seq, hash }) => ({ client_id: clientId, chain, seq, hash }));
  // Who could skip numbers could use them up.
  const [last] = st.row('anchor_last') as unknown as [number];
  if (n > last + 1 || !keys.every((key) => st.row('anchor_on_chain', key) !== undefined)) return false;
  for (const key of keys) st.run('anchor_insert', { ...key, n, now });
  st.run('anchor_done', { n, digest });
  return true;
}

export function readCuts(reader: Reader, scope: StoreScope): readonly Cut[] {
  reader.wall.bind({ clients: scope.clients });
  return cutsIn(reader.st);
}

const cutsIn = (st: Statements): Cut[] =>
  (st.rows('cuts_last') as unknown as [ChainName, string, number, string, number, number][]).map(([chain, clientId, seq, hash, lastId, atUtc]) => ({
    chain,
    clientId,
    seq,
    hash,
    lastId,
    atUtc,
  }));

export function readRetention({ st, wall }: Pick<Reader, 'st' | 'wall'>): readonly AuditRetention[] {
  wall.bind({ clients: '*' });
  return (st.rows('retention_list') as unknown as [string, number | null][]).map(([clientId, keepMs]) => ({ clientId, keepMs }));
}

export function putRetention(engine: Engine, scope: StoreScope, { clientId, keepMs }: AuditRetention): boolean {
  const { st, wall } = engine;
  wall.bind({ clients: '*' });
  if (clientId !== '' && st.row('retention_client', { client_id: clientId }) === undefined) return false;
  st.run('retention_drop', { client_id: clientId });
  st.run('retention_put', { client_id: clientId, keep_ms: keepMs });
  const details = JSON.stringify({ keep_ms: keepMs });
  security(engine, { actor: scope.actor, action: 'audit.retain', clientId: clientId === '' ? null : clientId, object: clientId, outcome: 'done', details });
  return true;
}

/** One step: cuts that are due, then up to about `most` rows behind cuts. */
export function cutAudit(engine: Engine, now: number, keepMs: number | null, most: number): CutReport {
  engine.wall.bind({ clients: '*' });
  const known = new Map(cutsIn(engine.st).map((cut) => [`${cut.chain}\n${cut.clientId}`, cut]));
  const fresh = dueCuts(engine, known, now, keepMs);
  for (const cut of fresh) {
    putCut(engine, cut);
    known.set(`${cut.chain}\n${cut.clientId}`, cut);
  }
  let rows = 0;
  for (const cut of known.values()) {
    while (rows < most) {
      const gone = sweepSeal(engine.st, cut);
      if (gone === null) break;
      rows += gone;
    }
  }
  return { rows, cuts: fresh.length, more: rows >= most };
}

function dueCuts({ st }: Engine, known: ReadonlyMap<string, Cut>, now: number, keepMs: number | null): Cut[] {
  const own = new Map(readRows(st));
  const heads = keepMs === null && own.size === 0 ? [] : (st.rows('audit_heads') as unknown as [ChainName, string][]);
  // The chain of security first: the record of a cut is younger than what is cut with it.
  const ordered = heads.toSorted(([a], [b]) => CHAINS.indexOf(b) - CHAINS.indexOf(a));
  return ordered.flatMap(([chain, clientId]) => {
    const keep = own.has(clientId) ? (own.get(clientId) as number | null) : keepMs;
    const last = known.get(`${chain}\n${clientId}`);
    if (keep === null || (last !== undefined && now - last.atUtc < CUT_EVERY_MS)) return [];
    const point = st.row('cut_point', { client_id: clientId, chain, before: now - keep, after: last?.seq ?? 0 });
    return point === undefined
      ? []
      : [{ chain, clientId, seq: point[0] as number, hash: point[1] as string, lastId: point[2] as number, atUtc: now } satisfies Cut];
  });
}

const readRows = (st: Statements): [string, number | null][] => st.rows('retention_list') as unknown as [string, number | null][];

function putCut(engine: Engine, { chain, clientId, seq, hash, lastId, atUtc }: Cut): void {
  engine.st.run('cut_put', { client_id: clientId, chain, seq, hash, last_id: lastId, now: atUtc });
  const details = JSON.stringify({ seq, hash, last_id: lastId });
  security(engine, { actor: 'system', action: 'audit.cut', clientId: clientId === '' ? null : clientId, object: chain, outcome: 'done', details });
}

function dropTombstones(st: Statements, clientId: string, taskNos: string): void {
  st.run('cut_edges_drop', { client_id: clientId, task_nos: taskNos });
  st.run('cut_tombstones_drop', { task_nos: taskNos });
}

/** The oldest seal behind the cut goes with its rows; how many, or null when there is none. */
function sweepSeal(st: Statements, { chain, clientId, seq }: Cut): number | null {
  const key = { client_id: clientId, chain };
  const seal = st.row('cut_seal', { ...key, seq });
  if (seal === undefined) return null;
  const [sealSeq, , first, last] = seal as unknown as [number, number, number, number];
  const stretch = { client_id: clientId, first, last };
  let rows: number;
  if (chain === 'tasks') {
    const task_nos = JSON.stringify(st.rows('cut_tasks', stretch).map(([taskNo]) => taskNo));
    rows = st.run('cut_task_events', stretch);
    const empty = st.rows('cut_tombstones', { task_nos }).map(([taskNo]) => taskNo);
    if (empty.length > 0) dropTombstones(st, clientId, JSON.stringify(empty));
  } else rows = st.run('cut_security_events', stretch);
  st.run('cut_seal_drop', { ...key, seq: sealSeq });
  st.run('cut_anchors_drop', { ...key, seq: sealSeq });
  return Math.max(rows, 1);
}
