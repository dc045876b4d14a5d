import { chmodSync, lstatSync, statSync, unlinkSync, type Stats } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { StartError } from '../../errors.ts';

/**
 * Who may connect: the user and the group of the gate, because to connect is to write events. A
 * program of another user joins the group. Until this mode is set the file has that of the umask, which
 * usually lets its user alone connect.
 */
const socketMode = 0o660;

/** Sets the mode of a socket that this process has bound. Throws a StartError. */
export function openToGroup(socketPath: string, setting: string): void {
  try {
    chmodSync(socketPath, socketMode);
  } catch (cause) {
    throw new StartError(
      `The mode of the socket ${socketPath} cannot be set (${codeOf(cause)}). Choose another with ${setting}.`,
      { cause },
    );
  }
}

/**
 * Removes the file of a socket that no program listens on any more: one that was killed leaves it. Rejects
 * with a StartError that names `setting` if a program listens there, or the file is no socket.
 */
export async function removeStaleSocket(socketPath: string, setting: string): Promise<void> {
  const fail = (why: string, cause?: unknown): never => {
    throw new StartError(`The socket ${socketPath} ${why}`, { cause });
  };
  const other = `choose another with ${setting}.`;
  const folder = path.dirname(socketPath);
  if (!isFolder(folder)) fail(`has no folder: create ${folder}, or ${other}`);
  const found = lookAt(socketPath);
  if (found === undefined) return;
  if (!found.isSocket()) fail(`is another file: move that away, or ${other}`);
  const code = await connectTo(socketPath);
  // Its owner may have gone meanwhile.
  if (code === 'ENOENT') return;
  if (code === 'EACCES' || code === 'EPERM') {
    fail(`belongs to another user, or this one may not connect to it: remove it, or ${other}`);
  }
  // Also one whose queue is full, or that answers otherwise.
  if (code !== 'ECONNREFUSED') fail(`is in use by another program. Stop that, or ${other}`);
  try {
    // Another program may have begun to listen there since.
    if (lookAt(socketPath)?.ino === found.ino) unlinkSync(socketPath);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    fail(`is left over from a program, and cannot be removed (${codeOf(cause)}): ${other}`, cause);
  }
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

function lookAt(name: string): Stats | undefined {
  return lstatSync(name, { throwIfNoEntry: false });
}

/** Undefined: a program listens there. Else the code of the error. */
function connectTo(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ path: socketPath });
    socket.once('error', (error) => resolve(codeOf(error)));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

/** Ports of sockets that have none. */
let callers = 0;

/**
 * A connection of a Unix socket has no address. It gets that of loopback, so that limits by address
 * see all local callers as one, and a number in the place of the port, which identifies it.
 */
export function asLoopback(socket: net.Socket): void {
  callers += 1;
  Object.defineProperties(socket, {
    remoteAddress: { value: '127.0.0.1', configurable: true },
    remotePort: { value: callers, configurable: true },
  });
}
