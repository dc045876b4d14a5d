import type { LotEvents } from './lot-events.ts';
import type { Partition } from './lots.ts';
import { createReadText } from './read-text.ts';

/** The events of one file, or of one file for each table. */
export interface Part {
  /** The number of the file. */
  readonly id: number;
  readonly partition: Partition;
  /** `2026-03-01T12`, or `2026-03-01` by the day; `unknown` if the events have no such time. */
  readonly hour: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** A part of a lot, and which of its events it has, in their order. */
export interface LotPart extends Part {
  readonly places: Uint32Array;
}

/** Never taken from an event as it is, because it becomes the name of a folder. */
const time = /^[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:/;
const timeLength = '2026-03-01T12:'.length;

const nameLength: Readonly<Record<Partition, number>> = {
  hour: '2026-03-01T12'.length,
  event_date: '2026-03-01'.length,
};

/** Divides the events that are no second copies by their folders, and into files of at most `eventsMax`. */
export function partsOf(
  events: LotEvents,
  isSecond: Uint8Array,
  {
    partition,
    fileEventsMax,
    firstFile,
  }: { readonly partition: Partition; readonly fileEventsMax: number; readonly firstFile: number },
): LotPart[] {
  const folderOf = foldersBy[partition];
  const folders = new Map<string, number[]>();
  for (let place = 0; place < events.count; place += 1) {
    if (isSecond[place] === 1) continue;
    events.go(place);
    const folder = folderOf(events);
    const places = folders.get(folder);
    if (places === undefined) folders.set(folder, [place]);
    else places.push(place);
  }
  const parts: LotPart[] = [];
  for (const [hour, places] of folders) {
    for (let from = 0; from < places.length; from += fileEventsMax) {
      const own = Uint32Array.from(places.slice(from, from + fileEventsMax));
      const id = firstFile + parts.length;
      parts.push({ id, partition, hour, ...sequencesOf(events, own), places: own });
    }
  }
  return parts;
}

function createFolders(partition: Partition): (events: LotEvents) => string {
  let last = { time: '', folder: 'unknown' };
  const readText = createReadText();
  return (events) => {
    let part = events.part(partition === 'event_date' ? 'eventTime' : 'timestamp');
    if (part.start === part.end) part = events.part('timestamp');
    // The form of a time has one byte for each character.
    const text = readText(part, Math.min(part.end, part.start + timeLength));
    if (text !== last.time) {
      const folder = time.test(text) ? text.slice(0, nameLength[partition]) : 'unknown';
      last = { time: text, folder };
    }
    return last.folder;
  };
}

/** Made once, so that `partsOf` is not compiled again for each lot. */
const foldersBy: Readonly<Record<Partition, (events: LotEvents) => string>> = {
  hour: createFolders('hour'),
  event_date: createFolders('event_date'),
};

function sequencesOf(
  events: LotEvents,
  places: Uint32Array,
): { readonly firstSequence: number; readonly lastSequence: number } {
  let [firstSequence, lastSequence] = [Infinity, 0];
  for (const place of places) {
    events.go(place);
    const sequence = events.sequence();
    if (sequence < firstSequence) firstSequence = sequence;
    if (sequence > lastSequence) lastSequence = sequence;
  }
  return { firstSequence, lastSequence };
}
