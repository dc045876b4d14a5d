import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to the bytes between a client and the broker. */
export type Passage = 'open' | 'no_requests' | 'no_answers';

/** A way to the broker that can be closed, or lets only one direction through. */
export interface Proxy {
  passage: Passage;
  open(): Promise<void>;
  /** Cuts every connection, and takes no other. */
  close(): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
}

export function createProxy(port: number, targetPort: number): Proxy {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: Proxy = {
    passage: 'open',
    async open() {
      if (server !== undefined) return;
      server = createServer((client) => {
        const broker = connect(targetPort, '127.0.0.1');
        for (const [socket, other] of [[client, broker], [broker, client]] as const) {
          sockets.add(socket);
          socket.on('error', () => undefined);
          socket.on('close', () => {
            sockets.delete(socket);
            other.destroy();
          });
        }
        client.on('data', (bytes: Buffer) => {
          if (proxy.passage !== 'no_requests') broker.write(bytes);
        });
        broker.on('data', (bytes: Buffer) => {
          if (proxy.passage !== 'no_answers') client.write(bytes);
        });
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async close() {
      const closed = server;
      server = undefined;
      cut();
      if (closed !== undefined) await new Promise((resolve) => closed.close(resolve));
    },
    cut,
  };
  return proxy;
}
