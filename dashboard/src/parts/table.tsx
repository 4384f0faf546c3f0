// A small table: some dozens of rows at once, headed columns, and something to say when there are none.
import { Fragment } from 'react';
import type { ReactNode } from 'react';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  readonly right?: boolean;
  /** Left out where the page is narrow. */
  readonly wide?: boolean;
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

export function Table<Row>({ label, columns, rows, keyOf }: TableProps<Row>): ReactNode {
  const side = ({ right = false, wide = false }: Column<Row>): string => `${right ? 'text-right' : 'text-left'} ${wide ? 'max-md:hidden' : ''}`;
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full border-collapse text-sm">
        <thead>
          <tr className="border-b border-line">
            {columns.map((column) => (
              <th key={column.title} scope="col" className={`eyebrow px-4 py-2 whitespace-nowrap ${side(column)}`}>
                {column.title === '' ? <span className="sr-only">{label}</span> : column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="border-b border-line last:border-0 hover:bg-hover">
              {columns.map((column) => (
                <td key={column.title} className={`h-11 px-4 py-1.5 ${side(column)}`}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A category may break after its dots, and nowhere else. */
export function Breakable({ text }: { readonly text: string }): ReactNode {
  return text.split('.').map((part, i, parts) => (
    <Fragment key={i}>
      {part}
      {i < parts.length - 1 && (
        <>
          .<wbr />
        </>
      )}
    </Fragment>
  ));
}
