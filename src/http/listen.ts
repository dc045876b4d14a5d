import type net from 'node:net';
import type tls from 'node:tls';

import { isSocket } from '../config/address.ts';
import type { Address, Config, ListenAddress } from '../config/config.ts';
import { bind } from './bind.ts';
import { createArrivals } from './connections/arrivals.ts';
import {
  createConnections,
  type Connections,
  type ConnectionsOptions,
} from './connections/connections.ts';
import { asLoopback } from './connections/unix-socket.ts';
import { checkRequests } from './check-requests.ts';
import type { EngineOptions, HttpEngine } from './engine.ts';
import { createFront, type FrontOptions } from './front.ts';
import { createNodeEngine } from './node/node-engine.ts';
import { createOwnEngine } from './own-engine.ts';
import { secureOptions, type TlsFiles } from './tls-files.ts';

export interface ListenOptions<Bound extends ListenAddress = Address>
  extends Omit<EngineOptions, 'connections'>, FrontOptions, ConnectionsOptions {
  readonly address: Bound;
  /** The engine that reads the requests: docs/operate/http-engines.md. */
  readonly engine: Config['http']['engine'];
  /** The setting that changes `address`, named in the error when the port is taken. */
  readonly setting: string;
}

export interface Listener<Bound extends ListenAddress = Address> {
  /** Serves new handshakes with these files. Open connections stay. */
  useTlsFiles(files: TlsFiles): void;
  /** The bound address. The port is never 0. */
  readonly address: Bound;
  /**
   * Stops accepting connections, lets open requests finish within `graceMs`, then disconnects the
   * rest.
   */
  close(graceMs: number): Promise<void>;
}

/** Connections that are destroyed and still counted by Node. */
const connectionsSlack = 16;

/** Listens for HTTP/1.1 and HTTP/2 on one port or Unix socket. Rejects with a StartError. */
export async function listen<Bound extends ListenAddress>(
  options: ListenOptions<Bound>,
): Promise<Listener<Bound>> {
  const connections = createConnections(options);
  const checked = { ...options, connections, handle: checkRequests(options.handle) };
  const engine = options.engine === 'own' ? createOwnEngine(checked) : createNodeEngine(checked);
  const front = createFront(options, engine);
  // The table makes room for each new one. This only bounds what waits to be destroyed.
  front.maxConnections = options.connectionsMax + connectionsSlack;
  // Without this, several full processes would pass a connection on to each other forever.
  (front as net.Server & { dropMaxConnection: boolean }).dropMaxConnection = true;
  admitBefore(front, connections, isSocket(options.address));
  const release = await bind(front, options.address, options.setting);
  return {
    address: boundTo(options.address, front),
    useTlsFiles: (files) => {
      if (options.tls === undefined) return;
      (front as tls.Server).setSecureContext(secureOptions(options.tls, files));
    },
    close: (graceMs) => {
      release();
      return drain(front, engine, connections, graceMs);
    },
  };
}

/** The address with the port that the system chose. */
function boundTo<Bound extends ListenAddress>(address: Bound, front: net.Server): Bound {
  const bound = front.address();
  return typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address;
}

/** The front sees only connections for which there is room. */
function admitBefore(front: net.Server, connections: Connections, isUnix: boolean): void {
  const listeners = front.listeners('connection');
  front.removeAllListeners('connection');
  const arrive = createArrivals((socket) => {
    for (const listener of listeners) listener.call(front, socket);
  });
  front.on('connection', (socket: net.Socket) => {
    if (isUnix) asLoopback(socket);
    if (!connections.admit(socket)) return;
    socket.setNoDelay(true);
    // Nothing else listens while it waits.
    socket.on('error', () => socket.destroy());
    arrive(socket);
  });
}

async function drain(
  front: net.Server,
  engine: HttpEngine,
  connections: Connections,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => front.close(() => resolve()));
  engine.shutDown();
  const timer = setTimeout(() => {
    engine.destroy();
    for (const socket of connections.sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
  engine.close();
}
