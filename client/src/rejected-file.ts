import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Where the events go that the gate will never take: NDJSON, one object for each. */
export interface RejectedFile {
  /** Throws when it cannot be written. */
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Of `bytesMax` and larger it is put aside as `rejected.1.ndjson`, over the one put aside before. */
export function createRejectedFile(directory: string, bytesMax: number): RejectedFile {
  const file = path.join(directory, 'rejected.ndjson');
  let handle: FileHandle | undefined;
  let bytes = 0;
  /** Several requests end at once; lines stay whole and in order. */
  let last: Promise<void> = Promise.resolve();

  const write = async (line: string): Promise<void> => {
    if (handle !== undefined && bytes >= bytesMax) {
      await handle.close();
      handle = undefined;
      await rename(file, path.join(directory, 'rejected.1.ndjson'));
    }
    if (handle === undefined) {
      handle = await open(file, 'a');
      ({ size: bytes } = await stat(file));
    }
    const text = Buffer.from(`${line}\n`);
    await handle.appendFile(text);
    bytes += text.length;
  };
  return {
    append: (line) => {
      const written = last.then(() => write(line));
      last = written.catch(() => {});
      return written;
    },
    close: async () => {
      await last;
      await handle?.close();
      handle = undefined;
    },
  };
}
