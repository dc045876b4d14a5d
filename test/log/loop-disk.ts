import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** An ext4 file system in a file. The file holds what reached the "disk". */
export interface LoopDisk {
  readonly image: string;
  readonly folder: string;
  unmount(): Promise<void>;
}

/** Creates an image of this size and mounts it. */
export async function createDisk(image: string, bytes: number): Promise<LoopDisk> {
  const descriptor = openSync(image, 'w');
  ftruncateSync(descriptor, bytes);
  closeSync(descriptor);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1', image], { stdio: 'pipe' });
  return mountImage(image);
}

/**
 * Mounts an image. With `commit=300` only syncs commit the journal. The default of 5 s would
 * sometimes save data that was never synced, which would make the test less strict.
 */
export function mountImage(image: string): LoopDisk {
  const folder = `${image}.mounted`;
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-o', 'loop,commit=300', image, folder], { stdio: 'pipe' });
  let mounted = true;
  return {
    image,
    folder,
    unmount: async () => {
      // A sync or a process that is ending may hold the mount briefly.
      for (let tries = 0; mounted; tries += 1) {
        try {
          execFileSync('umount', [...(tries < 50 ? [] : ['-l']), folder], { stdio: 'pipe' });
          mounted = false;
        } catch (error) {
          if (tries > 50) throw error;
          await sleep(100);
        }
      }
    },
  };
}

/**
 * Copies what a power cut now would leave. Blocks, so nothing else of this process runs meanwhile.
 */
export function copyImage(disk: LoopDisk, image: string): void {
  execFileSync('cp', ['--sparse=always', disk.image, image], { stdio: 'pipe' });
}

/** The reason why loop mounts do not work here; undefined if they work. */
export async function whyNoLoopMounts(): Promise<string | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-loop-'));
  try {
    const disk = await createDisk(path.join(folder, 'try.img'), 16 * 1024 * 1024);
    await disk.unmount();
    return undefined;
  } catch (error) {
    const output = (error as { stderr?: Buffer }).stderr?.toString().trim();
    return output === undefined || output === '' ? (error as Error).message : output;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
