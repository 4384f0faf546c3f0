// A move from its beginning to its end, in steps that are each written down on one of the sides before the next begins: stopped
// anywhere, the same call goes on. At no time do both sides take writes.
import { QueueError } from '../../domain/errors.ts';
import { compareStores } from './compare.ts';
import type { Comparison, ComparisonParts } from './compare.ts';
import { fieldsOf, placesOf } from './columns.ts';
import type { MovedRow, Value } from './columns.ts';
import type { Marker, MoveSource, MoveTarget } from './side.ts';
import { MOVED } from './tables.ts';
import type { MovedTable } from './moved-table.ts';

export interface MoveOptions {
  /** `drain` lets running tasks end first, for at most `drainMs`; what still runs then is carried, as `carry` does with all. */
  readonly leases: 'drain' | 'carry';
  readonly drainMs: number;
  readonly newId: () => string;
  readonly pause: (ms: number) => Promise<void>;
  /** Waited for, but in the comparison. */
  readonly told: (step: MoveStep) => void | Promise<void>;
}

export interface MoveStep {
  /** `hold`: the source takes no writes. `close`: the two are alike. `open`: the source is closed, the target not open yet. */
  readonly step: 'drain' | 'hold' | 'load' | 'compare' | 'close' | 'open';
  /** What is worked on: a table, or how many leases are waited for. */
  readonly note: string;
  readonly done: number;
  readonly total: number;
}

export interface MoveReport extends Comparison {
  readonly from: string;
  readonly to: string;
  /** Another call had begun it. */
  readonly resumed: boolean;
  /** Tasks that ran, whose leases went along. */
  readonly leases: number;
  readonly restoreEpoch: number;
  /** From when the source took no writes until the target did. */
  readonly heldMs: number;
}

export interface MovePlan {
  readonly from: string;
  readonly to: string;
  readonly obstacles: readonly string[];
  readonly leases: number;
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  readonly underWay: boolean;
}

const LOOK_MS = 200;

const refused = (message: string): QueueError => new QueueError('store_refused', message);

/** What would be done; changes nothing. */
export async function planMove(from: MoveSource, to: MoveTarget): Promise<MovePlan> {
  const marker = await from.marker();
  const unfit = await from.unfit();
  const obstacles = [unfit, await to.taken(), await foreignTo(from, to)].filter((one) => one !== null);
  const tables = unfit === null ? await countAll(from) : [];
  const leases = unfit === null ? await from.running(await from.now()) : 0;
  return { from: from.name, to: to.name, obstacles, leases, tables, underWay: marker !== null };
}

async function countAll(from: MoveSource): Promise<{ name: string; rows: number }[]> {
  const tables: { name: string; rows: number }[] = [];
  for (const table of MOVED) tables.push({ name: table.name, rows: await from.rowCount(table) });
  return tables;
}

/** Null where the two belong together, or neither is in a move. */
async function foreignTo(from: MoveSource, to: MoveTarget): Promise<string | null> {
  const [left, right] = [await from.marker(), await to.marker()];
  if (left?.role === 'to') return `${from.name} is itself being filled from ${left.other}`;
  if (right?.role === 'from') return `${to.name} is being moved to ${right.other}, or was`;
  if (right !== null && right.id !== left?.id) return `${to.name} is being filled from ${right.other}`;
  if (left !== null && right === null && left.other !== to.name) return `${from.name} is being moved to ${left.other}, or was: give the same place, or undo`;
  return null;
}

