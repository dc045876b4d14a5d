import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, stat, unlink } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';

import { HeadgateError } from '../headgate-error.ts';
import { privateFile } from './segment-folder.ts';

/** Held while a client owns a spool directory. */
export interface OwnerLock {
  release(): Promise<void>;
}

/**
 * Locks a directory for one owner. On Linux the lock is an abstract socket name, which the kernel
 * releases when the process ends, however it ends. So there is nothing to clean up, and no process
 * id that could meanwhile belong to another program. On other systems it is a file with a process
 * id, which is taken over when that process no longer runs.
 *
 * Throws HeadgateError `spool_locked`. Neither kind of lock sees an owner in another container.
 */
export async function lockDirectory(
  directory: string,
  platform: NodeJS.Platform = process.platform,
): Promise<OwnerLock> {
  return platform === 'linux' ? lockByName(directory) : lockByFile(directory);
}

async function lockByName(directory: string): Promise<OwnerLock> {
  // Device and inode identify the directory, whatever path leads to it.
  const { dev, ino } = await stat(directory);
  const digest = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32);
  const server = net.createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? locked(directory) : error);
    });
    // Without `exclusive`, Node would share the name among all workers of a cluster.
    server.listen({ path: `\0headgate-spool-${digest}`, exclusive: true }, resolve);
  });
  return { release: () => new Promise((resolve) => void server.close(() => resolve())) };
}

const takeOverTriesMax = 5;

async function lockByFile(directory: string): Promise<OwnerLock> {
  const file = path.join(directory, 'owner.pid');
  for (let tries = 0; tries < takeOverTriesMax; tries += 1) {
    try {
      const handle = await open(
        file,
        constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY,
        privateFile,
      );
      await handle.writeFile(String(process.pid));
      await handle.close();
      return { release: () => unlink(file).catch(() => {}) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    // Containers reuse process ids: our own id in the file is from an earlier run.
    if (owner > 0 && owner !== process.pid && isAlive(owner)) break;
    await unlink(file).catch(() => {});
  }
  throw locked(directory);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function locked(directory: string): HeadgateError {
  return new HeadgateError(
    'spool_locked',
    `Another client owns the spool directory ${directory}. Give each process its own directory, ` +
      'the same one after a restart: name it after the number of the worker, not its process id.',
  );
}
