// The sealer and the readers of the audit. Rows get their order in the database once nothing can come between; hashing is done here,
// and seals are kept only when nobody was faster.
import { hash as digestOf } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CHAINS, genesis, sealRows } from '../../domain/audit-chain.ts';
import { sealOf } from '../rows.ts';
import type { AuditRow, ChainName, Hash, Head, Seal } from '../../domain/audit-chain.ts';
import type { AnchoredHead } from '../../domain/audit-check.ts';
import { refuse, unwrap } from '../../domain/errors.ts';
import { mergeNewest, trailRowOf } from '../pages.ts';
import type { AuditPage, Store, StorePage, StoreScope, TrailFilter, TrailRow } from '../store.ts';
import { SYSTEM, actingOf } from './acting.ts';
import type { Acting } from './context.ts';
import type { Engine } from './engine.ts';
import type { Pool, Row } from './pool.ts';
import type { Params } from './statements.ts';

const sha256: Hash = (text) => digestOf('sha256', text, 'hex');
const LAST = Number.MAX_SAFE_INTEGER;
/** Rows that one step brings into order: beyond that many it goes on in another. */
const NUMBERED_A_STEP = 50_000;
const HASHED_A_TURN = 500;

/** Brings what was committed into order. All callers of a moment share a step, one that began after they asked. */
export function createNumbering(admin: Pool): () => Promise<void> {
  let under: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const step = async (): Promise<void> => {
    while (((await admin.row('audit_number', SYSTEM, { most: NUMBERED_A_STEP }))?.[0] as number) >= NUMBERED_A_STEP);
  };
  const start = (): Promise<void> => {
    next = undefined;
    under = step().finally(() => (under = undefined));
    return under;
  };
  return () => (under === undefined ? start() : (next ??= under.then(start, start)));
}

export const auditOperations = (engine: Engine): Pick<Store, 'seal' | 'audit' | 'auditHeads' | 'trail'> => ({
  seal: createSealer(engine),
  audit: (scope, chain, after, most) => readAudit(engine, scope, chain, after, most),
  auditHeads: (scope) => headsOf(engine, actingOf(scope)),
  trail: (scope, filter) => readTrail(engine, scope, filter),
});

async function stretch(engine: Engine, acting: Acting, chain: ChainName, params: Params): Promise<Row[]> {
  const whole = { after: 0, before: LAST, newest: false, client_id: null, actor: null, action: null, object: null, since: 0, until: LAST };
  return engine.pools.admin.run('audit_rows', acting, { ...whole, chain, ...params });
}

/** The values of a row in the order of AUDIT_COLUMNS. */
const auditRowOf =
  (chain: ChainName) =>
  ([id, , clientId, atUtc, taskId, actor, action, object, outcome, from, to, attempt, details]: Row): AuditRow => ({
    chain,
    id: id as number,
    clientId: clientId as string,
    fields: (chain === 'tasks'
      ? [atUtc, taskId, action, from, to, actor, attempt, details]
      : [atUtc, actor, action, object, outcome, details]) as AuditRow['fields'],
  });

/** Of many processes one is ahead of the others: these look whether it goes on, instead of ordering and hashing the same. */
function createSealer(engine: Engine): Store['seal'] {
  let isBehind = false;
  let before: string | undefined;
  const places = async (): Promise<string> => JSON.stringify(await Promise.all(CHAINS.map((chain) => engine.pools.admin.row('sealed_to', SYSTEM, { chain }))));
  return async (most, { patient = false } = {}) => {
    if (patient && isBehind) {
      const now = await places();
      const goesOn = before !== now;
      before = now;
      if (goesOn) return 0;
    }
    const { sealed, lost } = await seal(engine, most);
    if (lost || sealed > 0) isBehind = lost;
    return sealed;
  };
}

/** `lost`: somebody was faster. */
async function seal(engine: Engine, most: number): Promise<{ readonly sealed: number; readonly lost: boolean }> {
  const { admin } = engine.pools;
  await engine.number();
  let sealed = 0;
  let lost = false;
  for (const chain of CHAINS) {
    const after = (await admin.row('sealed_to', SYSTEM, { chain }))?.[0] as number;
    const rows = most > sealed ? (await stretch(engine, SYSTEM, chain, { after, most: most - sealed })).map(auditRowOf(chain)) : [];
    const last = rows.at(-1)?.id;
    if (last === undefined) continue;
    // After the place: who sealed in between is found out when the seals are put.
    const at = engine.now();
    const groups = Map.groupBy(rows, (row) => row.clientId);
    const heads = await headsIn(engine, chain, [...groups.keys()]);
    const seals: Seal[] = [];
    let hashed = 0;
    for (const [clientId, own] of groups) {
      seals.push(sealRows(sha256, heads.get(clientId) ?? genesis(sha256, chain, clientId), own, at));
      hashed += own.length;
      // Others have their turn of the event loop: nobody waits for more than these.
      if (hashed > HASHED_A_TURN) {
        hashed = 0;
        await setImmediate();
      }
    }
    const kept = (await admin.row('sealed_put', SYSTEM, { chain, after, last, seals: JSON.stringify(seals.map(columnsOf)) }))?.[0] === true;
    if (kept) sealed += rows.length;
    else lost = true;
  }
  return { sealed, lost };
}

