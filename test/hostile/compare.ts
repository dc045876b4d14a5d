import { setTimeout as sleep } from 'node:timers/promises';

import { startAttacker } from './attacks.ts';
import { isLong, type HostileGate } from './hostile-gate.ts';
import { startChild } from './child-process.ts';
import { preferProducers } from './priorities.ts';
import type { ProducersReport } from './producers.ts';

/* What producers see without an attack and during it, in turns, so that both see the same machine. */

const producersCount = 20;
export const producersPerSecond = 200;
/** Until what an attack left behind is over. */
const restMs = isLong ? 500 : 100;
/** What producers and the gate compile and allocate once is no cost of an attack. */
const warmMs = isLong ? 1_000 : 300;
/** What the first attack compiles is no cost of the next. A short run compares nothing, and needs none. */
const warmAttackMs = isLong ? 500 : 0;
/** How long producers are alone in each round of a short run. */
const aloneShortMs = 250;
const shortRoundsMax = 8;

export interface CompareOptions {
  readonly gate: HostileGate;
  readonly attack: string;
  readonly rounds: number;
  /**
   * Starts another gate of the same kind. With `HOSTILE_DECOY=1` the attack goes on there while this gate is not
   * attacked: what is left is the cost of the attack to the gate, not to a machine that is busy with the attacker.
   */
  readonly startDecoy: () => Promise<HostileGate>;
  /** Of each turn. */
  readonly ms: number;
  /**
   * Whether so many requests show that producers are served. A short run has more rounds until it is true: on a busy
   * machine the producers themselves are slow.
   */
  readonly isEnough: (sent: number) => boolean;
  /** Runs during each attack. */
  readonly meanwhile?: (signal: AbortSignal) => Promise<void>;
}

export interface Comparison {
  /** Medians over the rounds. */
  readonly aloneP99Ms: number;
  readonly p99Ms: number;
  /** During the attacks, all rounds together. */
  readonly sent: number;
  readonly refusals: Readonly<Record<string, number>>;
  /** As a line of a table. */
  readonly text: string;
}

export async function compare(options: CompareOptions): Promise<Comparison> {
  const { gate, attack: name, ms, meanwhile, isEnough } = options;
  const aloneMs = isLong ? ms : aloneShortMs;
  const args = [gate.port, producersCount, producersPerSecond].map(String);
  // Side by side: most of their time is that of Node's start.
  const starting = startChild('./producer-process.ts', ...args);
  await using attacker = await startAttacker(gate.port, name);
  await using producers = await starting;
  await using decoy = process.env['HOSTILE_DECOY'] === '1' ? await options.startDecoy() : undefined;
  await using elsewhere = decoy && (await startAttacker(decoy.port, name));
  preferProducers(producers.processId);
  const during = async (work: () => Promise<unknown>): Promise<ProducersReport> => {
    producers.tell('start');
    await work();
    return producers.ask<ProducersReport>('stop');
  };
  await during(() => sleep(warmMs));
  if (warmAttackMs > 0) await attacker.attack(warmAttackMs);
  await sleep(restMs);
  const alone: number[] = [];
  const attacked: number[] = [];
  const refusals: Record<string, number> = {};
  let [sent, answered, cpuMs, cpuAloneMs, ownStopMs] = [0, 0, 0, 0, 0];
  let rounds = 0;
  while (rounds < options.rounds || (!isLong && rounds < shortRoundsMax && !isEnough(sent))) {
    rounds += 1;
    const cpuAtFirst = gate.cpuMs();
    alone.push((await during(() => elsewhere?.attack(aloneMs) ?? sleep(aloneMs))).p99Ms);
    const cpuBefore = gate.cpuMs();
    cpuAloneMs += cpuBefore - cpuAtFirst;
    const end = new AbortController();
    const report = await during(async () => {
      const others = meanwhile?.(end.signal);
      answered += await attacker.attack(ms);
      end.abort();
      await others;
    });
    cpuMs += gate.cpuMs() - cpuBefore;
    attacked.push(report.p99Ms);
    sent += report.sent;
    ownStopMs = Math.max(ownStopMs, report.ownStopMs);
    for (const [what, count] of Object.entries(report.refusals)) {
      refusals[what] = (refusals[what] ?? 0) + count;
    }
    await sleep(restMs);
  }
  const [aloneP99Ms, p99Ms] = [median(alone), median(attacked)];
  const shown = (values: readonly number[]): string =>
    values.map((value) => value.toFixed(1)).join(' ');
  const percent = (value: number, ofMs: number): string =>
    `${((value / ofMs / rounds) * 100).toFixed(0)} %`;
  const text =
    `${name}: ${answered} answered, CPU ${percent(cpuMs, ms)} (alone: ${percent(cpuAloneMs, aloneMs)}), producers p99 ` +
    `${p99Ms.toFixed(1)} ms (alone: ${aloneP99Ms.toFixed(1)}; each: ${shown(attacked)} / ` +
    `${shown(alone)}; their own event loop stopped for at most ${ownStopMs.toFixed(0)}), refusals ${JSON.stringify(refusals)}`;
  return { aloneP99Ms, p99Ms, sent, refusals, text };
}

/** The bar: 20 % or 10 ms above what producers have alone, whichever is more. */
export function p99MaxMs({ aloneP99Ms }: Comparison): number {
  return Math.max(aloneP99Ms * 1.2, aloneP99Ms + 10);
}

/** Of the middle two the worse one. */
function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;
}
