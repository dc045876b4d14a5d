import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, stat, unlink } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';

import { HeadgateError } from '../headgate-error.ts';

/** Held while a client owns a spool directory. */
export interface OwnerLock {
  release(): Promise<void>;
}

/**
 * One owner for each directory. The lock of Linux is a name that the kernel takes back with the
 * process, however that ends: nothing to clean up, and no process id that may be another program's
 * by then. Elsewhere it is a file with a process id, taken over when that process is gone.
 *
 * Throws HeadgateError `spool_locked`. Neither kind sees an owner in another container.
 */
export async function lockDirectory(
  directory: string,
  platform: NodeJS.Platform = process.platform,
): Promise<OwnerLock> {
  return platform === 'linux' ? lockByName(directory) : lockByFile(directory);
}

async function lockByName(directory: string): Promise<OwnerLock> {
  // By device and inode: the same directory under two names is one directory.
  const { dev, ino } = await stat(directory);
  const digest = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32);
  const server = net.createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? locked(directory) : error);
    });
    // Exclusive: in a cluster, Node would otherwise share one name among all workers.
    server.listen({ path: `\0headgate-spool-${digest}`, exclusive: true }, resolve);
  });
  return { release: () => new Promise((resolve) => void server.close(() => resolve())) };
}

const takeOverTriesMax = 5;

async function lockByFile(directory: string): Promise<OwnerLock> {
  const file = path.join(directory, 'owner.pid');
  for (let tries = 0; tries < takeOverTriesMax; tries += 1) {
    try {
      const handle = await open(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return { release: () => unlink(file).catch(() => {}) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    // Process ids come again: the own one in the file is that of an earlier life in a container.
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
    `Another client owns the spool directory ${directory}. Give each process a directory of its ` +
      'own that is the same after a restart: its number among the workers, not its process id.',
  );
}
