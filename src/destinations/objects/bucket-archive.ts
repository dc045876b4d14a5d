import { zstdDecompressSync } from 'node:zlib';

import type { Archive } from '../archive.ts';
import { readKey } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import { readStoredRows } from '../parquet/stored-rows.ts';

/** More than any object that `upload.ts` writes: 64 MiB of properties and context, and the rest of the events. */
const objectBytesMax = 1024 * 1024 * 1024;

/** The archive in a bucket. Closes the store. */
export function openBucketArchive(store: ObjectStore, prefix: string): Archive {
  return {
    async *objects(signal, onOther) {
      for await (const { key, bytes } of store.list(`${prefix}event_date=`, signal)) {
        const read = readKey(prefix, key);
        if (read === undefined) {
          onOther(key);
          continue;
        }
        const { day, eventName, events } = read;
        yield { key, bytes, day, eventName, events, isByReceipt: false };
      }
    },
    async read({ key }, signal) {
      const body = await store.get(key, signal);
      if (readKey(prefix, key)?.format === 'parquet') return readStoredRows(body);
      const lines = zstdDecompressSync(body, { maxOutputLength: objectBytesMax });
      return linesIn(lines);
    },
    close: () => store.close(),
  };
}

function linesIn(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = bytes.indexOf(0x0a, from);
    const end = at === -1 ? bytes.length : at;
    if (end > from) lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return lines;
}
