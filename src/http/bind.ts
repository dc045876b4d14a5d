import type net from 'node:net';

import type { Address } from '../config/config.ts';
import { StartError } from '../errors.ts';

/** Connections that the operating system completes and queues before we accept them. */
const backlog = 1024;

/**
 * Binds a server to an address and resolves once it listens. Rejects with a StartError that names
 * `setting`, the setting that changes the address.
 */
export function bind(server: net.Server, { host, port }: Address, setting: string): Promise<void> {
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
