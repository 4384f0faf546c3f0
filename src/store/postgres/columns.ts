// Columns of a batch as array literals: what a statement unnests. The driver's own way is made for any array and costs ten times this.

type Cell = string | number | boolean | null | undefined;

/** Null for a column of nothing: unnest pads it. Texts are quoted always, so that none reads as NULL. */
export function column(values: readonly Cell[]): string | null {
  let any = false;
  const cells = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    any = true;
    return typeof value === 'string' ? quote(value) : String(value);
  });
  return any ? `{${cells.join()}}` : null;
}

const SPECIAL = /[\\"]/;

const quote = (text: string): string => (SPECIAL.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : `"${text}"`);
