import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

import { serverOptions } from './server.ts';
import type { NatsSettings } from './settings.ts';

const connectTimeoutMs = 5_000;
const pingIntervalMs = 10_000;

/** A connection that is used until it fails. */
export interface StreamConnection {
  readonly client: JetStreamClient;
  isClosed(): boolean;
  /** Ends it at once. What was sent and not confirmed has no outcome. */
  drop(): void;
}

/**
 * Connects. Never reconnects by itself: the client would keep what it could not send and send it
 * later, after its events were answered with `retry`. Rejects if no server lets it in.
 */
export async function connectToStream(
  name: string,
  settings: NatsSettings,
): Promise<StreamConnection> {
  const connection = await connect({
    ...serverOptions(settings),
    name: `headgate ${name}`,
    reconnect: false,
    timeout: Math.min(connectTimeoutMs, settings.timeoutMs),
    pingInterval: pingIntervalMs,
    noAsyncTraces: true,
  });
  return {
    client: jetstream(connection, { timeout: settings.timeoutMs }),
    isClosed: () => connection.isClosed(),
    drop: () => {
      destroySocket(connection);
      connection.close().catch(() => undefined);
    },
  };
}

/**
 * The client first waits until the kernel has taken what it wrote, and for a server that reads
 * nothing it waits for ever. Its types do not show the socket; the lock file pins the version.
 */
function destroySocket(connection: NatsConnection): void {
  const { protocol } = connection as unknown as {
    protocol?: { transport?: { socket?: { destroy?: () => void } } };
  };
  protocol?.transport?.socket?.destroy?.();
}
