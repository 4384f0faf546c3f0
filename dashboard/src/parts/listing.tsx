// A page that is one table of things read in one go: waiting, trouble, nothing there, or the rows.
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Card } from './page.tsx';
import { Empty, Trouble, Waiting } from './state.tsx';
import { Table } from './table.tsx';
import type { Column } from './table.tsx';

interface ListingProps<Row> {
  readonly label: string;
  readonly query: Pick<UseQueryResult<readonly Row[]>, 'data' | 'error' | 'refetch'>;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly empty: { readonly title: string; readonly hint: string };
}

export function Listing<Row>({ label, query, columns, keyOf, empty }: ListingProps<Row>): ReactNode {
  const { data, error } = query;
  return (
    <Card>
      {data !== undefined && data.length > 0 ? (
        <Table label={label} columns={columns} rows={data} keyOf={keyOf} />
      ) : error !== null ? (
        <Trouble error={error} retry={() => void query.refetch()} />
      ) : data === undefined ? (
        <Waiting />
      ) : (
        <Empty title={empty.title}>{empty.hint}</Empty>
      )}
    </Card>
  );
}
