// A row on its way: the values of the columns of the table of what is moved, in one order, and what is compared of it.
import type { EngineName, Extra, Kind, MovedTable } from './moved-table.ts';

export type Value = string | number | null;
export type MovedRow = readonly Value[];

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** Only one engine has it. */
  readonly extra: Extra | null;
}

/** The fields that are carried to a target. Extras that order the rows come always. */
export function fieldsOf(table: MovedTable, target: EngineName): readonly Field[] {
  const lane: Field[] = table.ofLane === true ? ['lane_type', 'lane_compatibility', 'lane_limit_key'].map((name) => ({ name, kind: 'text', extra: null })) : [];
  const extras = Object.entries(table.extras ?? {}).filter(([name, extra]) => extra.for === target || table.key.includes(name));
  return [
    ...Object.entries(table.columns).map(([name, kind]) => ({ name, kind, extra: null })),
    ...lane,
    ...extras.map(([name, extra]) => ({ name, kind: extra.kind, extra })),
  ];
}

/** What tells rows apart on both sides. */
export function comparer(table: MovedTable, target: EngineName): { key(row: MovedRow): readonly Value[]; text(row: MovedRow): string } {
  const fields = fieldsOf(table, target);
  const shared = fields.findIndex(({ extra }) => extra !== null);
  const compared = shared < 0 ? fields.length : shared;
  const places = placesOf(table, fields).filter((at) => at < compared);
  return {
    key: (row) => places.map((at) => row[at] ?? null),
    text: (row) => JSON.stringify(row.slice(0, compared)),
  };
}

export const placesOf = (table: MovedTable, fields: readonly Field[]): readonly number[] =>
  table.key.map((name) => fields.findIndex((field) => field.name === name));

/** By bytes, as both databases order: of their UTF-8 form. */
export function compareKeys(a: readonly Value[], b: readonly Value[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? null;
    if (left === right) continue;
    if (typeof left === 'number' && typeof right === 'number') return left < right ? -1 : 1;
    const order = compareBytes(String(left), String(right));
    if (order !== 0) return order;
  }
  return 0;
}

const encoder = new TextEncoder();
function compareBytes(a: string, b: string): number {
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) if (left[i] !== right[i]) return (left[i] as number) - (right[i] as number);
  return left.length - right.length;
}
