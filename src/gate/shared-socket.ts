import { lstatSync } from 'node:fs';

import type { SocketAddress } from '../config/config.ts';
import { moveSocket, openToGroup } from '../http/connections/unix-socket.ts';

/** The file of a socket on which several processes listen, in the process that binds it for them. */
export interface SharedSocket {
  /**
   * Gives the bound socket its path. Call it each time a process has begun to listen. Throws a StartError
   * if another program has the path.
   */
  readonly publish: () => void;
  /** Removes the file, unless another program has the path by then. Call it before the processes stop. */
  readonly remove: () => void;
}

/**
 * node:cluster removes the path that it has bound when the last process ends, whoever owns the file by
 * then. So the processes bind `boundPath`, and the file moves to `socketPath`.
 */
export function shareSocket(
  { socketPath, boundPath }: SocketAddress,
  setting: string,
): SharedSocket {
  let remove = (): void => {};
  return {
    publish: () => {
      // Without a file there, the process listens on the socket of an earlier one.
      if (boundPath === undefined || !exists(boundPath)) return;
      // All had ended, and this is another socket.
      remove();
      remove = () => {};
      openToGroup(boundPath, setting);
      remove = moveSocket(boundPath, socketPath, setting);
    },
    remove: () => remove(),
  };
}

const exists = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined;
