import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Stores the events that the gate will never accept: NDJSON, one object per event. */
export interface RejectedFile {
  /** Rejects if the file cannot be written. */
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

/** At `bytesMax` the file is renamed to `rejected.1.ndjson` and replaces the one before. */
export function createRejectedFile(directory: string, bytesMax: number): RejectedFile {
  const file = path.join(directory, 'rejected.ndjson');
  let handle: FileHandle | undefined;
  let bytes = 0;
  /** Several requests can end at once. Appending in turn keeps lines whole and in order. */
  let last: Promise<void> = Promise.resolve();

  const write = async (line: string): Promise<void> => {
    if (handle !== undefined && bytes >= bytesMax) {
      await handle.close();
      handle = undefined;
      await rename(file, path.join(directory, 'rejected.1.ndjson'));
    }
    if (handle === undefined) {
      // It holds events, so that no other user may read it.
      handle = await open(file, 'a', 0o600);
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
