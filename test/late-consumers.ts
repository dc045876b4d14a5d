import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';

import { clientsForTests, withClients } from '../src/jetstream/clients.ts';
import type { Log } from '../src/jetstream/log.ts';

/** A consumer that has settled its messages up to a sequence, and counts no others. */
export const countsNothing =
  (settledUpTo: number) =>
  (info: ConsumerInfo): ConsumerInfo => ({
    ...info,
    num_pending: 0,
    num_ack_pending: 0,
    delivered: { ...info.delivered, stream_seq: settledUpTo },
    ack_floor: { ...info.ack_floor, stream_seq: settledUpTo },
  });

/**
 * The same log, whose consumers report something else: on a cluster the leader of a consumer may lag
 * behind that of its stream.
 */
export function withConsumers(log: Log, late: (info: ConsumerInfo) => ConsumerInfo): Log {
  const clients = clientsForTests(log);
  const { manager } = clients;
  const consumers = {
    info: async (stream: string, name: string) => late(await manager.consumers.info(stream, name)),
    list: async function* (stream: string) {
      for await (const info of manager.consumers.list(stream)) yield late(info);
    },
  };
  const { streams, direct } = manager;
  const stub = { streams, direct, consumers } as unknown as JetStreamManager;
  return withClients({ ...log, syncStream: async () => {} }, { ...clients, manager: stub });
}
