import type { DestinationConfig } from '../../config/config.ts';
import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import type { Destination } from '../../destinations/destination.ts';
import { ensureDestinationConsumer } from '../../jetstream/consume/destination-consumer.ts';
import { recordFilter } from '../../jetstream/consume/filter-history.ts';
import { fixStart } from '../../jetstream/consume/start-position.ts';
import { partsOf } from '../../jetstream/events/event-streams.ts';
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
  /** Whether this process takes events, too: `pullMessagesMax`. */
  readonly besideIntake: boolean;
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

/** Pulls for a destination from EVENTS, REPLAY, RETRY and ASIDE, through a durable consumer on each. */
export async function openPulls(options: OpenPullsOptions, receiver: PullReceiver): Promise<Pull> {
  const { destinationConfig: config, log, signals, rooms, besideIntake } = options;
  const pulls: Pull[] = [];
  const stop = async (): Promise<void> => {
    await Promise.allSettled(pulls.map((pull) => pull.stop()));
  };
  const open = (stream: ConsumedStream, part: StreamPart): Promise<Pull> =>
    openPull({
      log,
      stream,
      part,
      consumer: config.name,
      messagesMax:
        stream === 'RETRY' ? retriedMax : pullMessagesMax(pendingOf(options)[stream], besideIntake),
      room: rooms[stream].room,
      onMessage: (message) => {
        if (stream === 'RETRY') receiver.onDelayedCopy(new DelayedMessage(message));
        else if (stream === 'ASIDE') receiver.onAsideCopy(new AsideMessage(message));
        else receiver.onMessage(message, stream);
      },
      onTrouble: (text) => signals.trouble(`pulling for ${config.name} from ${stream}`, text),
    });
  const tries = {
    onRetry: (error: unknown) => signals.trouble(`opening the consumers of ${config.name}`, error),
    isStopping: options.stopping,
  };
  try {
    const parts = consumedStreams.flatMap((stream) =>
      partsOf(log, stream).map((part) => ({ stream, part })),
    );
    // First all consumers: once messages arrive, these requests would wait behind them.
    for (const { stream, part } of parts) {
      await retryWhileAway(() => ensure(options, stream, part), tries);
    }
    for (const { stream, part } of parts) {
      pulls.push(await retryWhileAway(() => open(stream, part), tries));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    more: () => {
      for (const pull of pulls) pull.more();
    },
    stop,
  };
}
