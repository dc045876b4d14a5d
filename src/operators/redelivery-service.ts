import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';

import {
  Redelivery_State as State,
  RedeliverySchema,
  type CountRedeliveryRequest,
  type Redelivery,
  type RedeliverySelection,
  type RedeliverySelectionSchema,
  type RedeliveryService,
} from '../../gen/headgate/v1/redelivery_service_pb.ts';
import { eventGlobPattern } from '../config/write-key.ts';
import { ServiceError } from '../errors.ts';
import type { EventFilter } from '../event/event-filter.ts';
import { readLanePosition } from '../jetstream/consume/lane/lane-consumer.ts';
import type { Log } from '../jetstream/log.ts';
import { walkProgress } from '../jetstream/read/walk/walk-pages.ts';
import type { Signals } from '../observability/signals.ts';
import { countSelection, type StoredEventsOf } from '../redelivery/count-selection.ts';
import { hasEnded, type JobState, type RedeliveryJob } from '../redelivery/job.ts';
import { createRedeliveryJobs } from '../redelivery/jobs.ts';
import type { Selection } from '../redelivery/selection.ts';
import { operatorOf } from './access/operator.ts';
import { readBounds, readSequenceMax, readUser, refuse } from './request-fields.ts';

export interface RedeliveryServiceOptions {
  readonly log: Log;
  readonly signals: Pick<Signals, 'note'>;
  /** The destinations of the configuration. */
  readonly destinations: readonly RedeliveryDestination[];
  /**
   * How a destination is asked what it holds; undefined if it cannot be asked. Undefined if this
   * process delivers to no destination.
   */
  readonly storedOf: ((name: string) => StoredEventsOf) | undefined;
}

/** A destination of the configuration, as far as redeliveries need it. */
export interface RedeliveryDestination extends EventFilter {
  readonly name: string;
  readonly type: string;
  readonly secondCopies: string;
}

/** Events a second. The default leaves a destination most of its time; above it nothing is gained. */
const rateDefault = 1_000;
const rateMax = 20_000;
const namePattern = /^[a-z0-9_*-]{0,100}$/;

/** `headgate.v1.RedeliveryService`, for the admin port. */
export function createRedeliveryService(
  options: RedeliveryServiceOptions,
): ServiceImpl<typeof RedeliveryService> {
  const { log, signals } = options;
  const jobs = createRedeliveryJobs(log);
  const answer = async (job: RedeliveryJob) => ({ redelivery: await describe(log, job) });
  const changed = (context: HandlerContext, job: RedeliveryJob, text: string) => {
    const { id, destination } = job;
    signals.note({ destination, id, operator: operatorOf(context).name }, text);
    return answer(job);
  };

  return {
    countRedelivery: (request, context) => count(options, request, context),
    startRedelivery: async (request, context) => {
      const { destination, selection } = readSelection(options, request.selection);
      if (request.rate > rateMax) {
        refuse(`rate is ${request.rate}; at most ${rateMax} events a second are sent again.`);
      }
      const rate = request.rate === 0 ? rateDefault : request.rate;
      const job = await jobs.start(
        destination.name,
        selection,
        rate,
        readSequenceMax(request.sequenceMax),
      );
      return changed(context, job, 'redelivery started');
    },
    listRedeliveries: async () => {
      const all = await jobs.list();
      return { redeliveries: await Promise.all(all.map((job) => describe(log, job))) };
    },
    pauseRedelivery: async ({ id }, context) =>
      changed(context, await jobs.pause(id), 'redelivery paused'),
    resumeRedelivery: async ({ id }, context) =>
      changed(context, await jobs.resume(id), 'redelivery resumed'),
    cancelRedelivery: async ({ id }, context) =>
      changed(context, await jobs.cancel(id), 'redelivery cancelled'),
  };
}

async function count(
  options: RedeliveryServiceOptions,
  request: CountRedeliveryRequest,
  { signal }: HandlerContext,
) {
  const { destination, selection } = readSelection(options, request.selection);
  const { name, type, secondCopies } = destination;
  const stored = options.storedOf?.(name);
  if (selection.missing && options.storedOf === undefined) {
    refuse(
      `missing: this process does not deliver to ${name}, and cannot ask it. Call the admin port of a process that does.`,
    );
  }
  const { pageToken } = request;
  const audited = { name, type, filter: destination, stored };
  const page = await countSelection({
    log: options.log,
    destination: audited,
    selection,
    pageToken,
    signal,
  });
  return {
    counts: [...page.counts].map(([eventName, events]) => ({ eventName, count: BigInt(events) })),
    waiting: BigInt(page.leftOut.waiting),
    dead: BigInt(page.leftOut.dead),
    walk: page.walk,
    ...(page.oldestMs !== undefined && { oldest: timestampFromMs(page.oldestMs) }),
    reachesBeyondLog: page.isCut,
    secondCopies,
    nextPageToken: page.nextPageToken,
  };
}

function readSelection(
  { destinations, storedOf }: RedeliveryServiceOptions,
  message: RedeliverySelection | undefined,
): { readonly destination: RedeliveryDestination; readonly selection: Selection } {
  if (message === undefined || message.destination === '') {
    return refuse('selection.destination is missing: name one destination.');
  }
  const { destination: name, eventName, source, user, missing } = message;
  const destination = destinations.find((one) => one.name === name);
  if (destination === undefined) {
    const text = `The configuration of this process has no destination ${name}.`;
    throw new ServiceError('destination_not_found', text);
  }
  const { sinceMs, untilMs } = readBounds(message);
  if (sinceMs >= untilMs) refuse('since is not before until.');
  if (eventName !== '' && !eventGlobPattern.test(eventName)) {
    refuse('event_name is no name and no pattern such as order_*.');
  }
  if (!namePattern.test(source)) refuse('source is no source and no pattern such as shop-*.');
  readUser(user);
  if (missing && storedOf !== undefined && storedOf(name) === undefined) {
    refuse(`missing: ${name} cannot be asked what it holds. Select by time instead.`);
  }
  return { destination, selection: { sinceMs, untilMs, eventName, source, user, missing } };
}

const states: Readonly<Record<JobState, State>> = {
  running: State.RUNNING,
  paused: State.PAUSED,
  cancelling: State.CANCELLING,
  cancelled: State.CANCELLED,
  done: State.DONE,
  failed: State.FAILED,
};

async function describe(log: Log, job: RedeliveryJob): Promise<Redelivery> {
  const { id, state, rate, ranges, rest, sent, note, startedAtMs, endedAtMs } = job;
  const lane = hasEnded(job) ? undefined : await readLanePosition(log, job.destination);
  const isUnheld = state === 'running' && job.holder === '';
  return create(RedeliverySchema, {
    id,
    selection: selectionMessage(job),
    state: states[state],
    rate,
    startedAt: timestampFromMs(startedAtMs),
    ...(endedAtMs > 0 && { endedAt: timestampFromMs(endedAtMs) }),
    walk: walkProgress(ranges, rest),
    sent: BigInt(sent),
    waiting: BigInt(lane === undefined ? 0 : lane.inWork + lane.waiting),
    note: isUnheld ? 'no worker has taken it yet' : note,
  });
}

function selectionMessage({
  destination,
  selection,
}: RedeliveryJob): MessageInitShape<typeof RedeliverySelectionSchema> {
  const { sinceMs, untilMs, eventName, source, user, missing } = selection;
  return {
    destination,
    ...(sinceMs > 0 && { since: timestampFromMs(sinceMs) }),
    ...(Number.isFinite(untilMs) && { until: timestampFromMs(untilMs) }),
    eventName,
    source,
    user,
    missing,
  };
}
