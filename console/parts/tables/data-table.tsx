import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { goTo } from '../../navigation/address.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** A width of style/tables.css; without one the column shares what is left. */
  readonly width?: 'time' | 'tag' | 'count' | 'name' | 'id';
  /** Left out where the window is narrow. */
  readonly isWide?: boolean;
}

export interface DataTableProps<Row> {
  /** What the rows are, for those who do not see them. */
  readonly label: string;
  readonly rows: readonly Row[];
  readonly idOf: (row: Row) => string;
  /** The page of a row: its first cell is a link to it, and so is the row for a pointer. */
  readonly hrefOf: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  readonly openId?: string;
}

/** As in style/tables.css. All rows are of one height, so that those out of sight need not exist. */
const rowHeight = 36;
const beyond = 12;

/**
 * A table of any length that scrolls with the page: only the rows in sight, and some beyond, are in the
 * document. Arrow keys, j and k, Home and End move between the rows; Enter opens one.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, rows, columns } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const [first, last] = useVisible(body, rows.length);
  const move = useMove(body, rows.length);
  return (
    <table class="rows" aria-label={label} aria-rowcount={rows.length + 1} onKeyDown={move}>
      <colgroup>
        {columns.map(({ title, width, isWide }) => (
          <col
            key={title}
            class={`${width === undefined ? '' : `width-${width}`}${wide(isWide)}`}
          />
        ))}
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map(({ title, width, isWide }) => (
            <th key={title} scope="col" class={`${numeric(width)}${wide(isWide)}`}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <Gap rows={first} />
        {rows.slice(first, last).map((row, index) => (
          <TableRow key={props.idOf(row)} index={first + index} row={row} table={props} />
        ))}
        <Gap rows={rows.length - last} />
      </tbody>
    </table>
  );
}

interface TableRowProps<Row> {
  readonly row: Row;
  readonly index: number;
  readonly table: DataTableProps<Row>;
}

function TableRow<Row>({ row, index, table }: TableRowProps<Row>) {
  const href = table.hrefOf(row);
  const isOpen = table.idOf(row) === table.openId;
  const open = (event: MouseEvent): void => {
    const target = event.target as Element;
    const isSelecting = getSelection()?.isCollapsed === false;
    if (!isSelecting && target.closest('a, button, input') === null) goTo(href);
  };
  return (
    <tr aria-rowindex={index + 2} data-index={index} class={isOpen ? 'open' : ''} onClick={open}>
      {table.columns.map(({ title, cell, width, isWide }, column) => (
        <td key={title} class={`${numeric(width)}${wide(isWide)}`}>
          {column > 0 && cell(row)}
          {column === 0 && (
            <a class="row-link" href={href} aria-current={isOpen ? 'true' : undefined}>
              {cell(row)}
            </a>
          )}
        </td>
      ))}
    </tr>
  );
}

/** One cell: columns that are left out in a narrow window must not come back. */
function Gap({ rows }: { readonly rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true" class="gap">
      <td style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  );
}

const wide = (isWide: boolean | undefined): string => (isWide === true ? ' wide' : '');
const numeric = (width: string | undefined): string => (width === 'count' ? 'number' : '');

type Body = { readonly current: HTMLTableSectionElement | null };

/** The range of rows that are in sight, and some beyond. */
function useVisible(body: Body, count: number): [first: number, last: number] {
  const [start, setStart] = useState(0);
  const [shown, setShown] = useState(60);
  useLayoutEffect(() => {
    let frame = 0;
    const measure = (): void => {
      frame = 0;
      if (body.current === null) return;
      const { top } = body.current.getBoundingClientRect();
      // In steps, so that most scrolling draws nothing new.
      const above = Math.floor(Math.max(0, -top) / rowHeight / 4) * 4;
      setStart(Math.max(0, above - beyond));
      setShown(Math.ceil(innerHeight / rowHeight) + 2 * beyond + 4);
    };
    const later = (): void => {
      frame ||= requestAnimationFrame(measure);
    };
    measure();
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', later);
      removeEventListener('resize', later);
    };
  }, [body]);
  const first = Math.max(0, Math.min(start, count - shown));
  return [first, Math.min(count, first + shown)];
}

/** Moves the focus from row to row. */
function useMove(body: Body, count: number): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = (event.target as Element).closest<HTMLElement>('tr[data-index]');
    if (from === null || body.current === null) return;
    const index = Number(from.dataset['index']);
    const steps: Record<string, number> = {
      ArrowDown: index + 1,
      j: index + 1,
      ArrowUp: index - 1,
      k: index - 1,
      Home: 0,
      End: count - 1,
      PageDown: index + 15,
      PageUp: index - 15,
    };
    const wanted = steps[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    focusRow(body.current, Math.max(0, Math.min(count - 1, wanted)));
  };
}

function focusRow(body: HTMLTableSectionElement, index: number): void {
  const find = (): HTMLElement | null =>
    body.querySelector<HTMLElement>(`tr[data-index="${index}"] .row-link`);
  const found = find();
  if (found !== null) {
    found.focus({ preventScroll: true });
    found.scrollIntoView({ block: 'nearest' });
    return;
  }
  const top = body.getBoundingClientRect().top + scrollY + index * rowHeight;
  scrollTo(0, top - innerHeight / 2);
  // After the frame that measures, and the one that draws.
  requestAnimationFrame(() => requestAnimationFrame(() => find()?.focus()));
}
