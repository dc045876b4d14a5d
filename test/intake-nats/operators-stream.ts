import { AckPolicy, DeliverPolicy, jetstream, type ConsumerConfig } from '@nats-io/jetstream';
import { headers, nanos } from '@nats-io/nats-core';

import type { OperatorsNats } from '../destinations/nats-server.ts';

/** A stream of an operator, with the durable consumer that a gate takes from. */
export interface OperatorsStream {
  readonly stream: string;
  readonly consumer: string;
  /** Its lines below `intake.nats`. */
  yaml(source: string, settings?: Readonly<Record<string, unknown>>): string;
  /** Publishes a message and waits until the stream has it. An object is sent as JSON. */
  publish(payload: unknown, named?: Readonly<Record<string, string>>): Promise<number>;
  /** Messages that are not acknowledged yet. */
  pending(): Promise<number>;
  /** As `durable` was made first, for a test that deleted it. */
  addConsumer(settings?: Partial<ConsumerConfig>): Promise<void>;
}

export const consumer = 'headgate';

export async function makeStream(
  nats: OperatorsNats,
  stream: string,
  settings: Partial<ConsumerConfig> = {},
): Promise<OperatorsStream> {
  const { manager, connection, port } = nats;
  const subject = `${stream.toLowerCase()}.in`;
  await manager.streams.add({ name: stream, subjects: [subject] });
  const addConsumer = async (others: Partial<ConsumerConfig> = {}): Promise<void> => {
    await manager.consumers.add(stream, {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(1_000),
      ...settings,
      ...others,
    });
  };
  await addConsumer();
  return {
    stream,
    consumer,
    yaml: (source, others = {}) =>
      `    ${source}: ${JSON.stringify({ stream, consumer, url: `nats://127.0.0.1:${port}`, ...others })}\n`,
    publish: async (payload, named = {}) => {
      const all = headers();
      for (const [name, value] of Object.entries(named)) all.set(name, value);
      const bytes =
        payload instanceof Uint8Array || typeof payload === 'string'
          ? payload
          : JSON.stringify(payload);
      return (await jetstream(connection).publish(subject, bytes, { headers: all })).seq;
    },
    pending: async () => {
      const { last_seq: last } = (await manager.streams.info(stream)).state;
      const info = await manager.consumers.info(stream, consumer);
      // The consumer learns of a message a moment after it was stored: until then nothing is pending.
      const undelivered = Math.max(info.num_pending, last - info.delivered.stream_seq);
      return undelivered + info.num_ack_pending;
    },
    addConsumer,
  };
}

/** Waits until everything is acknowledged. */
export async function settledAll(stream: OperatorsStream): Promise<boolean> {
  return (await stream.pending()) === 0;
}
