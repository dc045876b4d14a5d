import cluster from 'node:cluster';
import type net from 'node:net';

import { isSocket } from '../config/address.ts';
import type { Address, ListenAddress, SocketAddress } from '../config/config.ts';
import { StartError } from '../errors.ts';
import {
  moveSocket,
  nameBeside,
  openToGroup,
  removeStaleSocket,
} from './connections/unix-socket.ts';

/** Connections that the operating system completes and queues before we accept them. */
const backlog = 1024;

/**
 * Binds a server to an address and resolves once it listens. Rejects with a StartError that names
 * `setting`, the setting that changes the address. Call the result before the server is closed.
 */
export async function bind(
  server: net.Server,
  address: ListenAddress,
  setting: string,
): Promise<() => void> {
  if (!isSocket(address)) {
    await bindPort(server, address, setting);
    return () => {};
  }
  const { socketPath } = address;
  if (cluster.isWorker) {
    // The first process binds it for all of them: `shareSocket` gives it its path.
    await bindSocket(server, address.boundPath ?? socketPath, address, setting);
    return () => {};
  }
  await removeStaleSocket(socketPath, setting);
  // Node removes the path that it has bound, whoever owns the file by then. So it binds another one.
  const boundPath = nameBeside(socketPath);
  await bindSocket(server, boundPath, address, setting);
  openToGroup(boundPath, setting);
  return moveSocket(boundPath, socketPath, setting);
}

function bindSocket(
  server: net.Server,
  boundPath: string,
  { socketPath }: SocketAddress,
  setting: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = `The socket ${socketPath} ${reasonOf(cause)}. Choose another with ${setting}.`;
      reject(new StartError(text, { cause }));
    });
    server.listen({ path: boundPath, backlog }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function bindPort(server: net.Server, { host, port }: Address, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = `${host}:${port} ${reasonOf(cause)}. Free it, or choose another with ${setting}.`;
      reject(new StartError(text, { cause }));
    });
    server.listen({ host, port, backlog }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function reasonOf(cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE') return 'is in use by another program';
  if (cause.code === 'EACCES') return 'needs rights that this process does not have';
  return `cannot be listened on (${cause.message})`;
}
