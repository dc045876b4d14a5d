import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Streams that stopped taking messages until nats-server is started again. */
export interface FrozenStreams {
  /** Reads what nats-server has logged since the last call. All streams since `forget`. */
  read(): ReadonlySet<string>;
  /** Call it when nats-server is started again: it then takes messages of every stream. */
  forget(): void;
}

/**
 * After a write that failed, such as on a full disk, nats-server takes no more messages of that
 * stream and does not answer them. It says so in its log file alone.
 */
const frozenText = /(?:filestore \[|stream '[^']* > )(\w+)(?:\]|') critical write error/gi;

/** A longer part is older than the last lines that matter: each refused message adds one. */
const readBytesMax = 256 * 1024;

/** Follows the log file of nats-server, from its present end. The file may be absent or rotated. */
export function followFrozenStreams(logFile: string): FrozenStreams {
  let frozen = new Set<string>();
  let offset = endOf(logFile);
  return {
    read: () => {
      const { text, end } = readFrom(logFile, offset);
      offset = end;
      for (const [, stream] of text.matchAll(frozenText)) frozen.add(stream!);
      return frozen;
    },
    forget: () => {
      frozen = new Set();
      offset = endOf(logFile);
    },
  };
}

function endOf(file: string): number {
  return readFrom(file, Number.POSITIVE_INFINITY).end;
}

function readFrom(file: string, offset: number): { text: string; end: number } {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return { text: '', end: 0 };
  }
  try {
    const { size } = fstatSync(descriptor);
    // A file that became shorter is a new one.
    const from = Math.max(size - readBytesMax, offset === Infinity || offset <= size ? offset : 0);
    if (from >= size) return { text: '', end: size };
    const bytes = Buffer.alloc(size - from);
    const length = readSync(descriptor, bytes, 0, bytes.length, from);
    return { text: bytes.toString('utf8', 0, length), end: from + length };
  } finally {
    closeSync(descriptor);
  }
}
