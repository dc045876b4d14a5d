import { expect, test } from 'vitest';

import { startFar } from './far.ts';
import { countArrived, farMessages, sendWhileKilled } from './killed-relay.ts';
import type { ProducerLanguage } from './producers.ts';

/** `npm run test:relay`. */
const isLong = process.env['RELAY'] === 'long';
const events = isLong ? 100_000 : 3_000;
const kills = isLong ? 20 : 3;
const languages: readonly ProducerLanguage[] = isLong ? ['Python', 'Go', 'Java'] : ['Python'];

test(
  `${events} events through a relay that is killed ${kills} times, with the far gate away and a full disk`,
  async () => {
    const far = await startFar();
    try {
      const run = await sendWhileKilled(far, { events, kills, languages, fillsDisk: isLong });
      console.log(run.story);
      // The faults did happen.
      expect(run.refusals.full).toBeGreaterThan(0);
      expect(run.refusals.unanswered).toBeGreaterThan(0);
      // Every refused event has its verdict, from the contracts of the far gate.
      expect(run.rejected.size).toBe(events / 50);
      expect(new Set(run.rejected.values())).toEqual(new Set(['schema_violation']));
      expect([...run.rejected.keys()].filter((key) => !run.listed.has(key))).toEqual([]);
      expect(run.dead).toBe(0);
      // Every acknowledged event is in the far warehouse, once.
      const { size } = run.accepted;
      expect(size).toBe(events - events / 50);
      await expect
        .poll(() => countArrived(far, run.accepted), { timeout: 20_000 })
        .toEqual({ missing: 0, wrong: 0, rows: size });
      expect(await farMessages(far)).toBe(size);
    } finally {
      await far.close();
    }
  },
  isLong ? 1_800_000 : 180_000,
);
