import { expect, test } from 'vitest';

import { startFar } from './far.ts';
import { countArrived, farMessages, sendWhileKilled } from './killed-relay.ts';

test('3,000 events through a relay that is killed three times, with the far gate away and a full disk', async () => {
  const far = await startFar();
  try {
    const run = await sendWhileKilled(far, { events: 3_000, kills: 3 });
    console.log(run.story);
    // The faults did happen.
    expect(run.refusals.full).toBeGreaterThan(0);
    expect(run.refusals.unanswered).toBeGreaterThan(0);
    // Every refused event has its verdict, from the contracts of the far gate.
    expect(run.rejected.size).toBe(60);
    expect(new Set(run.rejected.values())).toEqual(new Set(['schema_violation']));
    expect(run.dead).toBe(0);
    // Every acknowledged event is in the far warehouse, once.
    const { size } = run.accepted;
    expect(size).toBe(2_940);
    await expect
      .poll(() => countArrived(far, run.accepted), { timeout: 20_000 })
      .toEqual({ missing: 0, wrong: 0, rows: size });
    expect(await farMessages(far)).toBe(size);
  } finally {
    await far.close();
  }
}, 180_000);
