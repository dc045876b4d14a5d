import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

import type { StreamPart } from '../events/stream-parts.ts';
import { readMark, recordMark, type Mark } from './ledger.ts';
import type { Log } from '../log.ts';
import { privateFile } from '../server/store-lock.ts';

/** Keeps the marks apart from the events. */
export interface MarkStore {
  /** Undefined if there is no mark yet, or it cannot be read. */
  read(part: StreamPart): Promise<Mark | undefined>;
  /** Durable once it resolves. */
  write(part: StreamPart, mark: Mark): Promise<void>;
}

/** In a cluster the marks are in another stream than the events: LEDGER. */
export function createLedgerMarks(log: Log): MarkStore {
  return {
    read: (part) => readMark(log, part),
    write: (part, mark) => recordMark(log, part, mark),
  };
}

const fileName = 'log-marks.json';

/**
 * With the embedded server the marks are in a file of the data directory, outside of the folder of
 * nats-server: whatever happens to that folder, they say what it held.
 */
export function createFileMarks(dataDir: string): MarkStore {
  const file = path.join(dataDir, fileName);
  let marks: Record<string, Mark> | undefined;
  const readAll = (): Record<string, Mark> => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Mark>;
    } catch {
      // No file yet, or one that a full disk cut: the next mark writes it again.
      return {};
    }
  };
  return {
    read: async (part) => (marks ??= readAll())[part.stream],
    write: async (part, mark) => {
      marks = { ...(marks ?? readAll()), [part.stream]: mark };
      replaceFile(file, JSON.stringify(marks));
    },
  };
}

function replaceFile(file: string, text: string): void {
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', privateFile);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}
