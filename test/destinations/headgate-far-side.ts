import { hashWriteKey } from '../../src/config/write-key.ts';
import type { DestinationSettings } from '../../src/destinations/destination.ts';
import { headgateType } from '../../src/destinations/headgate/type.ts';
import { decodeStoredEvent, type StoredEvent } from '../../src/event/stored-event.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { natsStream } from '../nats-stream.ts';
import { startRealService, type RealService } from '../real-service.ts';
import type { FarSide } from './conformance.ts';
import { startRelay } from './relay.ts';

/** Another gate, and a key of it that relays every source but `intruder`. */
export interface FarGate {
  readonly gate: RealService;
  readonly port: number;
  readonly key: string;
}

export const relaySource = 'relay-a';
const eventBytesMax = 64 * 1024;

export async function startFarGate(env: Readonly<Record<string, string>> = {}): Promise<FarGate> {
  const key = 'hg_key-of-the-relay';
  const relaySources = ['checkout', 'shop', 'web-*'];
  const gate = await startRealService({
    env: {
      HEADGATE_AUTH: 'keys',
      HEADGATE_ENFORCEMENT: 'warn',
      HEADGATE_LIMITS_EVENT_BYTES_MAX: String(eventBytesMax),
      ...env,
    },
    // JSON is YAML too.
    yaml: JSON.stringify({
      keys: [
        { source: relaySource, hash: hashWriteKey(key), relay_sources: relaySources },
        { source: 'web-limited', hash: hashWriteKey('hg_other'), limits: { events_per_second: 1 } },
      ],
      destinations: {},
    }),
  });
  return { gate, port: Number(new URL(gate.url).port), key };
}

/** The defaults of the type, to a gate on this machine. */
export function farGateSettings(
  port: number,
  key: string,
  more: DestinationSettings = {},
): DestinationSettings {
  const defaults = Object.entries(headgateType.settings).map(
    ([name, setting]) => [name, setting.default ?? null] as const,
  );
  return {
    ...Object.fromEntries(defaults),
    url: `http://127.0.0.1:${port}`,
    key,
    timeout: 1_000,
    batch_events: 500,
    batch_bytes: 2 * 1024 * 1024,
    concurrency: 8,
    ...more,
  };
}

/** A message of the log of a gate: an event, with its headers. */
export interface LoggedMessage {
  readonly event: StoredEvent;
  readonly text: string;
  header(name: string): string;
}

/** The events of a gate's log from a sequence number on. */
export async function readLog(gate: RealService, from = 1): Promise<LoggedMessage[]> {
  const { manager } = clientsForTests(gate.service.log);
  const stream = natsStream('EVENTS');
  const { state } = await manager.streams.info(stream);
  const found: LoggedMessage[] = [];
  for (let seq = Math.max(from, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message === null || message.subject.includes('_canary')) continue;
    const text = Buffer.from(message.data).toString();
    const header = (name: string): string => message.header.get(name);
    found.push({ event: decodeStoredEvent(text), text, header });
  }
  return found;
}

export async function lastSequence(gate: RealService): Promise<number> {
  const { manager } = clientsForTests(gate.service.log);
  return (await manager.streams.info(natsStream('EVENTS'))).state.last_seq;
}

/** What the gate stores from now on, behind a relay of bytes. */
export async function startHeadgateFarSide({ gate, port, key }: FarGate): Promise<FarSide> {
  const from = (await lastSequence(gate)) + 1;
  const network = await startRelay(port);
  return {
    settings: farGateSettings(network.port, key),
    async counted() {
      return (await readLog(gate, from)).map(({ event }) => event.eventId);
    },
    goDown: () => network.close(),
    comeUp: () => network.listen(),
    stall: () => network.freeze(),
    takeSilently: () => network.loseAnswers(),
    unstall: () => network.thaw(),
    oversize: {
      propertyBytes: eventBytesMax,
      outcome: { kind: 'dead', status: 'event_too_large' },
    },
    refused: {
      overrides: { source: 'intruder' },
      outcome: { kind: 'dead', status: 'source_not_relayed' },
    },
    close: () => network.close(),
  };
}
