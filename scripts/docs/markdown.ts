// Writes Markdown that is the same on every machine: no dates, no locale, one form of table.

export type Cell = string | number | boolean;

/** A table. Bars inside cells are escaped; `right` names the columns of numbers by their place. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], right: readonly number[] = []): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  const rule = head.map((_, i) => (right.includes(i) ? '--:' : '---'));
  return [line(head), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}

export function cellText(cell: Cell): string {
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'number') return grouped(cell);
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

export const code = (text: string): string => `\`${text}\``;

export const codes = (texts: readonly string[]): string => (texts.length === 0 ? '–' : texts.map(code).join(', '));

/** 256000 → 256,000 */
export const grouped = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+(?!\d))/g, ',');

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** A length of time in the largest unit that divides it: 90000 → 90 s. */
export function duration(ms: number): string {
  const unit = UNITS.find(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${grouped(ms)} ms` : `${grouped(ms / unit[1])} ${unit[0]}`;
}
