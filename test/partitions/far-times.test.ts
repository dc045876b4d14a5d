import { expect, test } from 'vitest';

import { lengthOf } from '../../src/jetstream/events/ranges.ts';
import { findRanges } from '../../src/jetstream/read/read-ranges.ts';
import { publishEvents } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';

const msOf = (time: string): number => Date.parse(time);

test.each([1, 3])(
  'times that nats-server cannot count are before or after all events, in %s partitions',
  async (partitions) => {
    await using real = await startRealLog({ partitions });
    const { log } = real;
    await publishEvents(log, 30);
    const found = async (time: { sinceMs?: number; untilMs?: number }): Promise<number> =>
      lengthOf(await findRanges(log, 'EVENTS', time));
    for (const late of [
      '2027-01-01',
      '2262-04-11T23:47:16Z',
      '2262-04-12',
      '2300-01-01',
      '2612-01-01',
      '9999-12-31',
    ]) {
      expect([late, await found({ sinceMs: msOf(late) })]).toEqual([late, 0]);
      expect([late, await found({ untilMs: msOf(late) })]).toEqual([late, 30]);
    }
    for (const early of [
      '1970-01-01T00:00:01Z',
      '1969-12-31',
      '1677-09-21',
      '1600-01-01',
      '0001-01-01',
    ]) {
      expect([early, await found({ sinceMs: msOf(early) })]).toEqual([early, 30]);
      expect([early, await found({ untilMs: msOf(early) })]).toEqual([early, 0]);
    }
  },
);
