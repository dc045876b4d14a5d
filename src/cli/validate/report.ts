import { errorHelp } from '../../errors.ts';
import type { EventError, EventWarning, Verdict } from '../../event/verdict.ts';
import type { Violation } from '../../event/violation.ts';
import type { AddVerdict } from './validate-file.ts';

/** The number of verdicts shown. The totals count all. */
const shownMax = 1000;

interface ShownVerdict {
  /** From 0, over the whole input. */
  readonly index: number;
  readonly line?: number;
  readonly status: Verdict['status'];
  readonly schema_version: number;
  readonly error?: EventError & { readonly help: string };
  readonly warnings: readonly EventWarning[];
}

/** What `--json` prints. */
export interface ValidationSum {
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly with_warnings: number;
  /** Events that were rejected or have warnings, at most `shownMax`. */
  readonly results: readonly ShownVerdict[];
  readonly results_left_out: number;
}

/** Counts verdicts and remembers the first that say more than "accepted". */
export function createReport(): { readonly add: AddVerdict; readonly sum: () => ValidationSum } {
  const results: ShownVerdict[] = [];
  let [events, rejected, warned, leftOut] = [0, 0, 0, 0];
  const add: AddVerdict = ({ status, error, warnings, schemaVersion }, line) => {
    const index = events;
    events += 1;
    if (error !== undefined) rejected += 1;
    if (warnings.length > 0) warned += 1;
    if (error === undefined && warnings.length === 0) return;
    if (results.length >= shownMax) leftOut += 1;
    else {
      results.push({
        index,
        ...(line === 0 ? {} : { line }),
        status,
        schema_version: schemaVersion,
        ...(error === undefined ? {} : { error: { ...error, help: errorHelp(error.code) } }),
        warnings,
      });
    }
  };
  const sum = (): ValidationSum => ({
    events,
    accepted: events - rejected,
    rejected,
    with_warnings: warned,
    results,
    results_left_out: leftOut,
  });
  return { add, sum };
}

/** The report as text for people. */
export function textOf(sum: ValidationSum): string {
  const lines = sum.results.flatMap(({ index, line, error, warnings }) => {
    const place = line === undefined ? `event ${index}` : `line ${line}`;
    return [
      ...(error === undefined ? [] : findingText(`${place}: rejected`, error, error.help)),
      ...warnings.flatMap((warning) => findingText(`${place}: warning`, warning, '')),
    ];
  });
  if (sum.results_left_out > 0) lines.push(`... and ${sum.results_left_out} more`);
  const count = sum.events === 1 ? '1 event' : `${sum.events} events`;
  lines.push(
    `${count}: ${sum.accepted} would be stored, ${sum.with_warnings} with a warning, ` +
      `${sum.rejected} rejected`,
  );
  return lines.join('\n');
}

function findingText(place: string, finding: EventError | EventWarning, help: string): string[] {
  return [
    `${place}, ${finding.code}: ${finding.message}`,
    ...finding.violations.map((violation) => `  ${violationText(violation)}`),
    ...(help === '' ? [] : [`  ${help}`]),
  ];
}

function violationText({ path, message, description }: Violation): string {
  return `${path === '' ? '/' : path} ${message}${description === undefined ? '' : ` (${description})`}`;
}
