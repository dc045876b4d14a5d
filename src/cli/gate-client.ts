import net from 'node:net';

import { createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';

import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { formatListenAddress, isSocket, parseSocketPath } from '../config/address.ts';
import { ClientSessions } from '../destinations/headgate/client-sessions.ts';
import { StartError } from '../errors.ts';
import { commandSettings } from './command-settings.ts';

/** The protocols of `--protocol`. */
export const trackProtocols = ['grpc', 'connect'] as const;
export type TrackProtocol = (typeof trackProtocols)[number];

export interface GateClient extends Disposable {
  readonly url: string;
  readonly service: Client<typeof TrackService>;
  /** Whether it sends a write key. */
  readonly hasKey: boolean;
}

export interface GateClientOptions {
  /** The value of --url. */
  readonly url?: string | undefined;
  /** The value of --config. */
  readonly config?: string | undefined;
  /** The value of --key. */
  readonly key?: string | undefined;
  readonly protocol: TrackProtocol;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A batch is validated and stored in milliseconds: a gate that is silent for this long hangs. */
const callTimeoutMs = 30_000;

/** Calls the endpoints of a gate. Connects with the first call. */
export function connectGate(options: GateClientOptions, env: Environment): GateClient {
  const url = gateUrl(options.url, env, options.config);
  const key = options.key ?? (env['HEADGATE_WRITE_KEY'] || undefined);
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new StartError('The write key has an invalid character: is it a space or a line break?');
  }
  const socketPath = parseSocketPath(url);
  const baseUrl = socketPath === undefined ? url : 'http://localhost';
  const shared = {
    baseUrl,
    interceptors: key === undefined ? [] : [withKey(key)],
    defaultTimeoutMs: callTimeoutMs,
  };
  if (options.protocol === 'connect') {
    const transport = createConnectTransport({
      ...shared,
      httpVersion: '1.1',
      ...(socketPath !== undefined && { nodeOptions: { socketPath } }),
    });
    return {
      url,
      hasKey: key !== undefined,
      service: createClient(TrackService, transport),
      [Symbol.dispose]: () => {},
    };
  }
  const sessionManager = new ClientSessions(
    baseUrl,
    {},
    socketPath === undefined ? {} : { createConnection: () => net.connect(socketPath) },
  );
  const transport = createGrpcTransport({ ...shared, sessionManager });
  return {
    hasKey: key !== undefined,
    url,
    service: createClient(TrackService, transport),
    // An open session would keep the process running.
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

function withKey(key: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
}

/** The URL of the gate, or `unix:PATH`: --url, HEADGATE_URL, or that of its own configuration. */
export function gateUrl(
  named: string | undefined,
  env: Environment,
  configFile?: string | undefined,
): string {
  const text = named ?? (env['HEADGATE_URL'] || undefined);
  if (text === undefined) {
    const { listen, 'tls.cert': cert } = commandSettings(configFile, env, ['listen', 'tls.cert']);
    // A gate can listen on a wildcard address, but a client cannot connect to it.
    const address = formatListenAddress(listen)
      .replace(/^0\.0\.0\.0:/, '127.0.0.1:')
      .replace(/^\[::\]:/, '[::1]:');
    if (isSocket(listen)) return address;
    return `${cert === undefined ? 'http' : 'https'}://${address}`;
  }
  if (parseSocketPath(text)) return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new StartError(
      '--url (or HEADGATE_URL) must be a URL such as http://127.0.0.1:8080, or unix:PATH.',
    );
  }
  return text.replace(/\/+$/, '');
}
