// Tenants over cells, as a model that is the same for the same seed: who asks for how much when, where each tenant is placed, and
// what that does to the busiest cell. A cell is one PostgreSQL with the whole queue of its tenants.

export interface Scenario {
  readonly seed: number;
  readonly tasksADay: number;
  readonly tenants: number;
  /** What one cell carries, tasks a second through all of enqueue, claim and complete: from a bench of yours. */
  readonly cellRate: number;
  /** Cells are bought for this share of their rate at the busiest minute of all together. */
  readonly target: number;
  /** Exponent of the sizes: 1 is Zipf's law, 0 all alike. */
  readonly skew: number;
}

export interface Tenant {
  readonly id: string;
  /** Mean tasks a second. */
  readonly rate: number;
  /** Where its day begins, as a share of a day. */
  readonly phase: number;
  /** From when to when it sends a multiple of its mean, as shares of a day. */
  readonly burst: { readonly from: number; readonly to: number; readonly times: number } | null;
}

/**
 * `hash`: every tenant where rendezvous hashing puts it. `hash and pins`: but the heavy ones, which go to the cell with most room.
 * `pins and cuts`: and those that would take a good part of a cell by themselves are several clients. `balanced`: all to the cell
 * with most room, the heaviest first: as even as it gets, and everything moves when a cell is added.
 */
