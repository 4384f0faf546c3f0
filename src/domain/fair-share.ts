// Which client is asked next: weighted start-time fair queuing, in memory. Each client has a virtual time that rises by tasks / weight;
// the smallest is asked first. Work-conserving: who has nothing drops out of the call, and a lone client gets everything.
// The state is a hint about fairness only, so it may be lost or forgotten at any time.

export interface FairCandidate {
  readonly clientId: string;
  /** Share under contention, above 0. */
  readonly weight: number;
}

export interface FairShare {
  /**
   * Asks clients in turn until `wanted` are taken or nobody has more; how many were taken. `pick` takes up to `atMost` tasks of a
   * client and answers how many it got. Candidates are distinct; the same array given again is not looked through anew.
   */
  take(candidates: readonly FairCandidate[], wanted: number, pick: (clientId: string, atMost: number) => number): number;
  /** Whom `take` would ask for how many if everybody had enough, then everybody else in order: for who has to ask in one go. Charges nothing. */
  plan(candidates: readonly FairCandidate[], wanted: number): readonly FairShareOf[];
}

export interface FairShareOf {
  readonly clientId: string;
  /** 0: only when others have less than their share. */
  readonly share: number;
}

interface Account {
  /** Virtual time: tasks taken / weight. */
  time: number;
  /** Place in the order of service, which breaks ties; who was never served comes first. */
  served: number;
  /** The call in which it last gave something, and the line-up in which it last stood. */
  gave: number;
  listed: number;
}
interface Slot {
  readonly clientId: string;
  readonly weight: number;
  readonly account: Account;
}
interface LineUp {
  readonly candidates: readonly FairCandidate[];
  /** Binary heap, the smallest virtual time on top. */
  readonly heap: Slot[];
  readonly weight: number;
}
interface Ledger {
  readonly accounts: Map<string, Account>;
  lineUp: LineUp | null;
  calls: number;
  lineUps: number;
  turns: number;
  opened: number;
  /** The largest virtual time at which anybody was served. */
  latest: number;
}

/** A call asks about this many clients: with more of them, turns are longer and come round less often, so that a call costs the same. */
const ASKED_A_CALL = 16;
/** Absent or dry for longer than this is idle. Shorter gaps are normal: each worker sees clients of its own. */
const GRACE = 64;
/** Most tasks that a client waits out because of what it got by other workers. */
const MOST_AHEAD = 1000;
/** Accounts kept beyond those in the line-up. */
const MOST_KEPT = 20_000;
const NEVER_SERVED = -(2 ** 52);

export function createFairShare(): FairShare {
  const ledger: Ledger = { accounts: new Map(), lineUp: null, calls: 0, lineUps: 0, turns: 0, opened: 0, latest: 0 };
  return { take: (candidates, wanted, pick) => take(ledger, candidates, wanted, pick), plan: (candidates, wanted) => plan(ledger, candidates, wanted) };
}

function plan(ledger: Ledger, candidates: readonly FairCandidate[], wanted: number): readonly FairShareOf[] {
  const line = ledger.lineUp?.candidates === candidates ? ledger.lineUp : lineUp(ledger, candidates);
  ledger.lineUp = line;
  // Copies, so that nobody is charged for what nobody took.
  const heap = line.heap.map((slot) => ({ ...slot, account: { ...slot.account } }));
  const shares = new Map<string, number>();
  const stretch = Math.max(1, heap.length / ASKED_A_CALL);
  let turns = ledger.turns;
  for (let left = wanted; left > 0 && heap.length > 0; ) {
    const slot = heap[0] as Slot;
    const quantum = Math.min(left, Math.max(1, Math.ceil((wanted * stretch * slot.weight) / line.weight)));
    shares.set(slot.clientId, (shares.get(slot.clientId) ?? 0) + quantum);
    slot.account.time += quantum / slot.weight;
    slot.account.served = ++turns;
    sink(heap, 0);
    left -= quantum;
  }
  const rest = heap.filter((slot) => !shares.has(slot.clientId)).sort((a, b) => (before(a, b) ? -1 : 1));
  return [...[...shares].map(([clientId, share]) => ({ clientId, share })), ...rest.map(({ clientId }) => ({ clientId, share: 0 }))];
}

