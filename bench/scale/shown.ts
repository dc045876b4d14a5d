import type { Costs } from './costs.ts';

const titles = [
  'partitions',
  'gates and workers',
  'stored/s',
  'delivered/s',
  'gates',
  'nodes: storing',
  'nodes: delivering',
  'workers',
  'all',
  'busiest node',
  'a node without events',
  'disk bytes of a node',
  'bytes between nodes',
];
export const tableHead = `| ${titles.join(' | ')} |\n|${titles.map(() => '---|').join('')}`;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** A line of the table. */
export function row(costs: Costs): string {
  const cells = [
    costs.partitions,
    costs.processes,
    whole(costs.storedPerSecond),
    whole(costs.deliveredPerSecond),
    ...[costs.gatesUs, costs.storingUs, costs.deliveringUs, costs.workersUs, costs.allUs].map(
      (us) => us.toFixed(1),
    ),
    costs.busiestNodeUs.toFixed(1),
    `${(costs.idleNodeShare * 100).toFixed(1)} %`,
    whole(costs.diskBytes),
    whole(costs.routedBytes),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What the busiest of each kind could do with a processor of its own. */
export function rateOf(costs: Costs): string {
  const rate = (us: number): string => `1 s / ${us.toFixed(1)} µs = ${whole(1e6 / us)}/s`;
  return (
    `${costs.partitions} partitions, ${costs.processes} gates and workers: ` +
    `gates ${rate(costs.busiestGateUs)}; workers ${rate(costs.busiestWorkerUs)}; ` +
    `nodes ${rate(costs.busiestNodeUs)} for each of their processors`
  );
}
