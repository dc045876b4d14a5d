import type { DestinationConfig } from '../config/config.ts';
import type { DeliveredStream } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import { openPull, type Pull, type PulledMessage } from '../jetstream/pull.ts';
import { consumerSettings, ensureConsumer } from '../jetstream/topology.ts';
import type { Signals } from '../observability/signals.ts';
import { ackPendingMax, deliveriesMax, pullMessagesMax, replayAckPendingMax } from './capacity.ts';

export interface OpenPullsOptions {
  readonly destinationConfig: DestinationConfig;
  readonly log: Log;
  readonly signals: Signals;
  readonly eventBytesMax: number;
}

/**
 * Pulls for a destination from EVENTS and from REPLAY, through a durable consumer on each.
 * `onMessage` must not throw: that would end the pull.
 */
export async function openPulls(
  options: OpenPullsOptions,
  onMessage: (message: PulledMessage, stream: DeliveredStream) => void,
): Promise<Pull> {
  const { destinationConfig: config, log, signals, eventBytesMax } = options;
  const pulls: Pull[] = [];
  const stop = async (): Promise<void> => {
    await Promise.allSettled(pulls.map((pull) => pull.stop()));
  };
  const pending: Readonly<Record<DeliveredStream, number>> = {
    EVENTS: ackPendingMax(eventBytesMax),
    REPLAY: replayAckPendingMax(eventBytesMax),
  };
  try {
    for (const stream of ['EVENTS', 'REPLAY'] as const) {
      const settings = consumerSettings(stream, config.name, {
        attempts: deliveriesMax(config.retry),
        ackWaitMs: config.ackWaitMs,
        ackPendingMax: pending[stream],
      });
      await ensureConsumer(log.manager, stream, settings);
      pulls.push(
        await openPull({
          log,
          stream,
          consumer: config.name,
          messagesMax: pullMessagesMax(pending[stream]),
          onMessage: (message) => onMessage(message, stream),
          onTrouble: (text) => signals.trouble(`pulling for ${config.name} from ${stream}`, text),
        }),
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
