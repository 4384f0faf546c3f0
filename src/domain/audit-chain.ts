// The chain over the audit, as pure functions: what the bytes of a row are, how a segment of rows is sealed, and what is wrong with
// one. The form is that of docs/audit-format.md; the hash is handed in, so that every engine and an offline reader agree.

export const CHAINS = ['tasks', 'security'] as const;
export type ChainName = (typeof CHAINS)[number];
export const AUDIT_VERSION = 'prismq-audit-1';

/** SHA-256 of the UTF-8 bytes of a text, in 64 lower-case hex digits. */
export type Hash = (text: string) => string;

/** One row of the audit as its values, in the order of the columns of `AUDIT_COLUMNS`. */
export interface AuditRow {
  readonly chain: ChainName;
  /** Empty for security events of no client. */
  readonly clientId: string;
  /** Where it stands: in an engine its own order over what is read, outside the number in its chain. It is not hashed. */
  readonly id: number;
  readonly fields: readonly (string | number | null)[];
}

export const AUDIT_COLUMNS = {
  tasks: ['at_utc', 'task_id', 'event', 'from_status', 'to_status', 'actor', 'attempt', 'details'],
  security: ['at_utc', 'actor', 'action', 'object', 'outcome', 'details'],
} as const satisfies Record<ChainName, readonly string[]>;

/** Seals the rows of one client that follow each other: `seq` is the number of its last row, counted from 1 without gaps. */
export interface Seal {
  readonly chain: ChainName;
  readonly clientId: string;
  readonly seq: number;
  readonly rows: number;
  readonly firstId: number;
  readonly lastId: number;
  readonly prevHash: string;
  readonly hash: string;
  /** The first 16 hex digits of the hash after each row: they name the row that is wrong. */
  readonly marks: string;
  readonly atUtc: number;
}

/** Where a chain is: the number of its last row and the hash after it. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

const MARK = 16;

/**
 * A JSON array of strings and nulls; numbers are decimal. `no` is the number of the row in its chain, counted from 1: it tells a client
 * nothing of others, and is the same in every engine.
 */
export const canonicalRow = ({ chain, clientId, fields }: AuditRow, no: number): string =>
  JSON.stringify([AUDIT_VERSION, chain, clientId, String(no), ...fields.map((value, i) => textOf(value, i === fields.length - 1))]);

/** `details` is the last column: each database writes the same JSON in its own way. */
const textOf = (value: string | number | null, isDetails: boolean): string | null =>
  value === null ? null : isDetails && typeof value === 'string' ? canonicalJson(value) : String(value);

/** Numbers beyond these lose digits when they are read. */
const LONG_NUMBER = /\d{16}/;

/** JSON in the form of RFC 8785: no white space, keys in order. A text that is no JSON, or has a long number, stays as it is. */
function canonicalJson(text: string): string {
  if (LONG_NUMBER.test(text)) return text;
  try {
    return ordered(JSON.parse(text));
  } catch {
    return text;
  }
}

function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${ordered(member)}`).join(',')}}`;
}

export const genesis = (hash: Hash, chain: ChainName, clientId: string): Head => ({ seq: 0, hash: hash(JSON.stringify([AUDIT_VERSION, chain, clientId])) });

/** `rows` are of one chain and client, in their order, at least one. */
export function sealRows(hash: Hash, head: Head, rows: readonly AuditRow[], atUtc: number): Seal {
  const first = rows[0] as AuditRow;
  let current = head.hash;
  let marks = '';
  for (const [i, row] of rows.entries()) {
    current = hash(current + canonicalRow(row, head.seq + 1 + i));
    marks += current.slice(0, MARK);
  }
  return {
    chain: first.chain,
    clientId: first.clientId,
    seq: head.seq + rows.length,
    rows: rows.length,
    firstId: first.id,
    lastId: (rows.at(-1) as AuditRow).id,
    prevHash: head.hash,
    hash: current,
    marks,
    atUtc,
  };
}

/** What is wrong, at which row. */
export interface AuditFault {
  readonly chain: ChainName;
  readonly clientId: string;
  /** The row's number in its chain, and its id where there is a row. */
  readonly seq: number;
  readonly id: number | null;
  readonly why: string;
}

/** Null when the segment is what was sealed. */
export function faultOf(hash: Hash, head: Head, rows: readonly AuditRow[], seal: Seal): AuditFault | null {
  const { chain, clientId } = seal;
  const fault = (seq: number, id: number | null, why: string): AuditFault => ({ chain, clientId, seq, id, why });
  if (seal.prevHash !== head.hash)
    return fault(head.seq + 1, seal.firstId, 'the seal does not follow the one before it: a seal is missing, changed or out of place');
  if (seal.seq !== head.seq + seal.rows) return fault(head.seq + 1, seal.firstId, 'the numbers of the chain have a gap');
  let current = head.hash;
  for (const [i, row] of rows.entries()) {
    current = hash(current + canonicalRow(row, head.seq + 1 + i));
    if (current.slice(0, MARK) !== seal.marks.slice(i * MARK, (i + 1) * MARK))
      return fault(
        head.seq + 1 + i,
        row.id,
        i < seal.rows ? 'the row was changed, moved, put in, or the one before it was taken out' : 'a row was put in after it was sealed',
      );
  }
  if (rows.length < seal.rows) return fault(head.seq + 1 + rows.length, null, 'a row was taken out');
  return current === seal.hash && seal.marks.length === seal.rows * MARK ? null : fault(seal.seq, seal.lastId, 'the seal was changed');
}
