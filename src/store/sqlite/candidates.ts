// Which clients a claim may ask, and for narrow workers in which lanes: those with ready work, looked up again when a claim is
// not filled by those known, when a client got work, when lanes, sets or clients changed, and every so many claims.
import type { Engine } from './engine.ts';
import { ensureLanes } from './orders.ts';
import type { Row } from './statements.ts';

/** Up to this many covered lanes a worker is narrow: its lanes are probed one by one. */
const NARROW_LANES = 256;
const CLIENTS_A_LOOK = 1024;

export interface Candidate {
  readonly clientId: string;
  readonly weight: number;
  readonly limited: boolean;
}
export type CoveredLanes = ReadonlyMap<string, readonly number[]>;
/** `lanes` is null where clients are scanned in order: for wide workers, and those that take all of each client. */
export interface Line {
  readonly clients: readonly Candidate[];
  readonly lanes: CoveredLanes | null;
}
interface Look extends Line {
  claimsLeft: number;
}

interface Covered {
  readonly lanes: CoveredLanes | null;
  /** Clients whose lanes are all covered: they are scanned in order. */
  readonly whole: readonly string[] | null;
}

export interface Candidates {
  /** As looked up lately. A client that is missing costs it a turn, never the order within a client. */
  recent(setId: number, clients: '*' | readonly string[]): Line;
  /** As it is now; null when `line` is that already. */
  fresh(line: Line | null, setId: number, clients: '*' | readonly string[]): Line | null;
  /** A client got work. */
  activated(clientId: string): void;
}

export function createCandidates(engine: Engine): Candidates {
  const looks = new Map<number, Look>();
  const covered = new Map<number, Covered>();
  let version: unknown;
  let newest: Line | null = null;
  const refresh = (): void => {
    const current = engine.st.row('lanes_version')?.[0];
    if (current === version) return;
    looks.clear();
    covered.clear();
    version = current;
  };
  const look = (setId: number, clients: '*' | readonly string[]): Line => {
    let reach = covered.get(setId);
    if (reach === undefined) covered.set(setId, (reach = reachOf(engine, setId)));
    const { lanes, whole } = reach;
    const listed = lanes === null ? wideClients(engine, whole ?? clients) : narrowClients(engine, setId);
    // A look costs a probe a client: spread it over as many claims.
    const made = { clients: listed, lanes, claimsLeft: Math.ceil(listed.length / 16) };
    looks.set(setId, made);
    newest = made;
    return made;
  };
  return {
    recent(setId, clients) {
      refresh();
      newest = null;
      const known = looks.get(setId);
      return known !== undefined && known.claimsLeft-- > 0 ? known : look(setId, clients);
    },
    fresh(line, setId, clients) {
      refresh();
      return line !== null && line === newest ? null : look(setId, clients);
    },
    activated(clientId) {
      for (const known of looks.values()) if (!known.clients.some((client) => client.clientId === clientId)) known.claimsLeft = 0;
    },
  };
}

/** Of a narrow set that takes some lanes of a client and others not, the lanes; of one that takes all of each client, those clients. */
function reachOf(engine: Engine, setId: number): Covered {
  if ((engine.st.row('covered_count', { set_id: setId, most: NARROW_LANES + 1 })?.[0] as number) > NARROW_LANES) return { lanes: null, whole: null };
  const lanes = new Map<string, number[]>();
  for (const [clientId, laneId] of engine.st.rows('covered_lanes', { set_id: setId })) {
    const mine = lanes.get(clientId as string);
    if (mine === undefined) lanes.set(clientId as string, [laneId as number]);
    else mine.push(laneId as number);
  }
  if (engine.st.row('uncovered_lane', { set_id: setId }) === undefined) return { lanes: null, whole: [...lanes.keys()] };
  ensureLanes(engine);
  return { lanes, whole: null };
}

const listed = (rows: readonly Row[]): Candidate[] =>
  rows.map(([clientId, weight, limited]) => ({ clientId: clientId as string, weight: weight as number, limited: limited === 1 }));

const narrowClients = (engine: Engine, setId: number): Candidate[] => listed(engine.st.rows('active_covered', { set_id: setId }));

const wideClients = (engine: Engine, clients: '*' | readonly string[]): Candidate[] =>
  listed(
    clients === '*' ? engine.st.rows('active_clients', { most: CLIENTS_A_LOOK }) : engine.st.rows('active_among', { client_ids: JSON.stringify(clients) }),
  );
