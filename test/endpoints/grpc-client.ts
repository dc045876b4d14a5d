import path from 'node:path';

import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Client, ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import type { Sample } from './sample-events.ts';

type Callback = (error: ServiceError | null, response: Record<string, never>) => void;
type Unary = (
  request: object,
  metadata: Metadata,
  options: { deadline?: number },
  callback: Callback,
) => { on(event: 'metadata', listener: (metadata: Metadata) => void): void };

interface TrackClient extends Client {
  readonly Track: Unary;
  readonly BatchTrack: Unary;
}

export interface HealthClient extends Client {
  readonly Check: Unary;
  readonly Watch: (request: object) => ClientReadableStream<{ status: string }>;
}

const protoDir = path.resolve(import.meta.dirname, '../../proto');

function load<T>(file: string): T {
  const definition = loadSync(file, {
    includeDirs: [protoDir],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  });
  return loadPackageDefinition(definition) as T;
}

type Constructor<T> = new (address: string, credentials: ChannelCredentials, options: object) => T;

/**
 * grpc-js as producers use it: it loads the proto files at run time.
 *
 * @param target a port of this machine, or a target in the format of gRPC.
 */
export function createTrackClient(
  target: number | string,
  channel: ChannelCredentials = credentials.createInsecure(),
  options: object = {},
): TrackClient {
  const { headgate } = load<{ headgate: { v1: { TrackService: Constructor<TrackClient> } } }>(
    'headgate/v1/track_service.proto',
  );
  const address = typeof target === 'number' ? `127.0.0.1:${target}` : target;
  return new headgate.v1.TrackService(address, channel, options);
}

export function createHealthClient(port: number): HealthClient {
  const { grpc } = load<{ grpc: { health: { v1: { Health: Constructor<HealthClient> } } } }>(
    'grpc/health/v1/health.proto',
  );
  return new grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure(), {});
}

export interface GrpcOutcome {
  readonly error: (ServiceError & StatusObject) | null;
  readonly response: Record<string, never>;
  /** The headers that came before the message. */
  readonly headers: Metadata | undefined;
}

/** Calls an RPC by name, and waits for the result or the error. */
export function call(
  client: Client,
  rpc: string,
  request: object,
  headers: Readonly<Record<string, string>> = {},
  deadlineMs?: number,
): Promise<GrpcOutcome> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  return new Promise((resolve) => {
    let received: Metadata | undefined;
    const unary = (client as unknown as Record<string, Unary>)[rpc]!;
    unary
      .call(client, request, metadata, options, (error, response) =>
        resolve({ error: error as never, response, headers: received }),
      )
      .on('metadata', (each) => (received = each));
  });
}

/** proto-loader does not support ProtoJSON, so a Struct is written out. */
export function looseEvent(sample: Sample): Sample {
  const { properties, context, ...rest } = sample;
  return {
    ...rest,
    ...(properties !== undefined && { properties: structOf(properties as object) }),
    ...(context !== undefined && { context: structOf(context as object) }),
  };
}

function structOf(value: object): object {
  return {
    fields: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, valueOf(each)])),
  };
}

function valueOf(value: unknown): object {
  if (value === null) return { nullValue: 'NULL_VALUE' };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueOf) } };
  return { structValue: structOf(value as object) };
}
