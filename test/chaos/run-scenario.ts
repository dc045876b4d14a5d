import { setTimeout as sleep } from 'node:timers/promises';

import { compare, createLedger, type Ledger, type Pulse } from './ledger.ts';
import { startProducer } from './producer.ts';
import type { From, Scenario } from './scenarios/scenario.ts';
import { waitFor } from './wait.ts';
import type { World } from './world.ts';

/** After a heal, the longest time without an acknowledgement, and without a delivery. */
export const bars = { acknowledgementMs: 10_000, deliveryMs: 15_000 } as const;

/** How long producers go on once events flow again. */
const afterMs = 3_000;
const startTimeoutMs = 60_000;
const resumeTimeoutMs = 60_000;
const finishTimeoutMs = 60_000;
/** A destination that was parked for long is tried once a minute. */
const settleTimeoutMs = 120_000;
const missingTimeoutMs = 30_000;

/** Milliseconds: over the whole round, and over what the bars hold for. */
interface Gap {
  readonly wholeMs: number;
  readonly heldMs: number;
}

interface Round {
  readonly acknowledgement: Gap;
  readonly delivery: Gap;
  readonly problems: readonly string[];
}

export interface Result {
  readonly scenario: string;
  readonly rounds: number;
  readonly acknowledged: number;
  /** At any of the places; an event counts once. */
  readonly lost: number;
  /** Of the lost ones, how many `headgate_log_missing_events` counts. */
  readonly reported: number;
  readonly doubled: number;
  readonly acknowledgement: Gap;
  readonly delivery: Gap;
  /** Whatever must not be; empty: the scenario held. */
  readonly problems: readonly string[];
}

export interface RunOptions {
  readonly rounds: number;
  /** The longest fault; the shortest is a quarter of it. */
  readonly seconds: number;
}

/** Runs the rounds in this world, and compares what every place holds at the end. */
export async function runScenario(
  world: World,
  scenario: Scenario,
  options: RunOptions,
): Promise<Result> {
  const ledger = createLedger();
  world.ledger = ledger;
  const missingBefore = await readMissing(world);
  const done: Round[] = [];
  /** How many keys had been sent when each round began. */
  const starts: number[] = [];
  const problems: string[] = [];
  while (done.length < options.rounds && problems.length === 0) {
    starts.push(ledger.sent.size);
    const round = await runRound(world, scenario, options.seconds);
    done.push(round);
    const { acknowledgement, delivery } = round;
    const gaps = [acknowledgement, delivery].map(({ heldMs }) => `${Math.round(heldMs)} ms`);
    console.log(
      `  ${scenario.name} ${done.length}/${options.rounds}: ${ledger.acknowledged.size} acknowledged; ` +
        `at most ${gaps[0]} without an acknowledgement, ${gaps[1]} without a delivery`,
    );
    for (const problem of round.problems) problems.push(`round ${done.length}: ${problem}`);
  }
  const { lost, doubled, reported } = await compareAll(world, scenario, {
    ledger,
    missingBefore,
    starts,
    problems,
  });
  const worst = (of: (round: Round) => Gap): Gap => ({
    wholeMs: Math.max(...done.map((round) => of(round).wholeMs)),
    heldMs: Math.max(...done.map((round) => of(round).heldMs)),
  });
  return {
    scenario: scenario.name,
    rounds: done.length,
    acknowledged: ledger.acknowledged.size,
    lost,
    reported,
    doubled,
    acknowledgement: worst((round) => round.acknowledgement),
    delivery: worst((round) => round.delivery),
    problems,
  };
}

