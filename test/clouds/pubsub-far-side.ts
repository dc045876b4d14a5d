import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { pubsubType } from '../../src/destinations/pubsub/type.ts';
import type { FarSide } from '../destinations/conformance.ts';
import { startRelay } from '../destinations/relay.ts';
import { pubsubProgram } from './engine-folder.ts';
import { startGoFake } from './go-fake.ts';

/** test/clouds/fake-pubsub, on loopback, with nothing on disk. */
export interface FakePubsub {
  readonly port: number;
  createTopic(): Promise<PubsubTopic>;
  stop(): Promise<void>;
}

export interface PublishedMessage {
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
}

export interface PubsubTopic {
  readonly id: string;
  /** Every message so far, copies included, in the order in which they came. */
  messages(): Promise<readonly PublishedMessage[]>;
}

export const project = 'test-project';

export async function startFakePubsub(): Promise<FakePubsub> {
  const { port, url, stop } = await startGoFake(pubsubProgram);
  let topics = 0;
  return {
    port,
    stop,
    async createTopic() {
      const id = `events-${(topics += 1)}`;
      const query = encodeURIComponent(`projects/${project}/topics/${id}`);
      await fetch(`${url}/topics?name=${query}`, { method: 'POST' });
      return {
        id,
        async messages() {
          const lines = await (await fetch(`${url}/messages?topic=${query}`)).text();
          const whole = lines.split('\n').filter((text) => text !== '');
          return whole.map((text) => JSON.parse(text) as PublishedMessage);
        },
      };
    },
  };
}

export const idOf = ({ attributes }: PublishedMessage): string => attributes['event_id']!;

export function pubsubSettings(
  port: number,
  topic: string,
  more: DestinationSettings = {},
): DestinationSettings {
  const defaults = Object.entries(pubsubType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  const own = { project, topic, endpoint: `http://127.0.0.1:${port}`, timeout: 1_000 };
  return { ...Object.fromEntries(defaults), ...own, ...more };
}

/** A topic of its own behind a relay. Each `event_id` counts once, as docs/destinations/pubsub.md asks of consumers. */
export async function startPubsubFarSide(
  fake: FakePubsub,
  more: DestinationSettings,
): Promise<FarSide> {
  const relay = await startRelay(fake.port);
  const topic = await fake.createTopic();
  return {
    settings: pubsubSettings(relay.port, topic.id, more),
    counted: async () => [...new Set((await topic.messages()).map(idOf))],
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => relay.loseAnswers(),
    unstall: () => relay.thaw(),
    oversize: { propertyBytes: 10_000_001, outcome: { kind: 'dead' } },
    refused: {
      overrides: { properties: { refused_by_schema: true } },
      outcome: { kind: 'dead', status: 'INVALID_ARGUMENT' },
    },
    close: () => relay.close(),
  };
}
