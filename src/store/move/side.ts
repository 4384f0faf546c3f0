// The port of a move: what an engine must do, as the owner of its database, to be moved from and to be moved to.
import type { MovedRow, Value } from './columns.ts';
import type { EngineName, MovedTable } from './moved-table.ts';

/** Written into `meta` of both sides before anything happens, so that whoever looks sees what is under way. */
export interface Marker {
  readonly id: string;
  readonly role: 'from' | 'to';
  /** Of a source: no claims, no writes, moved. Of a target: filling, compared. */
  readonly state: 'draining' | 'moving' | 'moved' | 'loading' | 'verified';
  /** The other side, without what opens it. */
  readonly other: string;
  /** When the source took no more writes. */
  readonly frozenAtUtc: number | null;
}

/** How far a target is: the rows of every table before `table` are there, and of it those up to `after`. */
export interface Reached {
  readonly table: string;
  readonly after: readonly Value[] | null;
}

export interface StatusCount {
  readonly clientId: string;
  readonly status: string;
  readonly count: number;
}

export interface MoveSide {
  readonly engine: EngineName;
  /** As people are told of it: no password. */
  readonly name: string;
  now(): Promise<number>;
  close(): Promise<void>;
  setting(key: string): Promise<string | null>;
  marker(): Promise<Marker | null>;
  /** Rows after a key, in the order of the key, for a target of that engine; a bounded part of them at a time. */
  rows(table: MovedTable, target: EngineName, after: readonly Value[] | null): AsyncIterable<readonly MovedRow[]>;
  /** Before all of it is read: what makes that quick. */
  prepareReads(): Promise<void>;
  rowCount(table: MovedTable): Promise<number>;
  statusCounts(): Promise<readonly StatusCount[]>;
}

export interface MoveSource extends MoveSide {
  /** Null where it can be moved; else why not. */
  unfit(): Promise<string | null>;
  /** Refuses claims, all writes, or (moved) for good, in one transaction with the marker. Null opens it again. */
  hold(marker: Marker | null): Promise<void>;
  /** Leases that have not run out. */
  running(nowUtc: number): Promise<number>;
  /** After the last write: what is still to be put in order. Again it changes nothing. */
  settle(): Promise<void>;
}

export interface MoveTarget extends MoveSide {
  /** Null where it is empty, or the target of this move; else why not. Changes nothing. */
  taken(): Promise<string | null>;
  /** The schema, and that nobody else writes. */
  prepare(marker: Marker): Promise<void>;
  reached(): Promise<Reached | null>;
  /** Rows and how far it is, in one transaction. */
  load(table: MovedTable, rows: readonly MovedRow[], reached: Reached): Promise<void>;
  /** Once everything is loaded. */
  loaded(marker: Marker): Promise<void>;
  /** Opens it: the epoch is raised, leases get the time that they lost, the report is kept. */
  open(opening: Opening): Promise<void>;
  /** Takes everything away again. */
  clear(): Promise<void>;
}

export interface Opening {
  readonly epoch: number;
  readonly leasesByMs: number;
  readonly movedFrom: string;
}
