import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

import { StartError } from '../../errors.ts';
import type { ArchiveSelection } from './selection.ts';

/** What a replay is about: where from, where to, and which events. */
export interface ReplayIdentity {
  readonly archive: string;
  readonly target: string;
  readonly selection: ArchiveSelection;
}

/** What became of the events of one object. */
export interface ObjectCounts {
  readonly sent: number;
  readonly filtered: number;
  readonly refused: number;
}

/** A file with the objects that were sent whole, one a line, so that a replay can go on. */
export interface ReplayState {
  readonly file: string;
  isDone(key: string): boolean;
  done(key: string, counts: ObjectCounts): void;
  /** Writes events that were refused to a file beside it. Returns its name. */
  refused(reason: string, payload: Uint8Array): string;
}

/** Throws a StartError if the file is of another replay. */
export function openReplayState(file: string, identity: ReplayIdentity): ReplayState {
  const head = JSON.stringify({ version: 1, ...identity });
  const done = new Set<string>();
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text !== '') {
    const [first, ...lines] = text.split('\n');
    if (first !== head) {
      throw new StartError(
        `${file} is of a replay with other options. Give the same again (and times as dates, not ` +
          'as how long ago), or name another file with --state.',
      );
    }
    for (const line of lines) {
      const key = keyIn(line);
      if (key !== undefined) done.add(key);
    }
    // A line that was cut off must not take the next one with it.
    if (!text.endsWith('\n')) appendFileSync(file, '\n');
  } else {
    // It has the ids of persons, if they were selected by one.
    writeFileSync(file, `${head}\n`, { mode: 0o600 });
  }
  return {
    file,
    isDone: (key) => done.has(key),
    done(key, counts) {
      done.add(key);
      appendFileSync(file, `${JSON.stringify({ key, ...counts })}\n`);
    },
    refused(reason, payload) {
      const name = `${file}.refused.ndjson`;
      const line = `{"reason":${JSON.stringify(reason)},"event":${Buffer.from(payload).toString()}}\n`;
      appendFileSync(name, line, { mode: 0o600 });
      return name;
    },
  };
}

/** Undefined of the last line of a process that was killed while it wrote it: that object is sent again. */
function keyIn(line: string): string | undefined {
  try {
    const { key } = JSON.parse(line) as { key?: unknown };
    return typeof key === 'string' ? key : undefined;
  } catch {
    return undefined;
  }
}
