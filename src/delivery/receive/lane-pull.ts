import type { DestinationConfig } from '../../config/config.ts';
import { ensureLaneConsumer, laneConsumer } from '../../jetstream/consume/lane/lane-consumer.ts';
import {
  flushSettled,
  openPull,
  type Pull,
  type PulledMessage,
} from '../../jetstream/consume/pull.ts';
import type { Log } from '../../jetstream/log.ts';
import type { Signals } from '../../observability/signals.ts';
import { laneAckPendingMax, pullMessagesMax } from '../capacity.ts';
import type { Lanes } from '../lanes.ts';
import type { Settler } from '../settle.ts';
import type { HeldRoom } from './held-room.ts';

export interface LanePullOptions {
  readonly destinationConfig: DestinationConfig;
  readonly log: Log;
  readonly signals: Signals;
  readonly settler: Pick<Settler, 'release'>;
  readonly queue: Pick<Lanes, 'takeRedelivered'>;
  readonly isTaking: () => boolean;
}

/** The pull of redelivered events, which is open while there are any. */
export interface LanePull extends Pull {
  /**
   * Pulls from a position of REPLAY on, through a durable consumer of the lane. Resolves to a function
   * that ends this, and releases what waits in the worker. Rejects if the log cannot be reached.
   * `onMessage` may not throw.
   */
  open(
    from: number,
    room: HeldRoom,
    onMessage: (message: PulledMessage) => void,
  ): Promise<() => Promise<void>>;
}

export function createLanePull(options: LanePullOptions): LanePull {
  const { log, signals, settler, queue, destinationConfig } = options;
  const { name, ackWaitMs } = destinationConfig;
  let pull: Pull | undefined;
  const stop = async (): Promise<void> => {
    await pull?.stop();
    pull = undefined;
  };
  return {
    more: () => pull?.more(),
    stop,
    open: async (from, { room }, onMessage) => {
      await ensureLaneConsumer(log, name, { from, ackWaitMs, ackPendingMax: laneAckPendingMax });
      pull = await openPull({
        log,
        stream: 'REPLAY',
        consumer: laneConsumer(name),
        messagesMax: () => pullMessagesMax(laneAckPendingMax, options.isTaking()),
        room,
        onMessage,
        onTrouble: (text) => signals.trouble(`pulling redelivered events for ${name}`, text),
      });
      return async () => {
        await stop();
        for (const held of queue.takeRedelivered()) settler.release(held);
        await flushSettled(log);
      };
    },
  };
}
