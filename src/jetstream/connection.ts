import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

import { StartError } from '../errors.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import { isOlder, oldestServerVersion } from './server/server-binary.ts';

const reconnectDelayMs = 100;
const connectTimeoutMs = 5_000;

/**
 * Parses HEADGATE_NATS_URL: one or more comma-separated URLs, which may include user and password.
 * Throws a StartError if a part is not a URL.
 */
export function parseServerUrl(url: string): ServerAddress {
  const parts = url.split(',').map((part) => part.trim());
  const servers: string[] = [];
  let user = '';
  let password = '';
  for (const part of parts) {
    let parsed: URL;
    try {
      parsed = new URL(part.includes('://') ? part : `nats://${part}`);
    } catch {
      throw new StartError(
        'HEADGATE_NATS_URL is not a URL such as nats://user:password@host:4222.',
      );
    }
    if (!['nats:', 'tls:'].includes(parsed.protocol)) {
      throw new StartError('HEADGATE_NATS_URL must begin with nats:// or tls://.');
    }
    if (parsed.username !== '') {
      user = decodeURIComponent(parsed.username);
      password = decodeURIComponent(parsed.password);
    }
    servers.push(`${parsed.protocol}//${parsed.host}`);
  }
  return { servers, ...(user === '' ? {} : { user, password }) };
}

export interface ConnectionOptions {
  readonly address: ServerAddress;
  /** The connection's name, which NATS displays, such as `headgate publish`. */
  readonly name: string;
  readonly onStatus: (status: string) => void;
}

/**
 * Connects, and reconnects without limit when the connection is lost. Throws a StartError when the
 * first connection fails or the server is too old.
 */
export async function connectToServer(options: ConnectionOptions): Promise<NatsConnection> {
  const { address, name } = options;
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers: address.servers,
      ...(address.user === undefined ? {} : { user: address.user, pass: address.password ?? '' }),
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectDelayMs,
      reconnectJitter: reconnectDelayMs,
      timeout: connectTimeoutMs,
      noAsyncTraces: true,
    });
  } catch (cause) {
    throw new StartError(
      `NATS at ${address.servers.join(', ')} cannot be reached: ${(cause as Error).message}.`,
      { cause },
    );
  }
  const version = connection.info?.version ?? '0';
  if (isOlder(version, oldestServerVersion)) {
    await connection.close();
    throw new StartError(
      `NATS at ${address.servers.join(', ')} is version ${version}; Headgate needs ${oldestServerVersion} or newer.`,
    );
  }
  reportStatus(connection, options.onStatus).catch((error: unknown) => {
    options.onStatus(`error: its status is no longer followed: ${String(error)}`);
  });
  return connection;
}

async function reportStatus(
  connection: NatsConnection,
  onStatus: (status: string) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect' || status.type === 'reconnect') onStatus(status.type);
    if (status.type === 'error') onStatus(`error: ${status.error.message}`);
  }
}
