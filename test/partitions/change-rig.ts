import { expect } from 'vitest';

import type { Log } from '../../src/jetstream/log.ts';
import {
  requestPartitions,
  waitForPartitions,
} from '../../src/jetstream/server/partitions/change-partitions.ts';

/** Changes the number of partitions, and waits until it is complete. */
export async function change(log: Log, count: number): Promise<void> {
  expect(await requestPartitions(log, count)).toBeUndefined();
  expect(await waitForPartitions(log, 20_000)).toBe(true);
}
