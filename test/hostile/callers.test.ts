import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { attackFor, attacks } from './attacks.ts';
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

describe('anonymous load', () => {
  test.each(Object.keys(attacks))('leaves producers alone: %s', async (name) => {
    await using gate = await startHostileGate();
    // Alone first: what is compiled and allocated once is no cost of an attack.
    const alone = await producersFor(gate, isLong ? attackMs : 1_000);
    const producers = startProducers(gate.port, producersCount, producersPerSecond);
    const cpuBefore = gate.cpuMs();
    let answered = 0;
    const grown = await memoryGrowth(gate, async () => {
      answered = await attackFor(attackMs, gate.port, name);
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
    const p99MaxMs = isLong ? Math.max(alone.p99Ms * 1.2, alone.p99Ms + 10) : Infinity;
    expect(report.p99Ms).toBeLessThan(p99MaxMs);
  });
});

async function producersFor(gate: HostileGate, ms: number): Promise<ProducersReport> {
  const producers = startProducers(gate.port, producersCount, producersPerSecond);
  await sleep(ms);
  return producers.stop();
}
