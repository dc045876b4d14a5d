import { knownOf } from './known.ts';
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

const columns = ['SDK', 'scenario', 'call', 'arrived', 'the SDK believed', 'result'];
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
    const [sdk, scenario, call, ...others] = cells;
    return [sdk!, scenario!, count === 1 ? call! : `${count} x ${call}`, ...others];
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

function cellsOf({ sdk, scenario, call, isGood, arrived, believed, problem }: Row): string[] {
  const known = problem === undefined ? undefined : knownOf(sdk, scenario, call, problem);
  const result = problem === undefined ? 'ok' : known === undefined ? problem : `known: ${known}`;
  return [
    titleOf(sdk),
    scenario.name,
    isGood ? call : `${call}, broken`,
    arrived === '' ? '-' : arrived,
    believed.replaceAll(/\s+/g, ' ').replaceAll(/sdk-\d+-/g, ''),
    result,
  ];
}
