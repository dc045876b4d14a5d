import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';

import {
  RejectedFilterSchema,
  type RejectedFilter as RejectedFilterMessage,
  type RejectedService,
} from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { ServiceError } from '../../errors.ts';
import { createTally } from '../../quarantine/count-rejected.ts';
import type { RejectedEntry } from '../../quarantine/rejected-entry.ts';
import type { Found, RejectedEvents, RejectedFilter } from '../../quarantine/rejected-events.ts';
import type { DiscardEvents } from '../../quarantine/discard.ts';
import type { Replay } from '../../quarantine/replay.ts';
import { rejectedIds } from '../audit/event-ids.ts';
import { recordFound } from '../audit/found-events.ts';
import {
  readBounds,
  readEventName,
  readPageSize,
  readSequenceMax,
  readUser,
  readWhy,
  refuse,
} from '../request-fields.ts';
import { countMessage, rejectedMessage, replayMessage } from './rejected-message.ts';

export interface RejectedServiceOptions {
  readonly rejected: RejectedEvents;
  readonly replay: Replay;
  readonly discard: DiscardEvents;
  /** The event in the form of POST /v1/track. */
  readonly textOf: (entry: RejectedEntry) => string;
}

/** How many events a page of counts reads at most; the walk's own limits may end it earlier. */
const countedMax = 100_000;
const bucketSecondsMin = 60;

/** `headgate.v1.RejectedService`, for the admin port. */
export function createRejectedService(
  options: RejectedServiceOptions,
): ServiceImpl<typeof RejectedService> {
  const { rejected, replay, discard, textOf } = options;
  const find = async (sequence: bigint): Promise<Found> => {
    if (sequence === 0n)
      refuse('sequence is missing: give the number of a rejected event, from 1.');
    // No log gets as far, and NATS cannot read such a number.
    const isReadable = sequence <= BigInt(Number.MAX_SAFE_INTEGER);
    const found = isReadable ? await rejected.get(Number(sequence)) : undefined;
    if (found !== undefined) return found;
    throw new ServiceError('rejected_not_found', `There is no rejected event ${sequence}.`);
  };
  return {
    listRejected: async ({ filter, pageSize, pageToken, withEvents }) => {
      const page = await rejected.page(filterOf(filter), readPageSize(pageSize), pageToken);
      const messages = page.items.map((found) =>
        rejectedMessage(found, withEvents ? textOf : undefined),
      );
      return { ...page, rejected: messages };
    },
    getRejected: async ({ sequence }) => ({
      rejected: rejectedMessage(await find(sequence), textOf),
    }),
    countRejected: async ({ filter, pageToken, bucketSeconds }) => {
      if (bucketSeconds !== 0 && bucketSeconds < bucketSecondsMin) {
        refuse(`bucket_seconds is ${bucketSeconds}; at least ${bucketSecondsMin}, or 0.`);
      }
      const tally = createTally(bucketSeconds * 1000);
      const page = await rejected.page(filterOf(filter), countedMax, pageToken);
      for (const found of page.items) tally.add(found);
      const counts = tally.groups().map(countMessage);
      return { counts, nextPageToken: page.nextPageToken, walk: page.walk };
    },
    replayRejected: async (request) => {
      const { sequence, dryRun, edits, replacementJson: replacement } = request;
      if (replacement !== '' && sequence === 0n) {
        refuse('replacement_json replaces one event: give its sequence.');
      }
      const how = { dryRun, edits, replacement };
      if (sequence !== 0n) {
        const result = await replay.one(await find(sequence), how);
        return { results: [replayMessage(result)] };
      }
      const filter = { ...filterOf(request.filter), withReplayed: false, withDiscarded: false };
      const size = readPageSize(request.pageSize);
      const page = await replay.page(filter, size, request.pageToken, how);
      return { ...page, results: page.items.map(replayMessage) };
    },
    discardRejected: async (request, context) => {
      const { sequence, dryRun } = request;
      const how = { why: readWhy(request.why), dryRun };
      if (sequence !== 0n) {
        await discard.one(await find(sequence), how);
        return { sequences: [sequence] };
      }
      const size = readPageSize(request.pageSize);
      const page = await discard.page(filterOf(request.filter), size, request.pageToken, how);
      recordFound(
        context,
        page.items.map(({ entry }) =>
          rejectedIds(entry.sequence, entry.source, entry.idempotencyKey),
        ),
      );
      return { ...page, sequences: page.items.map(({ entry }) => BigInt(entry.sequence)) };
    },
  };
}

function filterOf(message: RejectedFilterMessage | undefined): RejectedFilter {
  const filter = message ?? create(RejectedFilterSchema);
  const { source, code, withReplayed, withDiscarded } = filter;
  const eventName = readEventName(filter.eventName);
  const user = readUser(filter.user);
  return {
    sequenceMax: readSequenceMax(filter.sequenceMax),
    source,
    eventName,
    code,
    user,
    withReplayed,
    withDiscarded,
    ...readBounds(filter),
  };
}
