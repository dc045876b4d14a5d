import { isCanarySubject } from '../event/canary.ts';
import { createIdTable, type IdTable } from '../event/id-table.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import type { Log } from '../jetstream/log.ts';
import { readMatching } from '../jetstream/read/read.ts';
import type { CountTable } from './count-table.ts';
import { hourOf, readHead } from './event-head.ts';

/** Consecutive events of EVENTS. Uses about 60 bytes per event. */
export interface Segment {
  readonly length: number;
  readonly sequences: Float64Array;
  /** The row of each event in the count table. */
  readonly rows: Uint32Array;
  /** The number of each event's subject. */
  readonly subjects: Uint32Array;
  /** The first event of the segment with the same id; usually the event itself. */
  readonly firsts: Uint32Array;
  /** Maps event ids to numbers; 1 is the first event of the segment. */
  readonly ids: IdTable;
  /** The range of the server's timestamps; excludes the end. */
  readonly window: { readonly fromMs: number; readonly toMs: number };
  /** Where the next segment begins. */
  readonly next: number;
}

/** Numbers the few distinct subjects, so that a segment need not hold their text. */
export interface SubjectList {
  numberOf(subject: string): number;
  readonly all: readonly string[];
}

export function createSubjectList(): SubjectList {
  const numbers = new Map<string, number>();
  const all: string[] = [];
  return {
    all,
    numberOf: (subject) => {
      let number = numbers.get(subject);
      if (number === undefined) {
        number = all.push(subject) - 1;
        numbers.set(subject, number);
      }
      return number;
    },
  };
}

export interface SegmentSource {
  readonly log: Log;
  readonly from: number;
  readonly upTo: number;
  readonly eventsMax: number;
  readonly table: CountTable;
  readonly subjects: SubjectList;
  readonly onProgress: (sequence: number) => void;
}

const progressEvents = 1_000;

/** Reads events, and counts each as accepted. */
export async function readSegment(source: SegmentSource): Promise<Segment> {
  const { log, from, upTo, table } = source;
  const room = Math.max(0, Math.min(source.eventsMax, upTo - from + 1));
  const [sequences, rows] = [new Float64Array(room), new Uint32Array(room)];
  const [subjects, firsts] = [new Uint32Array(room), new Uint32Array(room)];
  const ids = createIdTable();
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  let length = 0;
  for await (const message of readMatching(log, 'EVENTS', '>', from)) {
    if (message.sequence > upTo || length === room) break;
    if (isCanarySubject(message.subject)) continue;
    const { eventId, timestamp } = readHead(message);
    const row = table.rowOf(hourOf(timestamp), eventNameOf(message.subject));
    table.rows[row]!.accepted += 1;
    sequences[length] = message.sequence;
    rows[length] = row;
    subjects[length] = source.subjects.numberOf(message.subject);
    // An event that was sent again after the log had forgotten its id counts once.
    const known = eventId === '' ? undefined : ids.find(eventId);
    firsts[length] = known === undefined ? length : known - 1;
    if (known === undefined && eventId !== '') ids.add(eventId, length + 1);
    const timeMs = Date.parse(timestamp);
    fromMs = Math.min(fromMs, timeMs);
    toMs = Math.max(toMs, timeMs + 1);
    length += 1;
    if (length % progressEvents === 0) source.onProgress(message.sequence);
  }
  const next = length === 0 ? upTo + 1 : sequences[length - 1]! + 1;
  return { length, sequences, rows, subjects, firsts, ids, window: { fromMs, toMs }, next };
}
