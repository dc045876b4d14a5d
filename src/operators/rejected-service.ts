import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import {
  RejectedEventSchema,
  type RejectedEvent,
} from '../../gen/headgate/v1/rejected_event_pb.ts';
import {
  RejectedFilterSchema,
  ReplayResultSchema,
  type RejectedFilter as FilterMessage,
  type RejectedService,
  type ReplayResult as ResultMessage,
} from '../../gen/headgate/v1/rejected_service_pb.ts';
import { ServiceError } from '../errors.ts';
import type { EventStatus } from '../event/verdict.ts';
import type { Signals } from '../observability/signals.ts';
import { answerOperators } from './answer-operators.ts';
import { notTaken, readPageSize } from './operator-answers.ts';
import { createTally } from '../quarantine/count-rejected.ts';
import type { RejectedEntry } from '../quarantine/rejected-entry.ts';
import type { Found, RejectedEvents, RejectedFilter } from '../quarantine/rejected-events.ts';
import type { Replay, ReplayResult } from '../quarantine/replay.ts';

export interface RejectedServiceOptions {
  readonly rejected: RejectedEvents;
  readonly replay: Replay;
  /** The event as POST /v1/track takes it. */
  readonly textOf: (entry: RejectedEntry) => string;
  readonly signals: Signals;
}

/** How many a page of counts reads at most; the walk ends it earlier. */
const countedMax = 100_000;
const bucketSecondsMin = 60;

/** `headgate.v1.RejectedService`, for the admin port. */
export function createRejectedService(
  options: RejectedServiceOptions,
): ServiceImpl<typeof RejectedService> {
  const { rejected, replay, textOf } = options;
  const answer = answerOperators('the service of rejected events', options.signals, notTaken);
  const find = async (sequence: bigint): Promise<Found> => {
    const found = await rejected.get(Number(sequence));
    if (found !== undefined) return found;
    throw new ServiceError('rejected_not_found', `There is no rejected event ${sequence}.`);
  };
  return {
    listRejected: ({ filter, pageSize, pageToken, withEvents }) =>
      answer(async () => {
        const page = await rejected.page(filterOf(filter), readPageSize(pageSize), pageToken);
        const told = page.items.map((found) => messageOf(found, withEvents ? textOf : undefined));
        return { ...page, rejected: told };
      }),
    getRejected: ({ sequence }) =>
      answer(async () => ({ rejected: messageOf(await find(sequence), textOf) })),
    countRejected: ({ filter, pageToken, bucketSeconds }) =>
      answer(async () => {
        if (bucketSeconds !== 0 && bucketSeconds < bucketSecondsMin) {
          refuse(`bucket_seconds is ${bucketSeconds}; at least ${bucketSecondsMin}, or 0.`);
        }
        const tally = createTally(bucketSeconds * 1000);
        const page = await rejected.page(filterOf(filter), countedMax, pageToken);
        for (const found of page.items) tally.add(found);
        return { counts: tally.counts(), nextPageToken: page.nextPageToken, walk: page.walk };
      }),
    replayRejected: (request) =>
      answer(async () => {
        const { sequence, dryRun, edits, replacementJson: replacement } = request;
        if (replacement !== '' && sequence === 0n) {
          refuse('replacement_json takes the place of one event: give its sequence.');
        }
        const how = { dryRun, edits, replacement };
        if (sequence !== 0n) {
          const found = await find(sequence);
          return { results: [resultOf(await replay.one(found, how))] };
        }
        const filter = { ...filterOf(request.filter), withReplayed: false };
        const size = readPageSize(request.pageSize);
        const page = await replay.page(filter, size, request.pageToken, how);
        return { ...page, results: page.items.map(resultOf) };
      }),
  };
}

function refuse(message: string): never {
  throw new ConnectError(message, Code.InvalidArgument);
}

function filterOf(message: FilterMessage | undefined): RejectedFilter {
  const { since, until, source, eventName, code, withReplayed } =
    message ?? create(RejectedFilterSchema);
  const time = (value: Timestamp | undefined, none: number): number =>
    value === undefined ? none : timestampMs(value);
  const bounds = { sinceMs: time(since, 0), untilMs: time(until, Number.POSITIVE_INFINITY) };
  return { source, eventName, code, withReplayed, ...bounds };
}

const statuses: Readonly<Record<EventStatus, EventResult_Status>> = {
  accepted: EventResult_Status.ACCEPTED,
  duplicate: EventResult_Status.DUPLICATE,
  rejected: EventResult_Status.REJECTED,
  retry: EventResult_Status.RETRY,
};

export function messageOf(found: Found, textOf?: (entry: RejectedEntry) => string): RejectedEvent {
  const { entry, error, replay } = found;
  const { sequence, source, eventName, idempotencyKey, door, contentType, correlationId } = entry;
  return create(RejectedEventSchema, {
    sequence: BigInt(sequence),
    source,
    eventName,
    idempotencyKey,
    receivedAt: timestampFromMs(entry.receivedAtMs),
    error: { code: error.code, message: error.message, violations: [...error.violations] },
    door,
    contentType,
    correlationId,
    sizeBytes: entry.bytes.length,
    ...(replay !== undefined && {
      replay: {
        replayedAt: timestampFromMs(replay.atMs),
        status: statuses[replay.status],
        sequence: BigInt(replay.storedSequence),
      },
    }),
    ...(textOf !== undefined && {
      original: new Uint8Array(entry.bytes),
      eventJson: textOf(entry),
    }),
  });
}

function resultOf(result: ReplayResult): ResultMessage {
  const { entry, eventName, idempotencyKey, status, error, storedSequence } = result;
  return create(ReplayResultSchema, {
    sequence: BigInt(entry.sequence),
    source: entry.source,
    eventName,
    idempotencyKey,
    status: statuses[status],
    storedSequence: BigInt(storedSequence),
    ...(error !== undefined && { error: { ...error, violations: [...error.violations] } }),
  });
}
