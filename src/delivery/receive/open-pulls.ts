import type { DestinationConfig } from '../../config/config.ts';
import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import type { Destination } from '../../destinations/destination.ts';
import { ensureDestinationConsumer } from '../../jetstream/consume/destination-consumer.ts';
import { recordFilter } from '../../jetstream/consume/filter-history.ts';
import { fixStart } from '../../jetstream/consume/start-position.ts';
import { partsOf, refreshParts } from '../../jetstream/events/event-streams.ts';
import type { StreamPart } from '../../jetstream/events/stream-parts.ts';
import type { Log } from '../../jetstream/log.ts';
import { retryWhileAway } from '../../jetstream/retry-while-away.ts';
import { openPull, type Pull, type PulledMessage } from '../../jetstream/consume/pull.ts';
import { AsideMessage } from '../../jetstream/consume/aside/aside-copies.ts';
import { DelayedMessage } from '../../jetstream/consume/delayed-copies.ts';
import type { HeldRoom } from './held-room.ts';
import { consumedStreams, type ConsumedStream } from '../../jetstream/topology.ts';
import type { Signals } from '../../observability/signals.ts';
import {
  ackPendingMax,
  asideAckPendingMax,
  deliveriesMax,
  pullMessagesMax,
  replayAckPendingMax,
  retriedMax,
  delayedEventsMax,
} from '../capacity.ts';

export interface OpenPullsOptions {
  readonly destinationConfig: DestinationConfig;
  readonly destination: Pick<Destination, 'heldEventsMax'>;
  readonly log: Log;
  readonly signals: Signals;
  /** The memory for the events of each stream. */
  readonly rooms: Readonly<Record<ConsumedStream, HeldRoom>>;
  readonly stopping: () => boolean;
  /** Whether this process takes events just now: `pullMessagesMax`. */
  readonly isTaking: () => boolean;
}

/** What a worker does with pulled messages. No function may throw: that would end the pull. */
export interface PullReceiver {
  onMessage(message: PulledMessage, stream: DeliveredStream): void;
  /** Receives a delayed event, which may not be due yet. */
  onDelayedCopy(message: DelayedMessage): void;
  /** Receives an event that was moved aside. */
  onAsideCopy(message: AsideMessage): void;
}

/** How many messages of each stream the log delivers at once. */
function pendingOf({ destination }: OpenPullsOptions): Readonly<Record<ConsumedStream, number>> {
  return {
    EVENTS: destination.heldEventsMax ?? ackPendingMax,
    REPLAY: replayAckPendingMax,
    RETRY: delayedEventsMax,
    ASIDE: asideAckPendingMax,
  };
}

async function ensure(
  options: OpenPullsOptions,
  stream: ConsumedStream,
  part: StreamPart,
): Promise<void> {
  const { destinationConfig: config, log } = options;
  const start =
    stream === 'EVENTS' && config.start !== undefined
      ? (await fixStart(log, config.name, config.start)).start
      : undefined;
  await ensureDestinationConsumer(
    log,
    stream,
    config.name,
    {
      // -1: the log never gives up a copy, because no advisory would report it.
      attempts: stream === 'RETRY' || stream === 'ASIDE' ? -1 : deliveriesMax(config.retry),
      ackWaitMs: config.ackWaitMs,
      ackPendingMax: pendingOf(options)[stream],
      whenFull: config.whenFull,
      start,
    },
    part,
  );
  if (stream === 'EVENTS') await recordFilter(log, part, config.name, config);
}

/** The parts of the log change seldom, and how they have changed is known without a request. */
const followIntervalMs = 1_000;

/**
 * Pulls for a destination from EVENTS, REPLAY, RETRY and ASIDE, through a durable consumer on each of
 * their parts. Opens those that are added later, and ends those that are deleted.
 */
export async function openPulls(options: OpenPullsOptions, receiver: PullReceiver): Promise<Pull> {
  const { destinationConfig: config, log, signals } = options;
  const pulls = new Map<string, Pull>();
  let following: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    await following;
    await Promise.allSettled([...pulls.values()].map((pull) => pull.stop()));
  };
  const trouble = (error: unknown): void =>
    signals.trouble(`opening the consumers of ${config.name}`, error);
  const retrying = <Value>(request: () => Promise<Value>): Promise<Value> =>
    retryWhileAway(request, { onRetry: trouble, isStopping: options.stopping });
  const follow = async (): Promise<void> => {
    const wanted = pulledParts(log);
    const added = wanted.filter(({ part }) => !pulls.has(part.stream));
    // First all consumers: once messages arrive, these requests would wait behind them.
    for (const { stream, part } of added) await retrying(() => ensure(options, stream, part));
    for (const { stream, part } of added) {
      pulls.set(part.stream, await retrying(() => openPart(options, receiver, stream, part)));
    }
    for (const [name, pull] of pulls) {
      if (wanted.some(({ part }) => part.stream === name)) continue;
      pulls.delete(name);
      await pull.stop();
    }
  };
  try {
    await follow();
  } catch (error) {
    await stop();
    throw error;
  }
  timer = setInterval(() => {
    if (options.stopping()) return;
    following ??= follow()
      .catch(trouble)
      .finally(() => {
        following = undefined;
      });
  }, followIntervalMs);
  return {
    more: () => {
      for (const pull of pulls.values()) pull.more();
    },
    stop,
  };
}

interface PulledPart {
  readonly stream: ConsumedStream;
  readonly part: StreamPart;
}

function pulledParts(log: Log): PulledPart[] {
  return consumedStreams.flatMap((stream) =>
    partsOf(log, stream).map((part) => ({ stream, part })),
  );
}

function openPart(
  options: OpenPullsOptions,
  receiver: PullReceiver,
  stream: ConsumedStream,
  part: StreamPart,
): Promise<Pull> {
  const { destinationConfig: config, log, signals, rooms, isTaking } = options;
  return openPull({
    log,
    stream,
    part,
    consumer: config.name,
    messagesMax:
      stream === 'RETRY'
        ? retriedMax
        : () => pullMessagesMax(pendingOf(options)[stream], isTaking()),
    room: rooms[stream].room,
    onMessage: (message) => {
      if (stream === 'RETRY') receiver.onDelayedCopy(new DelayedMessage(message));
      else if (stream === 'ASIDE') receiver.onAsideCopy(new AsideMessage(message));
      else receiver.onMessage(message, stream);
    },
    onTrouble: (text) => {
      void isDeleted(log, stream, part).then((isGone) => {
        if (!isGone) signals.trouble(`pulling for ${config.name} from ${stream}`, text);
      });
    },
  });
}

/** A closed part is deleted with its consumers, while pulls from it are open. Never rejects. */
async function isDeleted(log: Log, stream: ConsumedStream, part: StreamPart): Promise<boolean> {
  await refreshParts(log, stream);
  return !partsOf(log, stream).some((one) => one.stream === part.stream);
}