/** So many clients are named one by one. */
const FEW = 200;

/** Of these clients; the chain of no client is always among them, since an empty name alone would be no name. */
async function headsIn(engine: Engine, chain: ChainName, clients: readonly string[]): Promise<ReadonlyMap<string, Head>> {
  const heads = await headsOf(engine, clients.length > FEW ? SYSTEM : { ...SYSTEM, clients: [...clients, ''] });
  return new Map(heads.filter((head) => head.chain === chain).map((head) => [head.clientId, head]));
}

const columnsOf = (one: Seal): Readonly<Record<string, unknown>> => ({
  chain: one.chain,
  client_id: one.clientId,
  seq: one.seq,
  rows: one.rows,
  first_id: one.firstId,
  last_id: one.lastId,
  prev_hash: one.prevHash,
  hash: one.hash,
  marks: one.marks,
  at_utc: one.atUtc,
});

async function readAudit(engine: Engine, scope: StoreScope, chain: ChainName, after: number, most: number): Promise<AuditPage> {
  const { admin } = engine.pools;
  const acting = actingOf(scope);
  await engine.number();
  // Before the rows: what is sealed while they are read must not look as if it had been passed over.
  const passed = (await admin.row('sealed_to', acting, { chain }))?.[0] as number;
  const rows = (await stretch(engine, acting, chain, { after, most })).map(auditRowOf(chain));
  const last = rows.at(-1)?.id;
  const isEnd = rows.length < most;
  const until = isEnd || last === undefined ? LAST : last;
  const seals = (await admin.run('seals_after', acting, { chain, after, until })).map(sealOf);
  return {
    rows,
    seals: isEnd && last !== undefined ? seals.filter((one) => one.lastId <= Math.max(last, passed)) : seals,
    next: isEnd ? null : (last as number),
    passed,
  };
}

async function headsOf(engine: Engine, acting: Acting): Promise<AnchoredHead[]> {
  return (await engine.pools.admin.run('audit_heads', acting)).map(([chain, clientId, seq, hash]) => ({
    chain: chain as ChainName,
    clientId: clientId as string,
    seq: seq as number,
    hash: hash as string,
  }));
}

/** Newest first, from both chains. The cursor says how far each was read. */
async function readTrail(engine: Engine, scope: StoreScope, filter: TrailFilter): Promise<StorePage<TrailRow>> {
  const before = trailCursor(filter.cursor);
  await engine.number();
  const asked = CHAINS.filter((chain) => filter.chain === undefined || filter.chain === chain);
  const lists = await Promise.all(asked.map((chain) => trailOf(engine, scope, chain, before[chain], filter)));
  const page = mergeNewest(lists, filter.limit);
  const items = page.map(trailRowOf);
  if (lists.reduce((sum, list) => sum + list.length, 0) === page.length) return { items, nextCursor: null };
  const next = { ...before };
  for (const { chain, place } of page) next[chain] = Math.min(next[chain], place);
  return { items, nextCursor: `${next.tasks}.${next.security}` };
}

function trailCursor(cursor: string | undefined): Record<ChainName, number> {
  if (cursor === undefined) return { tasks: LAST, security: LAST };
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(cursor);
  if (match === null)
    return unwrap(refuse('invalid_input', 'the cursor is not one that an earlier page answered', { fields: [{ field: 'cursor', message: 'not a cursor' }] }));
  return { tasks: Number(match[1]), security: Number(match[2]) };
}

interface Placed extends TrailRow {
  readonly place: number;
}

async function trailOf(engine: Engine, scope: StoreScope, chain: ChainName, before: number, filter: TrailFilter): Promise<Placed[]> {
  const rows = await stretch(engine, actingOf(scope), chain, {
    before,
    most: filter.limit + 1,
    newest: true,
    client_id: filter.clientId ?? null,
    actor: filter.actor ?? null,
    action: filter.action ?? null,
    object: filter.object ?? null,
    since: filter.sinceUtc ?? 0,
    until: filter.untilUtc ?? LAST,
  });
  return rows.map(([place, id, clientId, atUtc, , actor, action, object, outcome, from, to, attempt, details]) => ({
    chain,
    place: place as number,
    id: id as number,
    atUtc: atUtc as number,
    clientId: clientId === '' ? null : (clientId as string),
    actor: actor as string,
    action: action as string,
    object: object as string | null,
    outcome: outcome as TrailRow['outcome'],
    details:
      chain === 'tasks'
        ? JSON.stringify({ from, to, attempt, details: JSON.parse((details as string | null) ?? '{}') as unknown })
        : ((details as string | null) ?? '{}'),
  }));
}