export const PLACEMENTS = ['hash', 'hash and pins', 'pins and cuts', 'balanced'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** mulberry32: enough for a model, and the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a with a finish, as a number in [0, 1). */
function hashOf(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

const DAY_S = 86_400;
/** One tenant in ten has an hour of a day in which it sends eight times its mean. */
const BURSTY = 0.1;
const BURST = { length: 1 / 24, times: 8 } as const;
/** Most tenants work by day in three regions of the world. */
const REGIONS = [0, 1 / 3, 7 / 12] as const;

export function tenantsOf({ seed, tasksADay, tenants, skew }: Scenario): readonly Tenant[] {
  const random = randomOf(seed);
  const sizes = Array.from({ length: tenants }, (_, i) => 1 / (i + 1) ** skew);
  const whole = sizes.reduce((sum, size) => sum + size, 0);
  return sizes.map((size, i) => {
    const phase = REGIONS[Math.floor(random() * REGIONS.length)] as number;
    const from = random();
    return {
      id: `t${i}`,
      rate: (tasksADay / DAY_S) * (size / whole),
      phase,
      burst: random() < BURSTY ? { from, to: from + BURST.length, times: BURST.times } : null,
    };
  });
}

/** Tasks a second at an instant, as a share of a day: a wave from 0.4 to 1.6 times the mean, and the burst. */
export function rateAt({ rate, phase, burst }: Tenant, at: number): number {
  const wave = 1 + 0.6 * Math.sin(2 * Math.PI * (at + phase));
  const isBurst = burst !== null && ((at >= burst.from && at < burst.to) || (at + 1 >= burst.from && at + 1 < burst.to));
  return rate * wave * (isBurst ? burst.times : 1);
}

/** The share of a day is cut into so many steps: five minutes. */
export const STEPS = 288;

export function peakOf(tenants: readonly Tenant[]): number {
  let peak = 0;
  for (let step = 0; step < STEPS; step++)
    peak = Math.max(
      peak,
      tenants.reduce((sum, tenant) => sum + rateAt(tenant, step / STEPS), 0),
    );
  return peak;
}

export const cellsFor = ({ cellRate, target }: Scenario, peak: number): number => Math.max(1, Math.ceil(peak / (cellRate * target)));

/** The cell with the highest score for the tenant: when a cell is added, only those go that it now scores highest for. */
export function rendezvous(id: string, cells: number): number {
  let best = 0;
  let score = -1;
  for (let cell = 0; cell < cells; cell++) {
    const one = hashOf(`${id}/${cell}`);
    if (one > score) [best, score] = [cell, one];
  }
  return best;
}

/** Heavier than this share of a cell is looked at one by one. */
const PINNED = 0.02;

/** The cell of each tenant. */
export function place(placement: Placement, tenants: readonly Tenant[], cells: number, cellRate: number): readonly number[] {
  const isFree = (tenant: Tenant): boolean => placement === 'balanced' || (placement !== 'hash' && tenant.rate > PINNED * cellRate);
  const load = Array.from({ length: cells }, () => 0);
  const where = tenants.map((tenant) => {
    if (isFree(tenant)) return -1;
    const cell = rendezvous(tenant.id, cells);
    load[cell] = (load[cell] as number) + tenant.rate;
    return cell;
  });
  const heaviest = [...tenants.keys()].filter((i) => where[i] === -1).toSorted((a, b) => (tenants[b] as Tenant).rate - (tenants[a] as Tenant).rate);
  for (const i of heaviest) {
    const cell = load.indexOf(Math.min(...load));
    where[i] = cell;
    load[cell] = (load[cell] as number) + (tenants[i] as Tenant).rate;
  }
  return where;
}

/** A tenant whose busiest five minutes take more than this share of a cell is cut. */
const CUT = 0.1;

/** Giants as several clients of their own, each of them placed by itself. */
export function cutGiants(tenants: readonly Tenant[], cellRate: number): readonly Tenant[] {
  return tenants.flatMap((tenant) => {
    const parts = Math.ceil(peakOf([tenant]) / (CUT * cellRate));
    return parts <= 1 ? [tenant] : Array.from({ length: parts }, (_, part) => ({ ...tenant, id: `${tenant.id}-${part}`, rate: tenant.rate / parts }));
  });
}

export interface Day {
  /** The busiest five minutes of the busiest cell, as a share of its rate. */
  readonly hottest: number;
  /** The mean of the cells over their busiest five minutes. */
  readonly meanPeak: number;
  /** Tasks that waited longer than a minute because their cell was full, as a share of all. */
  readonly late: number;
  /** The longest such wait, seconds. */
  readonly longestWaitS: number;
}

/** One day, cell by cell: what comes beyond the rate of a cell waits, and is worked off when there is room. */
export function dayOf(tenants: readonly Tenant[], where: readonly number[], cells: number, cellRate: number): Day {
  const stepS = DAY_S / STEPS;
  const backlog = Array.from({ length: cells }, () => 0);
  const peaks = Array.from({ length: cells }, () => 0);
  let [late, all, longest] = [0, 0, 0];
  for (let step = 0; step < STEPS; step++) {
    const coming = Array.from({ length: cells }, () => 0);
    for (const [i, tenant] of tenants.entries()) {
      const cell = where[i] as number;
      coming[cell] = (coming[cell] as number) + rateAt(tenant, step / STEPS);
    }
    for (const [cell, rate] of coming.entries()) {
      peaks[cell] = Math.max(peaks[cell] as number, rate / cellRate);
      backlog[cell] = Math.max(0, (backlog[cell] as number) + (rate - cellRate) * stepS);
      const waitS = (backlog[cell] as number) / cellRate;
      all += rate * stepS;
      if (waitS > 60) late += rate * stepS;
      longest = Math.max(longest, waitS);
    }
  }
  return { hottest: Math.max(...peaks), meanPeak: peaks.reduce((sum, peak) => sum + peak, 0) / cells, late: late / all, longestWaitS: longest };
}

/** How many tenants, and what share of the load, have to go elsewhere when one cell is added. */
export function movedByGrowth(
  placement: Placement,
  tenants: readonly Tenant[],
  cells: number,
  cellRate: number,
): { readonly tenants: number; readonly load: number } {
  const before = place(placement, tenants, cells, cellRate);
  const after = placement === 'balanced' ? place(placement, tenants, cells + 1, cellRate) : grown(placement, tenants, before, cells, cellRate);
  const gone = tenants.filter((_, i) => before[i] !== after[i]);
  const whole = tenants.reduce((sum, { rate }) => sum + rate, 0);
  return { tenants: gone.length, load: gone.reduce((sum, { rate }) => sum + rate, 0) / whole };
}

/** What is hashed goes where it is hashed to now; what is pinned stays, but for as much as fills the new cell to the mean. */
function grown(placement: Placement, tenants: readonly Tenant[], before: readonly number[], cells: number, cellRate: number): readonly number[] {
  const isPinned = (tenant: Tenant): boolean => placement !== 'hash' && tenant.rate > PINNED * cellRate;
  const after = tenants.map((tenant, i) => (isPinned(tenant) ? (before[i] as number) : rendezvous(tenant.id, cells + 1)));
  const load = Array.from({ length: cells + 1 }, () => 0);
  for (const [i, { rate }] of tenants.entries()) load[after[i] as number] = (load[after[i] as number] as number) + rate;
  const mean = load.reduce((sum, one) => sum + one, 0) / load.length;
  const pins = [...tenants.keys()]
    .filter((i) => isPinned(tenants[i] as Tenant))
    .toSorted((a, b) => (load[before[b] as number] as number) - (load[before[a] as number] as number));
  for (const i of pins) {
    const { rate } = tenants[i] as Tenant;
    if ((load[cells] as number) + rate > mean || (load[before[i] as number] as number) <= mean) continue;
    load[before[i] as number] = (load[before[i] as number] as number) - rate;
    load[cells] = (load[cells] as number) + rate;
    after[i] = cells;
  }
  return after;
}

/** Seconds until a cell that was away for `downS` at its busiest has worked off what came meanwhile. */
export const recoveryS = (load: number, downS: number): number => (load >= 1 ? Number.POSITIVE_INFINITY : (load * downS) / (1 - load));
