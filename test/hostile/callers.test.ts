import { describe, expect, test } from 'vitest';

import { attacks } from './attacks.ts';
import { compare, p99MaxMs, producersPerSecond, type Comparison } from './compare.ts';
import { isLong, memoryGrowth, startHostileGate } from './hostile-gate.ts';

/*
 * What anonymous requests cost, and what producers at the same address see meanwhile: issue "cheap to refuse". Here
 * the attacks are short and the bounds generous, for a shared machine; `npm run test:hostile` runs them several times
 * and compares latencies, too.
 */

const attackMs = isLong ? 2_500 : 1_500;
const rounds = isLong ? 5 : 1;
const sentMin = (producersPerSecond * attackMs * rounds) / 1000 / 2;
const isEnough = (sent: number): boolean => sent > sentMin;
const mib = 1024 * 1024;
/** V8 and the C library keep some of what was free before: this much is no finding. */
const memoryMaxBytes = 200 * mib;

describe('anonymous load', () => {
  test.each(Object.keys(attacks))('leaves producers alone: %s', async (attack) => {
    await using gate = await startHostileGate();
    let compared: Comparison;
    const grown = await memoryGrowth(gate, async () => {
      compared = await compare({
        gate,
        startDecoy: startHostileGate,
        attack,
        rounds,
        ms: attackMs,
        isEnough,
      });
    });
    const { sent, refusals, p99Ms, text } = compared!;
    console.log(`${text}, memory +${(grown / mib).toFixed(0)} MiB`);
    expect(refusals).toEqual({});
    expect(sent).toBeGreaterThan(sentMin);
    expect(grown).toBeLessThan(memoryMaxBytes);
    expect(p99Ms).toBeLessThan(isLong ? p99MaxMs(compared!) : Infinity);
  });

  /*
   * Not within the bar: 8,000 open requests are 60 MB of objects, and each time V8 moves the young ones, everything
   * stops for 20 to 30 ms.
   */
  test('thousands of unfinished uploads of a byte end nothing', async () => {
    await using gate = await startHostileGate();
    const attack = 'thousands of unfinished uploads';
    const options = { gate, startDecoy: startHostileGate, attack, rounds, ms: attackMs, isEnough };
    const { sent, refusals, text } = await compare(options);
    console.log(text);
    expect(refusals).toEqual({});
    expect(sent).toBeGreaterThan(sentMin);
  });
});
