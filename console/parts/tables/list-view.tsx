import type { ComponentChildren } from 'preact';

import { rowsMax, type List } from '../../service/list.ts';
import { DataTable, type DataTableProps } from './data-table.tsx';
import { countOf, formatCount } from '../figures.ts';
import { Failed, Loading } from '../states.tsx';

export interface ListViewProps<Row> extends Omit<DataTableProps<Row>, 'rows'> {
  readonly list: List<Row>;
  /** One row, in words: `event`. */
  readonly one: string;
  readonly empty: ComponentChildren;
}

/** A list with its table, or what is shown in its place. */
export function ListView<Row>({ list, one, empty, ...table }: ListViewProps<Row>) {
  const { rows, failure, isLoading, isCut, reload } = list;
  return (
    <section aria-label={table.label}>
      {failure !== undefined && <Failed failure={failure} retry={reload} />}
      {rows.length > 0 && (
        <>
          <p class="under quiet" role="status">
            {isCut
              ? `The first ${formatCount(rowsMax)}: set a filter to see others`
              : countOf(rows.length, one)}
            {isLoading && ', loading more…'}
          </p>
          <DataTable {...table} rows={rows} />
        </>
      )}
      {rows.length === 0 && isLoading && <Loading />}
      {rows.length === 0 && !isLoading && failure === undefined && empty}
    </section>
  );
}
