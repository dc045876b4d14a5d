import type net from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

import type { NatsConnection } from '@nats-io/nats-core';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';

import { StartError } from '../errors.ts';
import type { ServerAddress } from './server/embedded-server.ts';
import { isOlder, oldestServerVersion } from './server/server-binary.ts';

const reconnectDelayMs = 100;
/** Also how long a reconnect waits for a server that accepts the connection and then says nothing. */
const connectTimeoutMs = 3_000;

/**
 * A server that hangs, or whose link drops packets, does not close its connections. It is left when
 * two PINGs have no answer: after 4 to 6 s. The client's default of two minutes takes six.
 */
const pingIntervalMs = 2_000;
const pingsMax = 2;

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

/** With `tls`, the client refuses a server without TLS. It passes all options to Node, also those of no type of its own. */
const checkedTls = { checkServerIdentity: checkDialled } as NodeConnectionOptions['tls'] & object;

/**
 * Compares a certificate with the name that was dialled, else with the address: the client leaves the name
 * out for `tls://10.0.0.1:4222`, and Node then compares with "localhost". Node calls it on the options of
 * the connection, to which the client has added the socket.
 */
function checkDialled(
  this: { readonly servername?: string; readonly socket?: net.Socket },
  hostname: string,
  certificate: PeerCertificate,
): Error | undefined {
  const dialled = this.servername || this.socket?.remoteAddress || hostname;
  return checkServerIdentity(dialled, certificate);
}

/**
 * How an address is reached, by whatever connects to it. If each server is tls://, only by TLS, and the
 * certificate must be one of what was dialled.
 */
export function dialOptions({
  servers,
  user,
  password,
}: {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}): Pick<NodeConnectionOptions, 'servers' | 'tls' | 'user' | 'pass'> {
  return {
    servers: [...servers],
    ...(servers.every((server) => server.startsWith('tls://')) && { tls: checkedTls }),
    ...(user !== undefined && { user, pass: password ?? '' }),
  };
}

/** An unreachable server must not delay a stop. */
const flushTimeoutMs = 1_000;

/** Waits until the server has what was sent, such as acknowledgements. Never rejects. */
export async function flushWithin(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, flushTimeoutMs);
  connection.flush().then(resolve, () => resolve());
  await promise;
  clearTimeout(timer);
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
      ...dialOptions(address),
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectDelayMs,
      reconnectJitter: reconnectDelayMs,
      timeout: connectTimeoutMs,
      pingInterval: pingIntervalMs,
      maxPingOut: pingsMax,
      // The one that was dialled longest ago, which is never the one that was just left. The client's
      // own order may begin with it, and it then waits there until the connect times out.
      reconnectToServer: (known) =>
        known.reduce((oldest, each) => (each.lastConnect < oldest.lastConnect ? each : oldest)),
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
    if (status.type === 'staleConnection') {
      onStatus('the server does not answer');
      dropSocket(connection);
    }
  }
}

/**
 * Closes the socket of a connection that the client gives up. The client first waits until the
 * kernel has taken everything it wrote, and for a server that reads nothing it waits for ever. The
 * client's types do not show the socket; the lock file pins the version, and a test fills one.
 */
export function dropSocket(connection: NatsConnection): void {
  const { protocol } = connection as unknown as {
    protocol?: { transport?: { socket?: { destroy?: () => void } } };
  };
  protocol?.transport?.socket?.destroy?.();
}

/** The shortest time between two moves of one connection, in ms. */
const moveIntervalMs = 5_000;
const movedAt = new WeakMap<NatsConnection, number>();

/**
 * Leaves the server for another one of its cluster. For a server that answers PINGs and nothing
 * else, because the rest of its cluster cannot reach it. False, and nothing changes, if the
 * connection knows no other server, has just moved, or is not connected.
 */
export function moveToOtherServer(connection: NatsConnection): boolean {
  const now = performance.now();
  const last = movedAt.get(connection) ?? Number.NEGATIVE_INFINITY;
  if (now - last < moveIntervalMs || connection.isClosed() || !knowsOthers(connection))
    return false;
  movedAt.set(connection, now);
  // A promise that rejects when the connection closes meanwhile, which is no fault.
  connection.reconnect().catch(() => {});
  return true;
}

/** The client's types do not show its list of servers: those of the address, and those it learned. */
function knowsOthers(connection: NatsConnection): boolean {
  const { protocol } = connection as unknown as {
    protocol?: { servers?: { length?: () => number } };
  };
  return (protocol?.servers?.length?.() ?? 1) > 1;
}
