import type { Outcome } from './outcome.ts';
import type { Passed } from './relay.ts';
import type { Ran } from './run-program.ts';
import type { Scenario } from './scenarios.ts';
import { titleOf, type Sdk } from './sdks.ts';

export interface Row extends Outcome {
  readonly sdk: Sdk;
  readonly scenario: Scenario;
  readonly ran: Ran;
  readonly passed: readonly Passed[];
}

const columns = ['SDK', 'scenario', 'answers', 'call', 'arrived', 'the SDK believed', 'result'];
const cellMax = 76;

/** A line for each call; calls of a run with the same outcome share one. */
export function tableOf(rows: readonly Row[]): string {
  const lines = new Map<string, { cells: string[]; count: number }>();
  for (const row of rows) {
    const cells = cellsOf(row);
    const id = cells.join('\u0000');
    const line = lines.get(id);
    if (line === undefined) lines.set(id, { cells, count: 1 });
    else line.count += 1;
  }
  const table = [...lines.values()].map(({ cells, count }) => {
    const [sdk, scenario, answers, call, ...others] = cells;
    return [sdk!, scenario!, answers!, count === 1 ? call! : `${count} x ${call}`, ...others];
  });
  const byTitle = table.sort((one, other) => one[0]!.localeCompare(other[0]!));
  const all = [columns, ...byTitle].map((cells) => cells.map((cell) => cell.slice(0, cellMax)));
  const widths = columns.map((_, index) => Math.max(...all.map((cells) => cells[index]!.length)));
  return all
    .map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index]!))
        .join(' | ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(row: Row): string[] {
  const { sdk, scenario, passed, call, isGood, arrived, believed, problem } = row;
  return [
    titleOf(sdk),
    scenario.name,
    answersOf(passed),
    isGood ? call : `${call}, broken`,
    arrived === '' ? '-' : arrived,
    believed.replaceAll(/\s+/g, ' ').replaceAll(/sdk-\d+-/g, ''),
    problem ?? 'ok',
  ];
}

/** The statuses of the run's requests, in order: `503 2 x 200`. */
function answersOf(passed: readonly Passed[]): string {
  const runs: { status: number; count: number }[] = [];
  for (const { status } of passed) {
    const last = runs.at(-1);
    if (last?.status === status) last.count += 1;
    else runs.push({ status, count: 1 });
  }
  return runs.map(({ status, count }) => (count === 1 ? status : `${count} x ${status}`)).join(' ');
}
