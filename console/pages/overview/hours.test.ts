import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';

import { HourlyCountSchema } from '../../../gen/headgate/v1/signal_service_pb.ts';
import { hourMs, signalHours } from './hours.ts';

const runningMs = 500_000 * hourMs;
const hourOf = (hoursAgo: number, accepted: number) =>
  create(HourlyCountSchema, {
    hour: timestampFromMs(runningMs - hoursAgo * hourMs),
    accepted: BigInt(accepted),
  });

test('an hour is compared with the same hour seven days before', () => {
  const hours = [hourOf(169, 40), hourOf(168, 1), hourOf(23, 5), hourOf(1, 50), hourOf(0, 7)];
  const of = signalHours(hours, 'accepted', runningMs);
  expect(of).toMatchObject({ runningHour: 7, lastHour: 50, lastHourBefore: 40, total: 62 });
  // The running hour is not over: its count would always look like a fall.
  expect([of.day.length, of.day[0], of.day.at(-1)]).toEqual([23, 5, 50]);
  expect([of.dayBefore.length, of.dayBefore.at(-1)]).toEqual([23, 40]);
});

test('without counts everything is 0', () => {
  const of = signalHours([], 'rejected', runningMs);
  expect(of).toMatchObject({ runningHour: 0, lastHour: 0, lastHourBefore: 0, total: 0 });
});
