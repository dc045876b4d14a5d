import type { ConsumerInfo } from '@nats-io/jetstream';
import { setTimeout as sleep } from 'node:timers/promises';

import { clientsOf } from '../clients.ts';
import { partsOf, withParts } from '../events/event-streams.ts';
import type { Log } from '../log.ts';
import { consumedStreams } from '../topology.ts';
import { isOfDestination } from './destination-consumer.ts';
import { isLaneConsumer } from './lane/lane-consumer.ts';

/** The shortest that nats-server takes without a message that it is too short. */
const shortAckWaitNs = 1_000_000;
/** It looks for messages whose wait is over 100 ms after the wait of a consumer has changed. */
const lookMs = 300;

/**
 * Makes the log deliver again at once what workers of an earlier run held. nats-server keeps on its disk
 * which messages are delivered, but not which of them were given back: after its restart each waits for
 * the rest of its acknowledgement wait. So this wait is short for a moment.
 *
 * Call it only if no worker runs: one that does would share its messages with the next. Rejects when the
 * log cannot be reached.
 */
export async function redeliverHeld(log: Log): Promise<void> {
  const { manager } = clientsOf(log);
  const held: ConsumerInfo[] = [];
  for (const stream of consumedStreams) {
    await withParts(log, stream, async () => {
      for (const part of partsOf(log, stream)) {
        for await (const info of manager.consumers.list(part.stream)) {
          const { name, config } = info;
          const isOurs = isOfDestination(stream, name, config) || isLaneConsumer(name);
          if (isOurs && info.num_ack_pending > 0) held.push(info);
        }
      }
    });
  }
  if (held.length === 0) return;
  const update = (ackWaitOf: (info: ConsumerInfo) => number): Promise<unknown> =>
    Promise.all(
      held.map((info) =>
        manager.consumers.update(info.stream_name, info.name, { ack_wait: ackWaitOf(info) }),
      ),
    );
  try {
    await update(() => shortAckWaitNs);
    await sleep(lookMs);
  } finally {
    await update(({ config }) => config.ack_wait!);
  }
}
