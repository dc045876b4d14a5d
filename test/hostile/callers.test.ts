import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import {
  attackFor,
  flood,
  numbers,
  numbersBrotli,
  numbersZstd,
  spaces,
  together,
  unfinished,
  unfinishedHttp1,
  type Attack,
} from './attacks.ts';
import { memoryGrowth, startHostileGate, type HostileGate } from './hostile-gate.ts';
import { startProducers, type ProducersReport } from './producers.ts';

/*
 * What anonymous requests cost, and what producers at the same address see meanwhile: issue "cheap to refuse". Here
 * the attacks are short and the bounds generous, for a shared machine; `npm run test:hostile` runs them longer and
 * compares latencies, too.
 */

const isLong = process.env['HOSTILE'] === 'long';
const attackMs = isLong ? 10_000 : 2_500;
const producersCount = 20;
const producersPerSecond = 200;
const mib = 1024 * 1024;
/** V8 and the C library keep some of what was free before: this much is no finding. */
const memoryMaxBytes = 200 * mib;

const attacks: readonly (readonly [name: string, attack: Attack])[] = [
  ['H1: gzip that becomes spaces', flood(spaces, 'gzip', 2, 100)],
  ['H2: gzip that becomes numbers', flood(numbers, 'gzip', 2, 50)],
  ['brotli', flood(numbersBrotli, 'br', 2, 50)],
  ['zstd', flood(numbersZstd, 'zstd', 2, 50)],
  ['H3: unfinished uploads of 4 MiB', unfinished(1, 32, 4 * mib)],
  ['H3: unfinished uploads of 60 KiB', unfinished(4, 200, 60 * 1024)],
  ['H3: unfinished uploads, one a connection', unfinishedHttp1(200, 200 * 1024)],
  [
    'all together',
    together(
      flood(spaces, 'gzip', 2, 50),
      flood(numbers, 'gzip', 2, 50),
      flood(numbersZstd, 'zstd', 1, 20),
      unfinished(2, 32, 2 * mib),
      unfinishedHttp1(100, 200 * 1024),
    ),
  ],
];

describe('anonymous load', () => {
  test.each(attacks)('leaves producers alone: %s', async (name, attack) => {
    await using gate = await startHostileGate();
    // Alone first: what is compiled and allocated once is no cost of an attack.
    const alone = await producersFor(gate, isLong ? attackMs : 1_000);
    const producers = startProducers(gate.port, producersCount, producersPerSecond);
    const cpuBefore = gate.cpuMs();
    let answered = 0;
    const grown = await memoryGrowth(gate, async () => {
      answered = await attackFor(attackMs, gate.port, attack);
    });
    const cpuMs = gate.cpuMs() - cpuBefore;
    const report = await producers.stop();
    console.log(
      `${name}: ${answered} answered, CPU ${((cpuMs / attackMs) * 100).toFixed(0)} %, ` +
        `memory +${(grown / mib).toFixed(0)} MiB, producers p99 ${report.p99Ms.toFixed(1)} ms ` +
        `(alone: ${alone.p99Ms.toFixed(1)}), refusals ${JSON.stringify(report.refusals)}`,
    );
    expect(report.refusals).toEqual({});
    expect(report.sent).toBeGreaterThan((producersPerSecond * attackMs) / 1000 / 2);
    expect(grown).toBeLessThan(memoryMaxBytes);
    if (isLong) expect(report.p99Ms).toBeLessThan(Math.max(alone.p99Ms * 1.2, alone.p99Ms + 10));
  });
});

async function producersFor(gate: HostileGate, ms: number): Promise<ProducersReport> {
  const producers = startProducers(gate.port, producersCount, producersPerSecond);
  await sleep(ms);
  return producers.stop();
}
