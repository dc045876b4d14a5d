import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';

export interface SmallDisk {
  readonly folder: string;
  unmount(): void;
}

/** Mounts a small file system of its own, in memory. The reason if that is not possible here. */
export function mountSmallDisk(folder: string, bytes: number): SmallDisk | { why: string } {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], {
      stdio: 'pipe',
    });
  } catch (error) {
    return { why: (error as Error).message };
  }
  return {
    folder,
    unmount: () => void execFileSync('umount', ['-l', folder], { stdio: 'pipe' }),
  };
}

/** Writes a file until the disk is full. */
export function fill(file: string): void {
  for (const bytes of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}
