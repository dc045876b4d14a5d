import { median } from '../script/median.ts';
import type { Step } from './step.ts';
import type { Role, Usage } from './usage.ts';

/** What one event costs with some partitions, gates and workers. CPU is in µs. */
export interface Costs {
  readonly partitions: number;
  /** Gates, and as many workers. */
  readonly processes: number;
  readonly storedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly gatesUs: number;
  /** The three nodes together, while events are stored. */
  readonly storingUs: number;
  /** The same while they are delivered. */
  readonly deliveringUs: number;
  readonly workersUs: number;
  readonly allUs: number;
  /** The node that uses most for storing and delivering. */
  readonly busiestNodeUs: number;
  /** The busiest event loop. */
  readonly busiestGateUs: number;
  readonly busiestWorkerUs: number;
  /** What a node uses without events, as a share of one processor. */
  readonly idleNodeShare: number;
  /** Written to the disk of a node. */
  readonly diskBytes: number;
  /** What the nodes send to each other. */
  readonly routedBytes: number;
}

export function costsOf({ partitions, processes, intake, delivery, idle }: Step): Costs {
  const of = (used: readonly Usage[], role: Role) => used.filter((one) => one.role === role);
  const sum = (used: readonly Usage[]) => used.reduce((total, { us }) => total + us, 0);
  const storing = of(intake.used, 'nats');
  const delivering = of(delivery.used, 'nats');
  const [gates, workers] = [of(intake.used, 'gate'), of(delivery.used, 'worker')];
  const parts = [gates, storing, delivering, workers].map(sum);
  const [gatesUs, storingUs, deliveringUs, workersUs] = parts as [number, number, number, number];
  const nodes = storing.map((node, index) => ({
    us: node.us + delivering[index]!.us,
    diskBytes: node.diskBytes + delivering[index]!.diskBytes,
  }));
  const idleNodes = of(idle.used, 'nats');
  return {
    partitions,
    processes,
    storedPerSecond: intake.perSecond,
    deliveredPerSecond: delivery.perSecond,
    gatesUs,
    storingUs,
    deliveringUs,
    workersUs,
    allUs: gatesUs + storingUs + deliveringUs + workersUs,
    busiestNodeUs: Math.max(...nodes.map(({ us }) => us)),
    busiestGateUs: Math.max(...gates.map(({ loopUs }) => loopUs)),
    busiestWorkerUs: Math.max(...workers.map(({ loopUs }) => loopUs)),
    idleNodeShare: sum(idleNodes) / idleNodes.length / idle.seconds / 1e6,
    diskBytes: nodes.reduce((total, one) => total + one.diskBytes, 0) / nodes.length,
    routedBytes: intake.routedBytes + delivery.routedBytes,
  };
}

/** The median of each figure. All must be of the same partitions and processes. */
export function medianCosts(rounds: readonly Costs[]): Costs {
  const names = Object.keys(rounds[0]!) as (keyof Costs)[];
  return Object.fromEntries(
    names.map((name) => [name, median(rounds.map((round) => round[name]))]),
  ) as unknown as Costs;
}

/** A ratio of the curve, and what it may be at most. The limits leave room for a busy machine. */
export interface Bound {
  readonly name: string;
  readonly ratio: number;
  readonly ratioMax: number;
  readonly holds: boolean;
}

const costRatioMax = 1.3;
/** Of three nodes, each of which leads about a third of the partitions: a third would be even. */
const nodeShareMax = 0.43;
/** Of four processes: a quarter would be even. */
const processRatioMax = 0.7;

/**
 * What must hold of the curve. Of the partitions it compares the most with the fewest, of the processes
 * too, with the same number of partitions. A step that was not measured is not compared.
 */
export function boundsOf(curve: readonly Costs[]): Bound[] {
  const single = curve.filter(({ processes }) => processes === 1);
  const [few, most] = [single[0], single.at(-1)];
  const many = curve.find(({ processes }) => processes === 4);
  const one = single.find(({ partitions }) => partitions === many?.partitions);
  const bounds: Bound[] = [];
  const limit = (name: string, ratio: number, ratioMax: number): void =>
    // A ratio that is no number does not hold.
    void bounds.push({ name, ratio, ratioMax, holds: ratio <= ratioMax });
  if (few !== undefined && most !== undefined && most.partitions > few.partitions) {
    const name = `CPU of an event, ${most.partitions} partitions : ${few.partitions}`;
    limit(name, most.allUs / few.allUs, costRatioMax);
  }
  if (most !== undefined && most.partitions >= 3) {
    const { busiestNodeUs, storingUs, deliveringUs } = most;
    const share = busiestNodeUs / (storingUs + deliveringUs);
    limit(
      `share of the busiest of three nodes, ${most.partitions} partitions`,
      share,
      nodeShareMax,
    );
  }
  if (many !== undefined && one !== undefined) {
    limit('busiest gate, 4 gates : 1', many.busiestGateUs / one.busiestGateUs, processRatioMax);
    limit(
      'busiest worker, 4 workers : 1',
      many.busiestWorkerUs / one.busiestWorkerUs,
      processRatioMax,
    );
  }
  return bounds;
}
