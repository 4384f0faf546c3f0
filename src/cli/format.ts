// Tables, times and numbers for people. What programs read is JSON.
import type { Io, Sink, Style } from './io.ts';
import { oneLine, truncate, widthOf } from './text.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Never cut: an id is of no use in part. */
  readonly whole?: boolean;
  /** Left out on a terminal that is too narrow for all; the last of these goes first. */
  readonly optional?: boolean;
}
export type Cell = string | number | null | undefined | { readonly text: string; readonly style: Style };

/** Terminals that do not know their width say nothing, or 0. */
export const terminalWidth = ({ columns = 0 }: Sink): number => (columns > 0 ? columns : 80);

const GAP = '  ';
const NARROWEST = 6;

/** A table as wide as the terminal at most; whole where nobody looks at a terminal. */
export function table(io: Io, all: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const most = io.out.isTTY === true ? terminalWidth(io.out) : Number.POSITIVE_INFINITY;
  const places = all.map((_, i) => i);
  const widest = all.map((column, i) => rows.reduce((width, row) => Math.max(width, widthOf(textOf(row[i]))), widthOf(column.title)));
  for (
    let drop = places.findLast((i) => all[i]?.optional === true);
    drop !== undefined && fullWidth(places.map((i) => widest[i] as number)) > most;
    drop = places.findLast((i) => all[i]?.optional === true)
  )
    places.splice(places.indexOf(drop), 1);
  return lay(
    io,
    places.map((i) => all[i] as Column),
    rows.map((row) => places.map((i) => row[i])),
    shrunk(
      places.map((i) => widest[i] as number),
      places.map((i) => all[i]?.whole === true),
      most,
    ),
  );
}

function lay(io: Io, columns: readonly Column[], rows: readonly (readonly Cell[])[], widths: readonly number[]): string {
  const line = (cells: readonly string[], styleOf: (i: number) => Style | undefined): string =>
    columns
      .map((column, i) => {
        const text = truncate(cells[i] as string, widths[i] as number);
        const style = styleOf(i);
        const shown = style === undefined ? text : io.paint(style, text);
        const pad = ' '.repeat((widths[i] as number) - widthOf(text));
        return column.align === 'right' ? pad + shown : shown + pad;
      })
      .join(GAP)
      .trimEnd();
  const head = line(
    columns.map((column) => column.title),
    () => 'dim',
  );
  const body = rows.map((cells) => line(cells.map(textOf), (i) => styleOfCell(cells[i])));
  return [head, ...body].join('\n');
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return '–';
  if (typeof cell === 'number') return count(cell);
  return oneLine(typeof cell === 'string' ? cell : cell.text);
}
const styleOfCell = (cell: Cell): Style | undefined => (typeof cell === 'object' && cell !== null ? cell.style : undefined);

const fullWidth = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);

/** Takes from the widest that may be cut, until the row fits. */
function shrunk(given: readonly number[], isWhole: readonly boolean[], most: number): readonly number[] {
  const widths = [...given];
  for (let over = fullWidth(widths) - most; over > 0; over--) {
    let widest = -1;
    for (const [i, width] of widths.entries()) if (isWhole[i] !== true && width > NARROWEST && (widest < 0 || width > (widths[widest] as number))) widest = i;
    if (widest < 0) break;
    widths[widest] = (widths[widest] as number) - 1;
  }
  return widths;
}

/** Names and values under each other, as long as there is a value. */
export function facts(io: Io, pairs: readonly (readonly [string, Cell])[]): string {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...there.map(([name]) => widthOf(name)));
  return there
    .map(([name, value]) => {
      const style = styleOfCell(value);
      const text = textOf(value);
      return `${io.paint('dim', name.padEnd(width))}  ${style === undefined ? text : io.paint(style, text)}`;
    })
    .join('\n');
}

export const count = (n: number): string => n.toLocaleString('en-US', { maximumFractionDigits: 2 });
export const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `340 ms`, `1.2 s`, `2m 5s`, `3d 4h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[first] as readonly [string, number];
  const [next, nextSize] = UNITS[first + 1] as readonly [string, number];
  const rest = Math.floor((ms % size) / nextSize);
  return `${Math.floor(ms / size)}${unit}${rest === 0 ? '' : ` ${rest}${next}`}`;
}

/** `3m 5s ago`, `in 2h`, `just now`. */
export function relative(atUtc: number | null, now: number): string | null {
  if (atUtc === null) return null;
  const away = atUtc - now;
  if (Math.abs(away) < 1000) return 'just now';
  return away < 0 ? `${duration(-away)} ago` : `in ${duration(away)}`;
}

export const instant = (atUtc: number | null, now: number): string | null =>
  atUtc === null ? null : `${new Date(atUtc).toISOString().replace('T', ' ').replace('Z', ' UTC')} (${relative(atUtc, now) as string})`;

const STATE_STYLES: Readonly<Record<string, Style>> = {
  blocked: 'gray',
  queued: 'cyan',
  leased: 'yellow',
  failed: 'magenta',
  completed: 'green',
  dead_letter: 'red',
  cancelled: 'gray',
  ready: 'green',
  busy: 'yellow',
  draining: 'magenta',
  offline: 'gray',
  stale: 'red',
  active: 'green',
  suspended: 'red',
  done: 'green',
  denied: 'red',
};
export const state = (status: string): Cell => ({ text: status, style: STATE_STYLES[status] ?? 'white' });
