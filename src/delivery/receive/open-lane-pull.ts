import type { DestinationConfig } from '../../config/config.ts';
import { ensureLaneConsumer, laneConsumer } from '../../jetstream/consume/lane/lane-consumer.ts';
import { openPull, type Pull, type PulledMessage } from '../../jetstream/consume/pull.ts';
import type { Log } from '../../jetstream/log.ts';
import type { Signals } from '../../observability/signals.ts';
import { laneAckPendingMax, pullMessagesMax } from '../capacity.ts';
import type { HeldRoom } from './held-room.ts';

/**
 * Pulls the redelivered events of a destination through a durable consumer of their own, which
 * begins at a position of REPLAY. Rejects if the log cannot be reached. `onMessage` may not throw.
 */
export async function openLanePull(
  options: {
    readonly destinationConfig: DestinationConfig;
    readonly log: Log;
    readonly signals: Signals;
  },
  from: number,
  { room }: HeldRoom,
  onMessage: (message: PulledMessage) => void,
): Promise<Pull> {
  const { log, signals, destinationConfig } = options;
  const { name, ackWaitMs } = destinationConfig;
  await ensureLaneConsumer(log, name, { from, ackWaitMs, ackPendingMax: laneAckPendingMax });
  return openPull({
    log,
    stream: 'REPLAY',
    consumer: laneConsumer(name),
    messagesMax: pullMessagesMax(laneAckPendingMax),
    room,
    onMessage,
    onTrouble: (text) => signals.trouble(`pulling redelivered events for ${name}`, text),
  });
}
