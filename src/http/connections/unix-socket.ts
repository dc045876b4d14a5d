import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  renameSync,
  statSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
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
  const look = (name: string, read: typeof statSync | typeof lstatSync): Stats | undefined => {
    try {
      return read(name, { throwIfNoEntry: false });
    } catch (cause) {
      const why = `cannot be looked at (${codeOf(cause)}): let this user search ${folder}, or ${other}`;
      return fail(why, cause);
    }
  };
  if (look(folder, statSync)?.isDirectory() !== true) {
    fail(`has no folder: create ${folder}, or ${other}`);
  }
  const found = look(socketPath, lstatSync);
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
  const taken = nameBeside(socketPath);
  try {
    renameSync(socketPath, taken);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    fail(`is left over from a program, and cannot be removed (${codeOf(cause)}): ${other}`, cause);
  }
  // Another program may have begun to listen there since. Only this process knows the new name.
  const isStale = (await connectTo(taken)) === 'ECONNREFUSED';
  if (!isStale) giveBack(taken, socketPath);
  unlinkSync(taken);
  if (!isStale) fail(`is in use by another program. Stop that, or ${other}`);
}

/** Unless a third program has the path by then. */
function giveBack(taken: string, socketPath: string): void {
  try {
    linkSync(taken, socketPath);
  } catch {
    // No caller finds the other one, as if it had started later.
  }
}

/** A path in the same folder that no other program uses, and that is no longer than `socketPath`. */
export function nameBeside(socketPath: string): string {
  const { dir, base } = path.parse(socketPath);
  const random = randomBytes(8).toString('hex');
  return path.join(dir, `.${random}`.slice(0, Math.max(base.length, 2)));
}

/**
 * Gives a bound socket its path, unless another program has taken that meanwhile: then it throws a
 * StartError. The result removes the file, unless it is another program's by then.
 */
export function moveSocket(boundPath: string, socketPath: string, setting: string): () => void {
  try {
    linkSync(boundPath, socketPath);
    unlinkSync(boundPath);
  } catch (cause) {
    const why =
      codeOf(cause) === 'EEXIST'
        ? 'is in use by another program'
        : `cannot be made (${codeOf(cause)})`;
    const text = `The socket ${socketPath} ${why}. Choose another with ${setting}.`;
    throw new StartError(text, { cause });
  }
  // The number stays taken for as long as this process listens.
  const { ino } = lstatSync(socketPath);
  return () => {
    try {
      if (lstatSync(socketPath).ino === ino) unlinkSync(socketPath);
    } catch {
      // It is gone, or its folder is: the next start replaces what is left.
    }
  };
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
