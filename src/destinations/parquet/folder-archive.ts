import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import type { Archive } from '../archive.ts';
import { readStoredRows } from './stored-rows.ts';

const byReceipt = /^date=(\d{4}-\d{2}-\d{2}|unknown)\/hour=[^/]+\/[^.][^/]*\.parquet$/;
const byEvent = /^event_date=(\d{4}-\d{2}-\d{2}|unknown)\/[^.][^/]*\.parquet$/;

/** The files of a `parquet` destination, without the events that are in its spool. */
export function openFolderArchive(folder: string): Archive {
  return {
    async *objects(signal) {
      const names = await readdir(folder, { recursive: true });
      for (const name of names.map((one) => one.split(path.sep).join('/')).sort()) {
        signal.throwIfAborted();
        const received = byReceipt.exec(name)?.[1];
        const day = received ?? byEvent.exec(name)?.[1];
        if (day === undefined) continue;
        const { size } = await stat(path.join(folder, name));
        const isByReceipt = received !== undefined;
        yield { key: name, bytes: size, day, eventName: undefined, events: undefined, isByReceipt };
      }
    },
    async read({ key }) {
      return readStoredRows(await readFile(path.join(folder, key)));
    },
    close: () => undefined,
  };
}
