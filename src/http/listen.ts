import type net from 'node:net';
import type tls from 'node:tls';

import type { Address, Config } from '../config/config.ts';
import { bind } from './bind.ts';
import { checkRequests } from './check-requests.ts';
import type { EngineOptions, HttpEngine } from './engine.ts';
import { createFront, type FrontOptions } from './front.ts';
import { createNodeEngine } from './node/node-engine.ts';
import { createOwnEngine } from './own-engine.ts';
import { secureOptions, type TlsFiles } from './tls-files.ts';

export interface ListenOptions extends EngineOptions, FrontOptions {
  readonly address: Address;
  /** The engine that reads the requests: docs/operate/http-engines.md. */
  readonly engine: Config['http']['engine'];
  /** The setting that changes `address`, named in the error when the port is taken. */
  readonly setting: string;
  readonly connectionsMax: number;
}

export interface Listener {
  /** Serves new handshakes with these files. Open connections stay. */
  useTlsFiles(files: TlsFiles): void;
  /** The bound address. The port is never 0. */
  readonly address: Address;
  /**
   * Stops accepting connections, lets open requests finish within `graceMs`, then disconnects the
   * rest.
   */
  close(graceMs: number): Promise<void>;
}

/** Listens for HTTP/1.1 and HTTP/2 on one port. Rejects with a StartError. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const checked = { ...options, handle: checkRequests(options.handle) };
  const engine = options.engine === 'own' ? createOwnEngine(checked) : createNodeEngine(checked);
  const front = createFront(options, engine);
  front.maxConnections = options.connectionsMax;
  // Without this, several full processes would pass a connection on to each other forever.
  (front as net.Server & { dropMaxConnection: boolean }).dropMaxConnection = true;
  const sockets = new Set<net.Socket>();
  front.on('connection', (socket: net.Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await bind(front, options.address, options.setting);
  const bound = front.address() as net.AddressInfo;
  return {
    address: { host: options.address.host, port: bound.port },
    useTlsFiles: (files) => {
      if (options.tls === undefined) return;
      (front as tls.Server).setSecureContext(secureOptions(options.tls, files));
    },
    close: (graceMs) => drain(front, engine, sockets, graceMs),
  };
}

async function drain(
  front: net.Server,
  engine: HttpEngine,
  sockets: ReadonlySet<net.Socket>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => front.close(() => resolve()));
  engine.shutDown();
  const timer = setTimeout(() => {
    engine.destroy();
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(timer);
  engine.close();
}
