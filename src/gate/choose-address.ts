import { once } from 'node:events';
import net from 'node:net';

import { isSocket } from '../config/address.ts';
import type { ListenAddress } from '../config/config.ts';
import { nameBeside, removeStaleSocket } from '../http/connections/unix-socket.ts';

/**
 * The address that several gate processes share. Resolves port 0 once: a replacement that starts alone
 * would get another port. Removes the file of a socket that no program uses; they share the next one.
 * Rejects with a StartError if a program uses it.
 */
export async function chooseAddress(listen: ListenAddress): Promise<ListenAddress> {
  if (isSocket(listen)) {
    await removeStaleSocket(listen.socketPath, 'HEADGATE_LISTEN');
    return { ...listen, boundPath: nameBeside(listen.socketPath) };
  }
  if (listen.port !== 0) return listen;
  const server = net.createServer().listen({ host: listen.host, port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: listen.host, port };
}