async function runRound(world: World, scenario: Scenario, seconds: number): Promise<Round> {
  const { ledger, chance } = world;
  const { acknowledgements, deliveries } = ledger;
  const problems: string[] = [];
  const startedAt = performance.now();
  const producer = startProducer(world.gate.url, ledger, {
    fillerBytes: scenario.fillerBytes ?? 0,
  });
  const flows = (fromMs: number) => () =>
    acknowledgements.countSince(fromMs) > 0 && deliveries.countSince(fromMs) > 0;
  if (!(await waitFor(flows(startedAt), startTimeoutMs))) problems.push('it did not begin');
  await sleep(chance.between(300, 1_000));
  const faultAt = performance.now();
  const heal = await scenario.strike(world, chance.between(seconds / 4, seconds) * 1_000);
  await heal();
  const healedAt = performance.now();
  await waitFor(flows(healedAt), resumeTimeoutMs);
  await sleep(afterMs);
  const endAt = performance.now();
  const open = await producer.finish(finishTimeoutMs);
  if (open > 0) problems.push(`${open} events were never acknowledged`);
  if (!(await waitFor(() => isSettled(world), settleTimeoutMs, 200))) {
    problems.push(`not all is delivered ${settleTimeoutMs / 1_000} s after the last event`);
  }
  if (world.cluster !== undefined) problems.push(...(await checkCluster(world.cluster)));
  const heldFrom = { fault: faultAt, heal: healedAt, never: endAt };
  const gap = (pulse: Pulse, from: From): Gap => ({
    wholeMs: pulse.longestGapMs(faultAt, endAt),
    heldMs: pulse.longestGapMs(heldFrom[from], endAt),
  });
  const round = {
    acknowledgement: gap(acknowledgements, scenario.bars.acknowledgement),
    delivery: gap(deliveries, scenario.bars.delivery),
    problems,
  };
  for (const [what, { heldMs }, barMs] of [
    ['an acknowledgement', round.acknowledgement, bars.acknowledgementMs],
    ['a delivery', round.delivery, bars.deliveryMs],
  ] as const) {
    if (heldMs <= barMs) continue;
    problems.push(`${Math.round(heldMs)} ms without ${what}, and ${barMs} are allowed`);
  }
  return round;
}

function isSettled({ ledger, receiver, countWarehouse, readWarehouse }: World): boolean {
  const ids = [...ledger.acknowledged.values()];
  // Counting is cheap. Other scenarios of this world have rows, too, so a count is not enough.
  if (countWarehouse() < ids.length || !ids.every((id) => receiver.taken.has(id))) return false;
  const rows = new Set(readWarehouse().map(([id]) => id));
  return ids.every((id) => rows.has(id));
}

async function readMissing({ gate, worker }: World): Promise<number> {
  const metric = 'headgate_log_missing_events';
  const values = await Promise.all([gate.metric(metric), worker.metric(metric)]);
  return Math.max(...values.map((value) => value ?? 0));
}

async function checkCluster({ nodes }: NonNullable<World['cluster']>): Promise<string[]> {
  await nodes.waitUntilFormed();
  let replicas: string[] = [];
  const agree = await waitFor(
    async () => {
      replicas = await nodes.replicas();
      return new Set(replicas).size === 1 && replicas[0] !== 'none';
    },
    settleTimeoutMs,
    500,
  );
  return agree ? [] : [`the replicas differ: ${replicas.join(' / ')}`];
}

interface Tally {
  readonly ledger: Ledger;
  readonly missingBefore: number;
  readonly starts: readonly number[];
  readonly problems: string[];
}

/** Compares with what every place holds, and adds to the problems. */
async function compareAll(
  world: World,
  scenario: Scenario,
  { ledger, missingBefore, starts, problems }: Tally,
): Promise<{ lost: number; doubled: number; reported: number }> {
  const { lost, doubled } = compare(ledger, {
    log: scenario.logMayDelete ? undefined : await world.readLogKeys(),
    warehouse: world.readWarehouse(),
    webhook: world.receiver.taken,
  });
  const places = Object.entries(lost).filter(
    ([place]) => !(place === 'log' && scenario.mustReportMissing),
  );
  for (const [place, keys] of places) {
    if (keys.length > 0) {
      problems.push(`${keys.length} lost: ${place} (${roundsOf(keys, ledger, starts)})`);
    }
  }
  if (doubled.length > 0) {
    problems.push(`${doubled.length} doubled (${roundsOf(doubled, ledger, starts)})`);
  }
  const missing = async (): Promise<number> => (await readMissing(world)) - missingBefore;
  const reports = async (): Promise<boolean> => (await missing()) >= lost.log.length;
  if (scenario.mustReportMissing && lost.log.length > 0) await waitFor(reports, missingTimeoutMs);
  const reported = await missing();
  if (scenario.mustReportMissing && reported !== lost.log.length) {
    problems.push(`the log lost ${lost.log.length} events and reports ${reported}`);
  }
  if (!scenario.mustReportMissing && reported > 0 && !scenario.logMayDelete) {
    problems.push(`${reported} events are reported as missing, and none should be`);
  }
  return { lost: new Set(Object.values(lost).flat()).size, doubled: doubled.length, reported };
}

/** `round 2: 17 events, ...` */
function roundsOf(keys: readonly string[], ledger: Ledger, starts: readonly number[]): string {
  const order = new Map([...ledger.sent].map((key, index) => [key, index]));
  const counts = new Map<number, number>();
  for (const key of keys) {
    const index = order.get(key) ?? 0;
    const round = starts.findLastIndex((start) => start <= index) + 1;
    counts.set(round, (counts.get(round) ?? 0) + 1);
  }
  return [...counts].map(([round, count]) => `round ${round}: ${count} events`).join(', ');
}
