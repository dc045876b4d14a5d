import cluster from 'node:cluster';
import type net from 'node:net';

import { isSocket } from '../config/address.ts';
import type { Address, ListenAddress } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { openToGroup, removeStaleSocket } from './connections/unix-socket.ts';

/** Connections that the operating system completes and queues before we accept them. */
const backlog = 1024;

/**
 * Binds a server to an address and resolves once it listens. Rejects with a StartError that names
 * `setting`, the setting that changes the address.
 */
export async function bind(
  server: net.Server,
  address: ListenAddress,
  setting: string,
): Promise<void> {
  if (!isSocket(address)) return await bindPort(server, address, setting);
  const { socketPath } = address;
  // One of several processes shares the socket of the first, which has done this.
  if (!cluster.isWorker) await removeStaleSocket(socketPath, setting);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = `The socket ${socketPath} ${reasonOf(cause)}. Choose another with ${setting}.`;
      reject(new StartError(text, { cause }));
    });
    server.listen({ path: socketPath, backlog }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
  openToGroup(socketPath, setting);
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
