import type { StoredMsg } from '@nats-io/jetstream';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { freeze } from '../frozen-process.ts';
import { startRealService, type RealService, type RealServiceOverrides } from '../real-service.ts';
import { closeSessions } from './wire.ts';
import { natsStream } from '../nats-stream.ts';

/** A message of a stream as any NATS client reads it. */
export interface Kept {
  readonly sequence: number;
  readonly subject: string;
  readonly bytes: Buffer;
  header(name: string): string;
}

/** The real service, and what its streams hold. */
export interface OpenGate extends AsyncDisposable {
  readonly real: RealService;
  readonly port: number;
  readonly url: string;
  /** Every message of EVENTS from `after` on. */
  events(after?: number): Promise<Kept[]>;
  rejected(after?: number): Promise<Kept[]>;
  /** The sequence of the newest message. */
  last(stream: 'EVENTS' | 'REJECTED'): Promise<number>;
  /** kill -9 of nats-server, which the service starts again by itself. */
  killServer(): void;
  /** Pauses nats-server until the returned function is called. */
  freezeServer(): Promise<() => void>;
}

/** Has no destinations: tests read the streams. */
const withoutDestinations = 'destinations: {}\n';

export async function openGate(overrides: RealServiceOverrides = {}): Promise<OpenGate> {
  const real = await startRealService({
    ...overrides,
    yaml: `${withoutDestinations}${overrides.yaml ?? ''}`,
  });
  const { manager } = clientsForTests(real.service.log);
  const read = async (stream: 'EVENTS' | 'REJECTED', after: number): Promise<Kept[]> => {
    const { state } = await manager.streams.info(natsStream(stream));
    const kept: Kept[] = [];
    for (
      let sequence = Math.max(after + 1, state.first_seq);
      sequence <= state.last_seq;
      sequence += 1
    ) {
      const message = await manager.streams.getMessage(natsStream(stream), { seq: sequence });
      if (message !== null) kept.push(keptOf(message));
    }
    return kept;
  };
  const { embedded } = real.service;
  const port = Number(new URL(real.url).port);
  return {
    real,
    port,
    url: real.url,
    events: (after = 0) => read('EVENTS', after),
    rejected: (after = 0) => read('REJECTED', after),
    last: async (stream) => (await manager.streams.info(natsStream(stream))).state.last_seq,
    killServer: () => process.kill(embedded!.processId()!, 'SIGKILL'),
    freezeServer: async () => {
      const processId = embedded!.processId()!;
      await freeze(processId);
      return () => process.kill(processId, 'SIGCONT');
    },
    [Symbol.asyncDispose]: async () => {
      closeSessions(port);
      await real[Symbol.asyncDispose]();
    },
  };
}

function keptOf(message: StoredMsg): Kept {
  return {
    sequence: message.seq,
    subject: message.subject,
    bytes: Buffer.from(message.data),
    header: (name) => message.header?.get(name) ?? '',
  };
}
