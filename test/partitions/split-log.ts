import { headers as natsHeaders } from '@nats-io/nats-core';

import { eventPosition, sequenceIn } from '../../src/jetstream/events/event-position.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { StreamPart } from '../../src/jetstream/events/stream-parts.ts';
import { clientsForTests, withClients } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { partitionStream } from '../../src/jetstream/topology.ts';
import type { RealLog } from '../real-log.ts';

/** A log whose events take turns between partitions, so that neighbours are never in one partition. */
export interface SplitLog {
  readonly log: Log;
  /** The positions of the stored events, in the order of their acknowledgements. */
  readonly positions: readonly number[];
}

/** The partitions with these numbers take the events from now on, and those there are stay. */
export async function splitLog(real: RealLog, numbers: readonly number[]): Promise<SplitLog> {
  const clients = clientsForTests(real.log);
  const { streams } = clients.manager;
  const { config } = await streams.info(partitionStream(0));
  const [first] = partsOf(real.log, 'EVENTS');
  const parts: StreamPart[] = [first!];
  for (const partition of numbers) {
    const subjects = [`headgate.events.${partition}.*.*`];
    const stream = partitionStream(partition);
    await streams.add({
      ...config,
      name: stream,
      subjects,
      max_bytes: Math.floor(config.max_bytes / 4),
    });
    parts.push({
      ...first!,
      stream,
      partition,
      position: (sequence) => eventPosition(partition, sequence),
      sequence: sequenceIn,
    });
  }
  const positions: number[] = [];
  let turn = 0;
  const store: Log['store'] = async (stream, subject, headers, payload) => {
    if (stream !== 'EVENTS') return real.log.store(stream, subject, headers, payload);
    const partition = [0, ...numbers][turn % (numbers.length + 1)]!;
    turn += 1;
    const inPartition = subject.replace('headgate.events.0.', `headgate.events.${partition}.`);
    const wanted = natsHeaders();
    for (const [name, value] of Object.entries(headers)) wanted.set(name, value);
    const jetstream = clients.manager.jetstream();
    const ack = await jetstream.publish(inPartition, payload, { headers: wanted });
    const { seq, duplicate } = ack;
    positions.push(eventPosition(partition, seq));
    return { sequence: positions.at(-1)!, duplicate };
  };
  const events = { ...clients.events, parts: () => parts, refresh: async () => {} };
  return { log: withClients({ ...real.log, store }, { ...clients, events }), positions };
}
