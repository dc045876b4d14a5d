import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

import type { SignalService } from '../../../gen/headgate/v1/signal_service_pb.ts';
import { sumCounts, type CountedHour } from '../../counts/read-counts.ts';
import type { CountedDestination, CountedPair, PairCounts } from '../../counts/hour-counts.ts';
import { canonicalName } from '../../event/name/event-name.ts';
import { readCountEntries } from '../../jetstream/counts/count-entries.ts';
import type { Log } from '../../jetstream/log.ts';
import { readBounds } from '../request-fields.ts';

/** Pairs of a name and a source, and destinations, in one answer. */
const pairsShownMax = 1_000;

export interface SignalServiceOptions {
  readonly log: Log;
  /** Adds what this process has counted, so that its events are in the answer. Never rejects. */
  readonly addNow: () => Promise<void>;
}

/** `headgate.v1.SignalService`, for the admin port. */
export function createSignalService({
  log,
  addNow,
}: SignalServiceOptions): ServiceImpl<typeof SignalService> {
  return {
    getHourlyCounts: async ({ since, until, eventName, source, withEvents }) => {
      const bounds = readBounds({ since, until });
      await addNow();
      const range = { ...bounds, eventName: canonicalName(eventName), source };
      const { hours, pairs, destinations, updatedAtMs } = await sumCounts(
        readCountEntries(log),
        range,
        Date.now(),
      );
      return {
        hours: hours.map(hourMessage),
        events: withEvents ? pairs.slice(0, pairsShownMax).map(pairMessage) : [],
        destinations: destinations.slice(0, pairsShownMax).map(destinationMessage),
        updatedAt: updatedAtMs === undefined ? undefined : timestampFromMs(updatedAtMs),
      };
    },
  };
}

function hourMessage({ startMs, delivered, ...counts }: CountedHour) {
  const hour = timestampFromMs(startMs);
  return { hour, ...countFields(counts), delivered: BigInt(delivered) };
}

function destinationMessage({ destination, delivered }: CountedDestination) {
  return { destination, delivered: BigInt(delivered) };
}

function pairMessage({ eventName, source, ...counts }: CountedPair) {
  return { eventName, source, ...countFields(counts) };
}

function countFields({ accepted, duplicate, rejected, dead }: PairCounts) {
  return {
    accepted: BigInt(accepted),
    duplicate: BigInt(duplicate),
    rejected: BigInt(rejected),
    deadLetters: BigInt(dead),
  };
}
