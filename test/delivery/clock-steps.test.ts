import { afterEach, describe, expect, test, vi } from 'vitest';

import { delivered } from '../../src/destinations/destination.ts';
import { createJanitor } from '../../src/jetstream/consume/janitor.ts';
import { startRealLog } from '../real-log.ts';
import {
  countMessages,
  createTestSignals,
  destinationConfig,
  publishEvents,
  readDead,
  recording,
  settled,
  startWorker,
  unsettled,
  until,
} from './rig.ts';

const day = 86_400_000;
const hour = 3_600_000;
const delayMs = 2_200;

/** Steps the wall clock of this process, which then goes on. NATS keeps its own. */
function step(ms: number): void {
  vi.restoreAllMocks();
  const { now } = Date;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ms);
}
afterEach(() => void vi.restoreAllMocks());

const refused = {
  kind: 'retry',
  fault: 'event',
  reason: 'not yet',
  status: '422',
  notBeforeMs: delayMs,
} as const;

describe.each([
  ['a day ahead and back', day, 0],
  ['a day ahead', 0, day],
  ['a day back', 0, -day],
  ['a day back and ahead', -day, 0],
])('a clock that steps %s', (_name, before, after) => {
  test('delays a retry by no more than its own delay, and tries it no sooner', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const destination = recording(({ attempt }) => (attempt < 2 ? refused : delivered));
    const retry = { attempts: 5, baseMs: 1, capMs: 1, maxAgeMs: hour };
    const { signals } = createTestSignals();
    step(before);
    const worker = await startWorker(log, destination, {
      signals,
      config: destinationConfig({ retry }),
    });
    await publishEvents(log, 20);
    await until(
      () => unsettled(log, 'crm', 'RETRY'),
      (count) => count === 20,
    );
    step(after);
    await settled(log, 'crm', 'RETRY', 10_000);
    await worker.stop();
    const { seen } = destination;
    expect(seen).toHaveLength(40);
    for (const { eventId, atMs } of seen.slice(0, 20)) {
      const next = seen.slice(20).find((one) => one.eventId === eventId);
      expect(next!.atMs - atMs).toBeGreaterThan(delayMs - 20);
      expect(next!.atMs - atMs).toBeLessThan(3 * delayMs);
    }
    expect(await readDead(log)).toEqual([]);
  });

  test('makes the janitor delete nothing early', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const janitor = createJanitor({
      log,
      retentionMs: hour,
      destinations: ['crm'],
      onTrouble: () => {},
    });
    step(before);
    await publishEvents(log, 10);
    await janitor.run();
    await publishEvents(log, 10);
    const worker = await startWorker(log, recording());
    await settled(log);
    await worker.stop();
    step(after);
    expect(await janitor.run()).toBe(0);
    expect(await countMessages(log, 'EVENTS')).toBe(20);
  });
});

test('events that arrive while the janitor runs are deleted after the retention, whatever the clock says', async () => {
  await using real = await startRealLog();
  const { log } = real;
  const janitor = createJanitor({
    log,
    retentionMs: 500,
    destinations: ['crm'],
    onTrouble: () => {},
    // The clock of this process was set wrong at its start.
    now: () => Date.now() - day,
  });
  await publishEvents(log, 10);
  const worker = await startWorker(log, recording());
  await settled(log);
  await worker.stop();
  expect(await janitor.run()).toBe(0);
  await until(
    () => janitor.run(),
    (deleted) => deleted === 9,
  );
});
