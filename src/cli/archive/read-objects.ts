import type { Archive, ArchivedObject } from '../../destinations/archive.ts';
import { ObjectStoreError } from '../../destinations/objects/object-store.ts';
import { oneLine } from '../terminal/print.ts';
import type { ArchiveFilter, SelectedEvent } from './selection.ts';

/** Objects whose events are not read. Says so on standard error. */
export interface SkippedObjects {
  /** Another program wrote it. */
  other(key: string): void;
  /** It is ours, and cannot be read. */
  unreadable(key: string, reason: string): void;
  /** At the end: how many there were. Sets the exit code if some could not be read. */
  report(): void;
}

/** How many are named. */
const namedMax = 20;

export function createSkippedObjects(): SkippedObjects {
  const counts = { others: 0, unreadable: 0 };
  let firstOther = '';
  const say = (text: string): void => void process.stderr.write(`${oneLine(text)}\n`);
  return {
    other(key) {
      if (counts.others === 0) firstOther = key;
      counts.others += 1;
    },
    unreadable(key, reason) {
      counts.unreadable += 1;
      if (counts.unreadable <= namedMax) say(`not read: ${key}: ${reason}`);
    },
    report() {
      if (counts.others > 0) {
        say(
          `left out: ${counts.others} objects that Headgate did not write, such as ${firstOther}`,
        );
      }
      if (counts.unreadable === 0) return;
      say(
        `${counts.unreadable} objects could not be read. Restore them, and start the same command again`,
      );
      process.exitCode = 1;
    },
  };
}

/** The payloads of an object. Undefined if it cannot be read. Rejects if the store does not answer. */
export async function readSelected(
  archive: Archive,
  object: ArchivedObject,
  { filter, skipped, signal }: ReadOptions,
): Promise<SelectedEvent[] | undefined> {
  try {
    const payloads = await archive.read(object, signal);
    if (object.events !== undefined && object.events !== payloads.length) {
      throw new Error(`it has ${payloads.length} events, and its name says ${object.events}`);
    }
    return payloads.flatMap((payload) => filter.select(payload) ?? []);
  } catch (error) {
    if (signal.aborted || (error instanceof ObjectStoreError && !error.isOfObject)) throw error;
    // V8 quotes the text around the error, which may be personal data.
    const isText = error instanceof SyntaxError;
    skipped.unreadable(
      object.key,
      isText ? 'an event in it is not JSON' : (error as Error).message,
    );
    return undefined;
  }
}

interface ReadOptions {
  readonly filter: ArchiveFilter;
  readonly skipped: SkippedObjects;
  readonly signal: AbortSignal;
}

/** The objects that may have selected events and are not done, with those events. */
export async function* selectedObjects(
  archive: Archive,
  options: ReadOptions,
  isDone: (key: string) => boolean = () => false,
): AsyncGenerator<{ object: ArchivedObject; events: SelectedEvent[] }> {
  const { filter, skipped, signal } = options;
  for await (const object of archive.objects(signal, (key) => skipped.other(key))) {
    if (!filter.mayHave(object) || isDone(object.key)) continue;
    const events = await readSelected(archive, object, options);
    if (events !== undefined) yield { object, events };
  }
}
