import { execFile, execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A file system in a file, always mounted on the same folder. The file has what reached the "disk";
 * test/log/power-cut.test.ts explains the method.
 */
export interface ChaosDisk {
  readonly folder: string;
  /** Takes what a power cut now would leave. Whoever writes to the disk is frozen meanwhile. */
  snapshot(): Promise<void>;
  /** Goes on with what `snapshot` took. Whoever had files open there has ended. */
  restore(): Promise<void>;
  unmount(): Promise<void>;
}

/** @param folder - of the mount; images are beside it. */
export async function createChaosDisk(folder: string, bytes: number): Promise<ChaosDisk> {
  mkdirSync(folder, { recursive: true });
  let cuts = 0;
  const image = (): string => `${folder}.${cuts}.img`;
  const descriptor = openSync(image(), 'w');
  ftruncateSync(descriptor, bytes);
  closeSync(descriptor);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1', image()], { stdio: 'pipe' });
  // With commit=300 only a sync commits the journal: nothing is saved by chance.
  const mount = async (): Promise<void> => {
    await run('mount', ['-o', 'loop,commit=300', image(), folder]);
  };
  const unmount = async (): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      try {
        await run('umount', tries < 50 ? [folder] : ['-l', folder]);
        return;
      } catch (error) {
        if (tries > 50) throw error;
        await sleep(100);
      }
    }
  };
  await mount();
  return {
    folder,
    snapshot: async () => {
      await run('cp', ['--sparse=always', image(), `${folder}.${cuts + 1}.img`]);
    },
    restore: async () => {
      await unmount();
      rmSync(image());
      cuts += 1;
      await mount();
    },
    unmount,
  };
}
