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
  /** How many there are. */
  count(): Promise<number>;
}

const partitions = 3;
let topics = 0;

/** A topic of its own; it counts as docs/destinations/kafka.md asks consumers to: each `event_id` once. */
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
    count: () => withConsumer(client, topic, (consumer) => countRecords(consumer, topic)),
    settings: {
      brokers: `127.0.0.1:${broker.advertisedPort}`,
      topic,
      tls: false,
      sasl_mechanism: null,
      username: null,
      password: null,
      timeout: 3000,
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

interface Client {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
}

async function withConsumer<Value>(
  client: Client,
  topic: string,
  use: (consumer: Consumer) => Promise<Value>,
): Promise<Value> {
  const consumer = new Consumer({ ...client, groupId: `${topic}-${performance.now()}` });
  try {
    return await use(consumer);
  } finally {
    await consumer.close(true);
  }
}

async function countRecords(consumer: Consumer, topic: string): Promise<number> {
  const ends = await consumer.listOffsets({ topics: [topic] });
  return [...ends.values()].flat().reduce((sum, end) => sum + Number(end), 0);
}

function readTopic(client: Client, topic: string): Promise<KafkaRecord[]> {
  return withConsumer(client, topic, async (consumer) => {
    const total = await countRecords(consumer, topic);
    const records: KafkaRecord[] = [];
    if (total === 0) return records;
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    for await (const { key, value, headers } of stream) {
      const named = [...headers].map(([name, text]) => [String(name), String(text)]);
      records.push({ key: String(key), value, headers: Object.fromEntries(named) });
      if (records.length === total) break;
    }
    return records;
  });
}
