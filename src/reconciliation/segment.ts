import { setTimeout as sleep } from 'node:timers/promises';

import { isCanarySubject } from '../event/canary.ts';
import { createIdTable, type IdTable } from '../event/id-table.ts';
import { eventNameOf } from '../event/delivery-attempt.ts';
import {
  allRead,
  createReadPositions,
  type EventRanges,
} from '../jetstream/events/event-ranges.ts';
import { lengthOf } from '../jetstream/events/ranges.ts';
import type { Log } from '../jetstream/log.ts';
import type { PaceKeeper } from '../jetstream/read/pace-keeper.ts';
import { readAllInOrder } from '../jetstream/read/read-ranges.ts';
import type { CountTable } from './count-table.ts';
import { hourOf, readHead } from './event-head.ts';

/** Consecutive events of EVENTS, the oldest first. Uses about 60 bytes per event. */
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
  /** What of the ranges the next segments hold. */
  readonly rest: EventRanges;
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
  readonly ranges: EventRanges;
  readonly eventsMax: number;
  readonly table: CountTable;
  readonly subjects: SubjectList;
  /**
   * Beside producers. Undefined for the confirmations of workers, which have to keep up with all that was delivered.
   */
  readonly pace?: PaceKeeper;
  readonly onProgress: (rest: EventRanges) => void;
}

const progressEvents = 1_000;

/** Reads events, and counts each as accepted. */
export async function readSegment(source: SegmentSource): Promise<Segment> {
  const { log, ranges, table } = source;
  const room = Math.min(source.eventsMax, lengthOf(ranges));
  const [sequences, rows] = [new Float64Array(room), new Uint32Array(room)];
  const [subjects, firsts] = [new Uint32Array(room), new Uint32Array(room)];
  const ids = createIdTable(room);
  // Timestamps of the same length compare as text.
  let [oldest, newest] = ['', ''];
  const rowOf = rowsByHour(table);
  let length = 0;
  let isLast = true;
  const read = createReadPositions();
  for await (const message of readAllInOrder(log, 'EVENTS', ranges)) {
    if (length === room) {
      isLast = false;
      break;
    }
    read.pass(message.sequence);
    if (isCanarySubject(message.subject)) continue;
    const { eventId, timestamp } = readHead(message);
    const subject = source.subjects.numberOf(message.subject);
    const row = rowOf(timestamp, message.subject, subject);
    table.rows[row]!.accepted += 1;
    sequences[length] = message.sequence;
    rows[length] = row;
    subjects[length] = subject;
    // An event that was sent again after the log had forgotten its id counts once.
    const known = eventId === '' ? undefined : ids.find(eventId);
    firsts[length] = known === undefined ? length : known - 1;
    if (known === undefined && eventId !== '') ids.add(eventId, length + 1);
    if (oldest === '' || timestamp < oldest) oldest = timestamp;
    if (timestamp > newest) newest = timestamp;
    length += 1;
    if (length % progressEvents === 0) source.onProgress(read.restOf(ranges));
    const waitMs = source.pace?.read(message.payload.length) ?? 0;
    if (waitMs > 0) await sleep(waitMs);
  }
  const rest = isLast ? allRead(ranges) : read.restOf(ranges);
  const window = { fromMs: Date.parse(oldest), toMs: Date.parse(newest) + 1 };
  return { length, sequences, rows, subjects, firsts, ids, window, rest };
}

/** The row of an event, looked up once for the events of an hour that have the same subject. */
function rowsByHour(table: CountTable) {
  let hour = '';
  let rows: number[] = [];
  return (timestamp: string, subject: string, subjectNumber: number): number => {
    if (!timestamp.startsWith(hour) || hour === '') {
      hour = timestamp.slice(0, hourLength);
      rows = [];
    }
    return (rows[subjectNumber] ??= table.rowOf(hourOf(timestamp), eventNameOf(subject)));
  };
}

const hourLength = '2026-03-01T12'.length;
