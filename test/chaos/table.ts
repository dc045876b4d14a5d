import { bars, type Result } from './run-scenario.ts';

const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(1);

/** Markdown. The times are seconds; those in brackets are what the bars are held against. */
export function formatTable(results: readonly Result[]): string {
  const head = [
    'scenario',
    'rounds',
    'acknowledged',
    'lost',
    'doubled',
    `without an acknowledgement (bar: ${bars.acknowledgementMs / 1_000})`,
    `without a delivery (bar: ${bars.deliveryMs / 1_000})`,
    'result',
  ];
  const rows = results.map(
    ({ scenario, rounds, acknowledged, lost, reported, doubled, ...rest }) => [
      scenario,
      String(rounds),
      String(acknowledged),
      reported === 0 ? String(lost) : `${lost}, ${reported} reported`,
      String(doubled),
      ...[rest.acknowledgement, rest.delivery].map(
        ({ wholeMs, heldMs }) => `${seconds(wholeMs)} (${seconds(heldMs)})`,
      ),
      rest.problems.length === 0 ? 'held' : 'BROKEN',
    ],
  );
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
