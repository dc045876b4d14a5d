import net from 'node:net';

/** A TCP proxy in front of nats-server, whose connections a test breaks. */
export interface BreakingProxy extends AsyncDisposable {
  readonly port: number;
  /** Resets every open connection. */
  reset(): void;
  /** Passes nothing on until `resume`, in either direction, and closes nothing. */
  stall(): void;
  /** Passes nothing on from clients until `resume`; they go on to hear the server. */
  mute(): void;
  resume(): void;
}

/** Starts a proxy to a loopback port. */
export async function startBreakingProxy(target: number): Promise<BreakingProxy> {
  const sockets = new Set<net.Socket>();
  const clients = new Set<net.Socket>();
  let isMuted = false;
  let isStalled = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1');
    clients.add(client);
    client.once('close', () => clients.delete(client));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      if (isStalled) socket.pause();
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const pass = (from: net.Socket, to: net.Socket): void => {
      from.on('data', (bytes) => {
        if (to.write(bytes)) return;
        from.pause();
        to.once('drain', () => {
          if (!isStalled && !(isMuted && from === client)) from.resume();
        });
      });
    };
    pass(client, upstream);
    pass(upstream, client);
    if (isStalled) for (const socket of [client, upstream]) socket.pause();
    if (isMuted) client.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stall: () => {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    mute: () => {
      isMuted = true;
      for (const client of clients) client.pause();
    },
    resume: () => {
      isStalled = false;
      isMuted = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
