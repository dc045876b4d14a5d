import { Admin, Consumer } from '@platformatic/kafka';
import type { FarSide } from '../destinations/conformance.ts';
import type { Relay } from '../destinations/relay.ts';
import type { Broker } from './broker.ts';

/** A record of the topic, as a consumer gets it. */
export interface KafkaRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface KafkaFarSide extends FarSide {
  readonly topic: string;
  /** Every record, second copies included. */
  records(): Promise<KafkaRecord[]>;
}

const partitions = 3;
let topics = 0;

/** A topic of its own; it counts as docs/destinations.md asks consumers to: each `event_id` once. */
export async function startKafkaFarSide(broker: Broker, relay: Relay): Promise<KafkaFarSide> {
  const client = { clientId: 'test', bootstrapBrokers: [broker.address] };
  const topic = `events-${(topics += 1)}`;
  const admin = new Admin(client);
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  await admin.close();
  const records = (): Promise<KafkaRecord[]> => readTopic(client, topic);
  return {
    topic,
    records,
    settings: {
      brokers: `127.0.0.1:${broker.advertisedPort}`,
      topic,
      tls: false,
      sasl_mechanism: null,
      username: null,
      password: null,
      timeout: 1500,
    },
    async counted() {
      return [...new Set((await records()).map(({ headers }) => headers['event_id']!))];
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => relay.loseAnswers(),
    unstall: () => relay.thaw(),
    oversize: {
      propertyBytes: 1_100_000,
      outcome: { kind: 'dead', status: 'MESSAGE_TOO_LARGE' },
    },
    refused: {
      overrides: { properties: { text: 'x'.repeat(1_100_000) } },
      outcome: { kind: 'dead', status: 'MESSAGE_TOO_LARGE' },
    },
    close: () => undefined,
  };
}

async function readTopic(
  client: { clientId: string; bootstrapBrokers: string[] },
  topic: string,
): Promise<KafkaRecord[]> {
  const consumer = new Consumer({ ...client, groupId: `${topic}-${performance.now()}` });
  try {
    const ends = await consumer.listOffsets({ topics: [topic] });
    const total = [...ends.values()].flat().reduce((sum, end) => sum + Number(end), 0);
    const records: KafkaRecord[] = [];
    if (total === 0) return records;
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    for await (const { key, value, headers } of stream) {
      const named = [...headers].map(([name, text]) => [String(name), String(text)]);
      records.push({ key: String(key), value, headers: Object.fromEntries(named) });
      if (records.length === total) break;
    }
    return records;
  } finally {
    await consumer.close(true);
  }
}
