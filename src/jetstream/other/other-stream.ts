import { readFileSync } from 'node:fs';

import { jetstreamManager } from '@nats-io/jetstream';
import {
  credsAuthenticator,
  type ConnectionOptions,
  type NatsConnection,
} from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

import { dialOptions, dropSocket, flushWithin } from '../connection.ts';
import { createMessageAnswers } from '../consume/pulling/message-answers.ts';
import { runPull, type Pull, type PullRoom } from '../consume/pulling/pull-requests.ts';
import type { Pulled, PulledMessage } from '../consume/pulling/pulled-message.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { StoredStreamName } from '../topology.ts';
import { createTraffic } from '../traffic.ts';
import {
  describe,
  inspectConsumer,
  messagesMax,
  OtherStreamFault,
  type ConsumerState,
  type OtherConsumer,
} from './inspect-consumer.ts';

/** How to reach a NATS of the operator. */
export interface OtherServer {
  /** host:port, or a URL. */
  readonly servers: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Read at each connection. */
  readonly credsFile?: string;
  /** Undefined: without TLS, unless the server asks for it. */
  readonly tls?: { readonly caFile?: string } | undefined;
}

/** A message with its headers by lower-case name: publishers write them as they like. */
export interface OtherMessage {
  readonly pulled: PulledMessage;
  readonly headers: Readonly<Record<string, string>>;
}

export interface OtherPullSettings {
  readonly room: () => PullRoom;
  readonly onMessage: (message: OtherMessage) => void;
  readonly onTrouble: (text: string) => void;
}

/** A connection to the NATS of an operator, with its consumer as it was found. */
export interface OtherStream {
  readonly state: ConsumerState;
  /** Reads the consumer again. Throws an OtherStreamFault. */
  inspect(): Promise<ConsumerState>;
  pull(settings: OtherPullSettings): Pull;
  readonly isClosed: () => boolean;
  /** Resolves when the connection is lost. It is never opened again. */
  readonly closed: Promise<void>;
  /** Waits until the server has what was sent, such as acknowledgements. Never rejects. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const connectTimeoutMs = 3_000;
const requestTimeoutMs = 5_000;
/** Two PINGs without an answer: the server is left after 10 to 15 s. */
const pingIntervalMs = 5_000;

/** Connects, and inspects the consumer. Throws an OtherStreamFault. `name` is what NATS shows. */
export async function openOtherStream(
  server: OtherServer,
  consumer: OtherConsumer,
  name: string,
): Promise<OtherStream> {
  const connection = await connectTo(server, name);
  const close = async (): Promise<void> => {
    dropSocket(connection);
    await connection.close().catch(() => undefined);
  };
  try {
    const options = { checkAPI: false, timeout: requestTimeoutMs };
    const manager = await jetstreamManager(connection, options);
    const answers = createMessageAnswers(connection);
    const inspect = (): Promise<ConsumerState> => inspectConsumer(manager, consumer);
    return {
      state: await inspect(),
      inspect,
      pull: ({ onMessage, ...settings }) =>
        runPull({
          ...settings,
          connection,
          manager,
          answers,
          messagesMax,
          traffic: createTraffic(),
          part: plainPart(consumer.stream),
          consumer: consumer.consumer,
          onMessage: (pulled) => onMessage({ pulled, headers: headersOf(pulled) }),
        }),
      isClosed: () => connection.isClosed(),
      closed: connection.closed().then(() => undefined),
      flush: () => {
        answers.flush();
        return flushWithin(connection);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connectTo(server: OtherServer, name: string): Promise<NatsConnection> {
  try {
    return await connect({
      ...optionsOf(server),
      name,
      // A lost connection is opened again by the caller, with the files as they are then.
      reconnect: false,
      timeout: connectTimeoutMs,
      pingInterval: pingIntervalMs,
      noAsyncTraces: true,
    });
  } catch (error) {
    throw new OtherStreamFault(`its NATS cannot be reached: ${describe(error)}`, { cause: error });
  }
}

function optionsOf({ token, credsFile, tls, ...address }: OtherServer): ConnectionOptions {
  return {
    ...dialOptions(address),
    ...(token !== undefined && { token }),
    ...(credsFile !== undefined && { authenticator: credsAuthenticator(readFileSync(credsFile)) }),
    ...(tls !== undefined && { tls }),
  };
}

/** A stream whose positions are its sequences. */
function plainPart(stream: string): StreamPart {
  const same = <Value>(value: Value): Value => value;
  return {
    stream: stream as StoredStreamName,
    partition: 0,
    from: 1,
    isClosed: false,
    position: same,
    sequence: same,
    subject: same,
  };
}

function headersOf({ headers }: Pulled): Record<string, string> {
  if (headers === undefined) return {};
  const named = headers
    .keys()
    .map((name): [string, string] => [name.toLowerCase(), headers.get(name)]);
  return Object.fromEntries(named);
}
