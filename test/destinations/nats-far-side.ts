import type { StoredMsg } from '@nats-io/jetstream';

import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { natsType } from '../../src/destinations/nats/type.ts';
import type { FarSide } from './conformance.ts';
import type { OperatorsNats } from './nats-server.ts';
import { startRelay } from './relay.ts';

/** The defaults of the type, to a server on this machine. */
export function natsSettings(port: number, more: DestinationSettings = {}): DestinationSettings {
  const defaults = Object.entries(natsType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  return {
    ...Object.fromEntries(defaults),
    url: `nats://127.0.0.1:${port}`,
    subject: 'events.{event_name}',
    timeout: 1_000,
    batch_events: 256,
    ...more,
  };
}

/** Every message of a stream, second copies included. */
export async function readStream({ manager }: OperatorsNats, stream: string): Promise<StoredMsg[]> {
  const { state } = await manager.streams.info(stream);
  const messages: StoredMsg[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message !== null) messages.push(message);
  }
  return messages;
}

let streams = 0;
const messageBytesMax = 64 * 1024;

/** A stream of its own, behind a relay: each message counts. */
export async function startNatsFarSide(server: OperatorsNats): Promise<FarSide> {
  const stream = `far_${(streams += 1)}`;
  await server.manager.streams.add({
    name: stream,
    subjects: [`${stream}.>`],
    max_msg_size: messageBytesMax,
  });
  const relay = await startRelay(server.port);
  const outcome = { kind: 'dead', status: 'MESSAGE_TOO_LARGE' } as const;
  return {
    settings: natsSettings(relay.port, { subject: `${stream}.{event_name}.{source}`, stream }),
    async counted() {
      const messages = await readStream(server, stream);
      return messages.map(({ header }) => header.get('event_id'));
    },
    goDown: () => relay.close(),
    comeUp: () => relay.listen(),
    stall: () => relay.freeze(),
    takeSilently: () => relay.loseAnswers(),
    unstall: () => relay.thaw(),
    oversize: { propertyBytes: messageBytesMax, outcome },
    refused: { overrides: { properties: { text: 'x'.repeat(messageBytesMax) } }, outcome },
    async close() {
      await relay.close();
      await server.manager.streams.delete(stream);
    },
  };
}
