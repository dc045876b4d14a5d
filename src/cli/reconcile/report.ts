import {
  differenceOf,
  zeroCounts,
  type EventCounts,
  type CountRow,
} from '../../reconciliation/count-table.ts';
import { timesText } from '../../doctor/check-missing-events.ts';
import { partitionOf, positionText } from '../../jetstream/events/event-position.ts';
import type { EventRanges } from '../../jetstream/events/event-ranges.ts';
import { lengthOf } from '../../jetstream/events/ranges.ts';
import type { ReconciliationReport } from '../../reconciliation/reconcile.ts';
import { printTable } from '../terminal/table.ts';

/** Destinations that only the log or only the settings name. */
export interface Strays {
  /** Only in the log: it has a consumer for them, and these settings do not name them. */
  readonly unasked: readonly string[];
  /** Only in the settings: no worker of this log ever delivered to them. */
  readonly placeless: readonly string[];
}

/** True if no event is missing or lost, each destination could be asked, and log and settings agree. */
export function isBalanced(report: ReconciliationReport, strays: Strays): boolean {
  if (strays.unasked.length + strays.placeless.length + report.lost.length > 0) return false;
  return report.destinations.every(({ missing, fault }) => missing === 0 && fault === '');
}

/** One JSON text. */
export function reportJson(report: ReconciliationReport, strays: Strays): string {
  const names = report.destinations.map(({ name }) => name);
  const countsOf = (row: CountRow): object =>
    Object.fromEntries(
      row.counts.map((counts, index) => [names[index], withDifference(row.accepted, counts)]),
    );
  const value = {
    balanced: isBalanced(report, strays),
    log: logOf(report.ranges),
    destinations: report.destinations,
    ...strays,
    hours: report.rows.map((row) => ({
      hour: row.hour,
      event: row.eventName,
      accepted: row.accepted,
      destinations: countsOf(row),
    })),
    lost: report.lost.map(({ from, to, afterMs, beforeMs }) => ({
      from,
      to,
      stored_after: afterMs === undefined ? null : new Date(afterMs).toISOString(),
      stored_before: beforeMs === undefined ? null : new Date(beforeMs).toISOString(),
    })),
    missing: report.missing.map(({ destination, sequence, eventId, eventName, timestamp }) => ({
      destination,
      event_id: eventId,
      event: eventName,
      timestamp,
      sequence,
    })),
  };
  return `${JSON.stringify(value)}\n`;
}

function logOf(ranges: EventRanges): object {
  const [first, last] = [ranges[0]!.from, ranges.at(-1)!.to];
  if (ranges.length === 1) return { first, last };
  const partitions = ranges.map(({ from, to }) => ({
    partition: partitionOf(from),
    first: from,
    last: to,
  }));
  return { first, last, partitions };
}

function withDifference(
  accepted: number,
  counts: EventCounts,
): Omit<EventCounts, 'beforeStart'> & { before_start: number; difference: number } {
  const { beforeStart, ...others } = counts;
  return { ...others, before_start: beforeStart, difference: differenceOf(accepted, counts) };
}

const columns = ['delivered', 'waiting', 'dead', 'discarded', 'filtered'] as const;
/** The newest column is the last one: scripts read the others by their places. */
const headings = [
  'hour',
  'event',
  'accepted',
  'destination',
  ...columns,
  'difference',
  'before start',
];
/** A terminal need not scroll by ten thousand ids; --json has them. */
const missingShownMax = 20;

/** Prints a row for each hour and event, and the totals. */
export function printRows(report: ReconciliationReport): void {
  const rows = report.rows.flatMap((row) => linesOf(row, report));
  rows.push(...totalsOf(report));
  printTable(headings, rows, process.stdout, [
    'accepted',
    ...columns,
    'difference',
    'before start',
  ]);
}

function linesOf(
  { hour, eventName, accepted, counts: all }: CountRow,
  report: ReconciliationReport,
): string[][] {
  return all.map((counts, index) => [
    `${hour.slice(0, 16)}Z`,
    eventName,
    ...cellsOf(accepted, report.destinations[index]!.name, counts),
  ]);
}

function cellsOf(accepted: number, name: string, counts: EventCounts): string[] {
  const cells = columns.map((column) => String(counts[column]));
  const difference = String(differenceOf(accepted, counts));
  return [String(accepted), name, ...cells, difference, String(counts.beforeStart)];
}

function totalsOf({ rows, destinations }: ReconciliationReport): string[][] {
  return destinations.map(({ name }, index) => {
    const total = zeroCounts();
    let accepted = 0;
    for (const row of rows) {
      accepted += row.accepted;
      for (const column of [...columns, 'beforeStart'] as const) {
        total[column] += row.counts[index]![column];
      }
    }
    return ['all', '-', ...cellsOf(accepted, name, total)];
  });
}

/** Notes for a person, beside the rows. */
export function noteLines(report: ReconciliationReport, strays: Strays): string {
  return [...notesOf(report), ...straysText(strays), ...verdictOf(report, strays)]
    .map((note) => `${note}\n`)
    .join('');
}

function notesOf(report: ReconciliationReport): string[] {
  const notes = report.destinations.flatMap(({ name, type, asked, fault, copies }) => {
    const lines: string[] = [];
    if (fault !== '') lines.push(`${name} could not be asked: ${plain(fault)}`);
    else if (!asked)
      lines.push(`${name} (${type}) cannot be asked: delivered is what it acknowledged.`);
    if (copies > 0) lines.push(`${name} holds ${copies} second copies.`);
    return lines;
  });
  for (const { destination, eventId, eventName, timestamp } of report.missing.slice(
    0,
    missingShownMax,
  )) {
    notes.push(`missing at ${destination}: ${eventId} ${eventName} ${timestamp}`);
  }
  const more = report.missing.length - missingShownMax;
  if (more > 0) notes.push(`and ${more} more; --json lists them.`);
  for (const { from, to, afterMs, beforeMs } of report.lost) {
    const which =
      from === to
        ? `event ${positionText(from)}`
        : `events ${positionText(from)} to ${positionText(to)}`;
    notes.push(
      `the log has lost ${which}${timesText(afterMs, beforeMs)}: in no count above (docs/runbooks/events-missing.md)`,
    );
  }
  return notes;
}

function straysText({ unasked, placeless }: Strays): string[] {
  const notes: string[] = [];
  const these = (names: readonly string[]): string => (names.length === 1 ? 'it' : 'them');
  if (unasked.length > 0) {
    notes.push(
      `The log has a place for ${unasked.join(', ')}, and these settings do not name ` +
        `${these(unasked)}, so reconcile did not look at ${these(unasked)}. Give the settings of the gate ` +
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

function verdictOf(report: ReconciliationReport, strays: Strays): string[] {
  const missing = report.destinations.reduce((sum, one) => sum + one.missing, 0);
  const lost = lengthOf(report.lost);
  const what = [
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(lost > 0 ? [`${lost} lost by the log`] : []),
  ];
  if (what.length > 0) return [`The counts do not match: ${what.join(', ')}.`];
  return isBalanced(report, strays) ? ['The counts match.'] : [];
}

/** Control characters of another system must not reach the terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
