import type { DestinationConfig } from '../../config/config.ts';
import type { DeliveredStream } from '../../event/delivery-attempt.ts';
import { ensureDestinationConsumer } from '../../jetstream/consume/destination-consumer.ts';
import { recordFilter } from '../../jetstream/consume/filter-history.ts';
import { partsOf } from '../../jetstream/events/event-streams.ts';
import type { StreamPart } from '../../jetstream/events/stream-parts.ts';
import type { Log } from '../../jetstream/log.ts';
import { openPacedPull } from '../../jetstream/consume/paced-pull.ts';
import { openPull, type Pull, type PulledMessage } from '../../jetstream/consume/pull.ts';
import { DelayedMessage } from '../../jetstream/consume/delayed-copies.ts';
import { consumedStreams, type ConsumedStream } from '../../jetstream/topology.ts';
import type { Signals } from '../../observability/signals.ts';
import {
  ackPendingMax,
  deliveriesMax,
  pullMessagesMax,
  replayAckPendingMax,
  retriedMax,
  delayedEventsMax,
} from '../capacity.ts';

export interface OpenPullsOptions {
  readonly destinationConfig: DestinationConfig;
  readonly log: Log;
  readonly signals: Signals;
  readonly eventBytesMax: number;
}

/** What a worker does with pulled messages. No function may throw: that would end the pull. */
export interface PullReceiver {
  onMessage(message: PulledMessage, stream: DeliveredStream): void;
  /** Receives a delayed event, which may not be due yet. */
  onDelayedCopy(message: DelayedMessage): void;
  /** How many more delayed events the worker has room for. */
  room(): number;
}

/** Pulls for a destination from EVENTS, REPLAY and RETRY, through a durable consumer on each. */
export async function openPulls(options: OpenPullsOptions, receiver: PullReceiver): Promise<Pull> {
  const { destinationConfig: config, log, signals, eventBytesMax } = options;
  const pulls: Pull[] = [];
  const stop = async (): Promise<void> => {
    await Promise.allSettled(pulls.map((pull) => pull.stop()));
  };
  const pending: Readonly<Record<ConsumedStream, number>> = {
    EVENTS: ackPendingMax(eventBytesMax),
    REPLAY: replayAckPendingMax(eventBytesMax),
    RETRY: delayedEventsMax,
  };
  const open = async (stream: ConsumedStream, part: StreamPart): Promise<Pull> => {
    await ensureDestinationConsumer(
      log,
      stream,
      config.name,
      {
        // -1: the log never gives up a delayed copy, because no advisory would report it.
        attempts: stream === 'RETRY' ? -1 : deliveriesMax(config.retry),
        ackWaitMs: config.ackWaitMs,
        ackPendingMax: pending[stream],
      },
      part,
    );
    if (stream === 'EVENTS') await recordFilter(log, part, config.name, config);
    const pull = {
      log,
      stream,
      part,
      consumer: config.name,
      onTrouble: (text: string) =>
        signals.trouble(`pulling for ${config.name} from ${stream}`, text),
    };
    if (stream !== 'RETRY') {
      const onMessage = (message: PulledMessage): void => receiver.onMessage(message, stream);
      return openPull({ ...pull, messagesMax: pullMessagesMax(pending[stream]), onMessage });
    }
    return openPacedPull({
      ...pull,
      messagesMax: retriedMax(eventBytesMax),
      onMessage: (message) => receiver.onDelayedCopy(new DelayedMessage(message)),
      room: receiver.room,
    });
  };
  try {
    for (const stream of consumedStreams) {
      for (const part of partsOf(log, stream)) pulls.push(await open(stream, part));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
