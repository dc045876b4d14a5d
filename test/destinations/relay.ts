import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Passes bytes on to a server, until the network between breaks or falls silent. */
export interface Relay {
  readonly port: number;
  /** Every connection breaks, and new ones are refused. */
  close(): Promise<void>;
  listen(): Promise<void>;
  /** Nothing gets through from now on, silently. */
  freeze(): void;
  /** What the server answers gets lost from now on; what it is asked gets through. */
  loseAnswers(): void;
  /** After either of these: connections break; new ones get through. */
  thaw(): void;
}

/** Without `port` on a free one. */
export async function startRelay(targetPort: number, port = 0): Promise<Relay> {
  const sockets = new Set<Socket>();
  /** By the socket that they come from: the one that they are for. */
  const answers = new Map<Socket, Socket>();
  let frozen = false;
  let losesAnswers = false;
  let server: Server;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      answers.delete(socket);
    });
  };
  const listen = async (): Promise<void> => {
    server = createServer((near) => {
      keep(near);
      if (frozen) return void near.pause();
      const far = connect(targetPort, '127.0.0.1');
      keep(far);
      near.pipe(far);
      answers.set(far, near);
      if (losesAnswers) far.resume();
      else far.pipe(near);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      return undefined;
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await listen();
  return {
    get port() {
      return port;
    },
    listen,
    async close() {
      breakAll();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    loseAnswers() {
      losesAnswers = true;
      for (const [far, near] of answers) far.unpipe(near).resume();
    },
    thaw() {
      if (frozen || losesAnswers) breakAll();
      [frozen, losesAnswers] = [false, false];
    },
  };
}