function take(ledger: Ledger, candidates: readonly FairCandidate[], wanted: number, pick: (clientId: string, atMost: number) => number): number {
  ledger.calls++;
  const line = ledger.lineUp?.candidates === candidates ? ledger.lineUp : lineUp(ledger, candidates);
  // A pick that throws leaves half a line-up behind: then the next call makes a new one.
  ledger.lineUp = null;
  const dry: Slot[] = [];
  let { weight } = line;
  const stretch = Math.max(1, line.heap.length / ASKED_A_CALL);
  let left = wanted;
  let start = Number.POSITIVE_INFINITY;
  while (left > 0 && line.heap.length > 0) {
    const slot = line.heap[0] as Slot;
    const quantum = Math.min(left, Math.max(1, Math.ceil((wanted * stretch * slot.weight) / weight)));
    const got = pick(slot.clientId, quantum);
    if (got > 0) {
      start = Math.min(start, slot.account.time);
      charge(ledger, slot, got);
    }
    left -= got;
    if (got < quantum) {
      weight -= slot.weight;
      dry.push(removeFirst(line.heap));
    } else sink(line.heap, 0);
  }
  for (const slot of dry) {
    // Being idle saves nothing up: it goes along with those who are served.
    if (start < Number.POSITIVE_INFINITY && ledger.calls - slot.account.gave > GRACE) slot.account.time = Math.max(slot.account.time, start);
    add(line.heap, slot);
  }
  ledger.lineUp = line;
  return wanted - left;
}

function charge(ledger: Ledger, slot: Slot, got: number): void {
  const { account } = slot;
  ledger.latest = Math.max(ledger.latest, account.time);
  account.time += got / slot.weight;
  account.served = ++ledger.turns;
  account.gave = ledger.calls;
}

/** New and long absent clients start at the smallest virtual time of the present ones; nobody stays further ahead of it than the bound. */
function lineUp(ledger: Ledger, candidates: readonly FairCandidate[]): LineUp {
  const { accounts } = ledger;
  const now = ++ledger.lineUps;
  let base = Number.POSITIVE_INFINITY;
  for (const { clientId } of candidates) {
    const account = accounts.get(clientId);
    if (account !== undefined && now - account.listed <= GRACE) base = Math.min(base, account.time);
  }
  if (base === Number.POSITIVE_INFINITY) base = ledger.latest;
  let total = 0;
  const heap = candidates.map(({ clientId, weight }) => {
    const account = accounts.get(clientId) ?? open(ledger, clientId, base);
    if (now - account.listed > GRACE) account.time = Math.max(account.time, base);
    account.time = Math.min(account.time, base + MOST_AHEAD / weight);
    account.listed = now;
    total += weight;
    return { clientId, weight, account };
  });
  for (let i = (heap.length >>> 1) - 1; i >= 0; i--) sink(heap, i);
  if (accounts.size > candidates.length + MOST_KEPT) forget(accounts, candidates.length + MOST_KEPT / 2);
  return { candidates, heap, weight: total };
}

function open(ledger: Ledger, clientId: string, time: number): Account {
  const account: Account = { time, served: NEVER_SERVED + ++ledger.opened, gave: ledger.calls, listed: ledger.lineUps };
  ledger.accounts.set(clientId, account);
  return account;
}

/** Drops those that were away longest. */
function forget(accounts: Map<string, Account>, keep: number): void {
  const byAbsence = [...accounts].sort(([, a], [, b]) => a.listed - b.listed);
  for (const [clientId] of byAbsence.slice(0, accounts.size - keep)) accounts.delete(clientId);
}

// The heap

const before = (a: Slot, b: Slot): boolean => a.account.time < b.account.time || (a.account.time === b.account.time && a.account.served < b.account.served);

function sink(heap: Slot[], from: number): void {
  const slot = heap[from] as Slot;
  let i = from;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Slot, heap[child] as Slot)) child++;
    if (!before(heap[child] as Slot, slot)) break;
    heap[i] = heap[child] as Slot;
    i = child;
  }
  heap[i] = slot;
}

function add(heap: Slot[], slot: Slot): void {
  let i = heap.push(slot) - 1;
  while (i > 0) {
    const parent = (i - 1) >>> 1;
    if (!before(slot, heap[parent] as Slot)) break;
    heap[i] = heap[parent] as Slot;
    i = parent;
  }
  heap[i] = slot;
}

/** Takes the first out of a heap that has one. */
function removeFirst(heap: Slot[]): Slot {
  const first = heap[0] as Slot;
  const last = heap.pop() as Slot;
  if (heap.length > 0) {
    heap[0] = last;
    sink(heap, 0);
  }
  return first;
}
