import Table from 'cli-table3';

import {
  differenceOf,
  emptyAccount,
  type Account,
  type BookRow,
} from '../../reconciliation/book.ts';
import type { Books } from '../../reconciliation/reconcile.ts';

/** Where the settings that this was run with and the log name other destinations. */
export interface Strays {
  /** The log delivers to them, or did, and these settings do not name them. */
  readonly unasked: readonly string[];
  /** These settings name them, and no worker of this log ever delivered to them. */
  readonly placeless: readonly string[];
}

/** Nothing is missing, every destination that can be asked was, and they are those of the log. */
export function isBalanced(books: Books, strays: Strays): boolean {
  if (strays.unasked.length + strays.placeless.length > 0) return false;
  return books.destinations.every(({ missing, fault }) => missing === 0 && fault === '');
}

/** One JSON text. */
export function reportJson(books: Books, strays: Strays): string {
  const names = books.destinations.map(({ name }) => name);
  const accountsOf = (row: BookRow): object =>
    Object.fromEntries(
      row.accounts.map((account, index) => [names[index], withDifference(row.accepted, account)]),
    );
  const value = {
    balanced: isBalanced(books, strays),
    log: books.log,
    destinations: books.destinations,
    ...strays,
    hours: books.rows.map((row) => ({
      hour: row.hour,
      event: row.eventName,
      accepted: row.accepted,
      destinations: accountsOf(row),
    })),
    missing: books.missing.map(({ destination, sequence, eventId, eventName, timestamp }) => ({
      destination,
      event_id: eventId,
      event: eventName,
      timestamp,
      sequence,
    })),
  };
  return `${JSON.stringify(value)}\n`;
}

function withDifference(accepted: number, account: Account): Account & { difference: number } {
  return { ...account, difference: differenceOf(accepted, account) };
}

const columns = ['delivered', 'waiting', 'dead', 'discarded', 'filtered'] as const;
const headings = ['hour', 'event', 'accepted', 'destination', ...columns, 'difference'];
/** A terminal need not scroll by ten thousand ids; --json has them. */
const missingShownMax = 20;

/** A table on a terminal; elsewhere a line a row, with tabs. */
export function rowLines(books: Books, isTable: boolean): string {
  const rows = books.rows.flatMap((row) => linesOf(row, books));
  rows.push(...totalsOf(books));
  return isTable ? `${layOut(rows)}\n` : rows.map((row) => `${row.join('\t')}\n`).join('');
}

function linesOf({ hour, eventName, accepted, accounts }: BookRow, books: Books): string[][] {
  return accounts.map((account, index) => [
    `${hour.slice(0, 16)}Z`,
    eventName,
    ...cellsOf(accepted, books.destinations[index]!.name, account),
  ]);
}

function cellsOf(accepted: number, name: string, account: Account): string[] {
  const counts = columns.map((column) => String(account[column]));
  return [String(accepted), name, ...counts, String(differenceOf(accepted, account))];
}

function totalsOf({ rows, destinations }: Books): string[][] {
  return destinations.map(({ name }, index) => {
    const total = emptyAccount();
    let accepted = 0;
    for (const row of rows) {
      accepted += row.accepted;
      for (const column of columns) total[column] += row.accounts[index]![column];
    }
    return ['all', '-', ...cellsOf(accepted, name, total)];
  });
}

function layOut(rows: readonly string[][]): string {
  const colAligns = headings.map((heading) =>
    ['hour', 'event', 'destination'].includes(heading) ? ('left' as const) : ('right' as const),
  );
  const table = new Table({
    head: headings,
    colAligns,
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return table.toString();
}

/** What a person reads beside the rows. */
export function noteLines(books: Books, strays: Strays): string {
  return [...notesOf(books), ...straysText(strays), ...verdictOf(books, strays)]
    .map((note) => `${note}\n`)
    .join('');
}

function notesOf(books: Books): string[] {
  const notes = books.destinations.flatMap(({ name, type, asked, fault, copies }) => {
    const lines: string[] = [];
    if (fault !== '') lines.push(`${name} could not be asked: ${plain(fault)}`);
    else if (!asked)
      lines.push(`${name} (${type}) cannot be asked: delivered is what it acknowledged.`);
    if (copies > 0) lines.push(`${name} holds ${copies} second copies.`);
    return lines;
  });
  for (const { destination, eventId, eventName, timestamp } of books.missing.slice(
    0,
    missingShownMax,
  )) {
    notes.push(`missing at ${destination}: ${eventId} ${eventName} ${timestamp}`);
  }
  const more = books.missing.length - missingShownMax;
  if (more > 0) notes.push(`and ${more} more; --json lists them.`);
  return notes;
}

function straysText({ unasked, placeless }: Strays): string[] {
  const notes: string[] = [];
  const these = (names: readonly string[]): string => (names.length === 1 ? 'it' : 'them');
  if (unasked.length > 0) {
    notes.push(
      `The log has a place for ${unasked.join(', ')}, and these settings do not name ` +
        `${these(unasked)}: ${these(unasked)} nobody looked at. Give the settings of the gate ` +
        '(--config, and its variables); what is gone for good: headgate destinations remove NAME.',
    );
  }
  if (placeless.length > 0) {
    notes.push(
      `The log has no place for ${placeless.join(', ')}: no worker of it ever delivered to ` +
        `${these(placeless)}. Give the settings of the gate (--config, and its variables), or start it with these.`,
    );
  }
  return notes;
}

function verdictOf(books: Books, strays: Strays): string[] {
  const missing = books.destinations.reduce((sum, one) => sum + one.missing, 0);
  if (missing > 0) return [`The books do not balance: ${missing} missing.`];
  return isBalanced(books, strays) ? ['The books balance.'] : [];
}

/** Another system's words must not reach the terminal as commands. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