/** @throws QueueError `store_refused` when one of the two can not be, or is in another move */
export async function runMove(from: MoveSource, to: MoveTarget, options: MoveOptions, parts: Omit<ComparisonParts, 'step'>): Promise<MoveReport> {
  const before = await from.marker();
  if (before?.state === 'moved' && (await to.marker()) === null) return reportBefore(to, before);
  for (const obstacle of [await from.unfit(), await to.taken(), await foreignTo(from, to)]) if (obstacle !== null) throw refused(obstacle);
  const marker = await holdSource(from, to, before, options);
  await options.told({ step: 'hold', note: '', done: 0, total: 0 });
  const target: Marker = { ...marker, role: 'to', state: 'loading', other: from.name };
  const leases = await from.running(marker.frozenAtUtc as number);
  const epoch = Number((await from.setting('restore_epoch')) ?? 0) + 1;
  await to.prepare((await to.marker())?.state === 'verified' ? { ...target, state: 'verified' } : target);
  await from.prepareReads();
  await loadAll(from, to, options);
  await to.prepareReads();
  const tables = await countAll(from);
  const total = tables.reduce((sum, { rows }) => sum + rows, 0);
  const passed = (name: string): number =>
    tables
      .slice(
        0,
        tables.findIndex((table) => table.name === name),
      )
      .reduce((sum, { rows }) => sum + rows, 0);
  const comparison = await compareStores(from, to, {
    ...parts,
    step: (name, rows) => void options.told({ step: 'compare', note: name, done: passed(name) + rows, total }),
  });
  const heldMs = Math.max(0, (await from.now()) - (marker.frozenAtUtc as number));
  const report = { from: from.name, to: to.name, resumed: before !== null, leases, restoreEpoch: epoch, heldMs, ...comparison };
  if (!comparison.equal) return report;
  await to.loaded({ ...target, state: 'verified' });
  await options.told({ step: 'close', note: '', done: total, total });
  await from.hold({ ...marker, state: 'moved' });
  await options.told({ step: 'open', note: '', done: total, total });
  await to.open({ epoch, leasesByMs: heldMs, movedFrom: JSON.stringify({ id: marker.id, report }) });
  return report;
}

/** The move had ended; only its report was not read. */
async function reportBefore(to: MoveTarget, { id, other }: Marker): Promise<MoveReport> {
  const kept = JSON.parse((await to.setting('moved_from')) ?? 'null') as { readonly id: string; readonly report: MoveReport } | null;
  if (kept?.id !== id) throw new QueueError('store_moved', `the queue has moved to ${other}: to move it again, move it from there`);
  return { ...kept.report, resumed: true };
}

async function holdSource(from: MoveSource, to: MoveTarget, before: Marker | null, options: MoveOptions): Promise<Marker> {
  if (before !== null && before.state !== 'draining') {
    // Again: this session must be let through where nobody else is.
    await from.hold(before);
    await from.settle();
    return before;
  }
  const marker: Marker = { id: before?.id ?? options.newId(), role: 'from', state: 'draining', other: to.name, frozenAtUtc: null };
  if (options.leases === 'drain') {
    await from.hold(marker);
    await drain(from, options);
  }
  const frozen: Marker = { ...marker, state: 'moving', frozenAtUtc: await from.now() };
  await from.hold(frozen);
  await from.settle();
  return frozen;
}

async function drain(from: MoveSource, { drainMs, pause, told }: MoveOptions): Promise<void> {
  const until = (await from.now()) + drainMs;
  for (;;) {
    const now = await from.now();
    const running = await from.running(now);
    if (running === 0 || now >= until) return;
    await told({ step: 'drain', note: `${running} running`, done: 0, total: running });
    await pause(Math.min(LOOK_MS, until - now));
  }
}

async function loadAll(from: MoveSource, to: MoveTarget, { told }: MoveOptions): Promise<void> {
  const reached = await to.reached();
  const begin = reached === null ? 0 : MOVED.findIndex(({ name }) => name === reached.table);
  const tables = await countAll(from);
  const total = tables.reduce((sum, { rows }) => sum + rows, 0);
  let done = tables.slice(0, begin).reduce((sum, { rows }) => sum + rows, 0);
  if (reached !== null) done += await to.rowCount(MOVED[begin] as MovedTable);
  for (const [i, table] of MOVED.entries()) {
    if (i < begin) continue;
    const last = keyOf(table, to);
    for await (const rows of from.rows(table, to.engine, i === begin ? (reached?.after ?? null) : null)) {
      await to.load(table, rows, { table: table.name, after: last(rows.at(-1) as MovedRow) });
      done += rows.length;
      await told({ step: 'load', note: table.name, done, total });
    }
  }
}

function keyOf(table: MovedTable, to: MoveTarget): (row: MovedRow) => readonly Value[] {
  const places = placesOf(table, fieldsOf(table, to.engine));
  return (row) => places.map((at) => row[at] ?? null);
}

/** Opens the source again and empties the target, as long as the target was not opened. */
export async function undoMove(from: MoveSource, to: MoveTarget): Promise<void> {
  const [left, right] = [await from.marker(), await to.marker()];
  if (left === null || left.role !== 'from') throw refused(`${from.name} is in no move`);
  if (right !== null && (right.role !== 'to' || right.id !== left.id)) throw refused(`${to.name} is in another move`);
  if (left.state === 'moved' && right === null)
    throw refused(`the queue has moved to ${left.other} and works there: move it back from there, into a new place`);
  if (right !== null) await to.clear();
  await from.hold(null);
}
