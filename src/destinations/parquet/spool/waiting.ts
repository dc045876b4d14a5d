import type { DatabaseSync } from 'node:sqlite';
import type { EventAtDestination } from '../../destination.ts';
import { hasTable } from './database.ts';
import { earlierEvents, lastEarlierFile } from './earlier-spool.ts';
import { createKeptIds, type KeptIds } from '../ids/kept-ids.ts';
import { sortIds } from '../ids/sorted-ids.ts';
import { createLotEvents, type LotEvents } from './lot-events.ts';
import { idsOf, lastBlock, markExported, nextFile, readBlocks } from './lots.ts';
import { createOddEvents } from './odd-events.ts';

/** So many ids are looked up at once: a look-up reads every page of kept ids, whether for one id or for thousands. */
const groupEventsMax = 100_000;

/** Which events of a block are second copies of events in files. */
interface Marks {
  readonly ids: Uint8Array;
  readonly isSecond: Uint8Array;
}

/**
 * The events that are in no file yet, without second copies. The caller has a transaction, so that all of them are of
 * one moment. This runs on the event loop: the caller lets it turn after each list, and many lists are empty for that
 * reason alone.
 */
export function* waitingEvents(database: DatabaseSync): Generator<EventAtDestination[]> {
  const marks: Uint8Array[] = [];
  for (const step of markSeconds(database)) {
    if (step !== undefined) marks.push(step);
    yield [];
  }
  const met = new Set<string>();
  let block = 0;
  for (const events of allWaiting(database)) {
    const isSecond = marks[block]!;
    block += 1;
    const found: EventAtDestination[] = [];
    for (let place = 0; place < events.count; place += 1) {
      if (isSecond[place] === 1) continue;
      events.go(place);
      const eventId = events.text('eventId');
      if (met.has(eventId)) continue;
      met.add(eventId);
      found.push({
        eventId,
        eventName: events.text('eventName'),
        timestamp: events.text('timestamp'),
      });
    }
    yield found;
  }
}

/** The marks of each block, which are complete after the last step. Undefined is a step of a look-up. */
function* markSeconds(database: DatabaseSync): Generator<Uint8Array | undefined> {
  // Only reads.
  const kept = createKeptIds(database, Infinity);
  let group: Marks[] = [];
  let count = 0;
  for (const events of allWaiting(database)) {
    const isSecond = new Uint8Array(events.count);
    markExported(database, events, isSecond);
    if (count > 0 && count + events.count > groupEventsMax) {
      yield* markKept(kept, group);
      [group, count] = [[], 0];
    }
    group.push({ ids: idsOf(events), isSecond });
    count += events.count;
    yield isSecond;
  }
  yield* markKept(kept, group);
}

function* markKept(kept: KeptIds, group: readonly Marks[]): Generator<undefined> {
  const all = Buffer.concat(group.map(({ ids }) => ids));
  const ids = sortIds(Uint8Array.from(all));
  const isSecond = new Uint8Array(ids.places.length);
  for (const _ of kept.findInSteps(ids, isSecond)) yield;
  let from = 0;
  for (const { isSecond: own } of group) {
    for (let place = 0; place < own.length; place += 1) own[place]! |= isSecond[from + place]!;
    from += own.length;
  }
}

function* allWaiting(database: DatabaseSync): Generator<LotEvents> {
  yield* earlierEvents(database);
  const odd = createOddEvents(database);
  for (const block of readBlocks(database, 0, lastBlock(database))) {
    yield createLotEvents([block], odd);
  }
}

/** The number of the last file whose events have left the spool. */
export function lastFinished(database: DatabaseSync): number {
  if (!hasTable(database, 'events')) return nextFile(database) - 1;
  return hasTable(database, 'claims') ? lastEarlierFile(database) : 0;
}
