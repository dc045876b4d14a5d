import { expect, test } from 'vitest';

import { startRealLog } from '../real-log.ts';
import {
  createTestSignals,
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
  until,
} from './rig.ts';

/* A destination that has accepted events, and cannot pass them on. */

test('trouble with accepted events shows as parked and in its metric, also while no event comes', async () => {
  await using real = await startRealLog();
  const { metrics, signals } = createTestSignals();
  const told: [boolean, string][] = [];
  const watched = {
    ...signals,
    destinationParked: (name: string, parked: boolean, reason: string): void => {
      told.push([parked, reason]);
      signals.destinationParked(name, parked, reason);
    },
  };
  const destination = recording();
  let trouble: string | undefined;
  const worker = await startWorker(
    real.log,
    { ...destination, trouble: () => trouble },
    { signals: watched, config: destinationConfig({ ackWaitMs: 200 }) },
  );
  await publishEvents(real.log, 20);
  await until(
    () => destination.seen.length,
    (count) => count === 20,
  );
  await settled(real.log);
  expect([worker.state().kind, told]).toEqual(['running', []]);

  trouble = 'no such bucket';
  const parked = await until(worker.state, ({ kind }) => kind === 'parked');
  expect(parked).toMatchObject({ reason: 'no such bucket', nextProbeMs: undefined });
  expect(parked.sinceMs).toBeGreaterThan(0);
  expect(metrics.gauges.destinationParked.get('crm')).toBe(1);
  // It is told once, and the newest reason shows.
  trouble = 'no right to write';
  const explained = await until(worker.state, ({ reason }) => reason === trouble);
  expect(explained.sinceMs).toBe(parked.sinceMs);
  // It takes events all the same: whether it wants them is for `deliver` to say.
  await publishEvents(real.log, 5);
  await until(
    () => destination.seen.length,
    (count) => count === 25,
  );

  trouble = undefined;
  await until(worker.state, ({ kind }) => kind === 'running');
  expect(metrics.gauges.destinationParked.get('crm')).toBe(0);
  expect(told).toEqual([
    [true, 'no such bucket'],
    [false, ''],
  ]);
  await worker.stop();
}, 30_000);
