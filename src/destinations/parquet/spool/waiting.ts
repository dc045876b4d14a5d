import type { DatabaseSync } from 'node:sqlite';
import type { EventAtDestination } from '../../destination.ts';
import { hasTable } from './database.ts';
import { earlierEvents, lastEarlierFile } from './earlier-spool.ts';
import { createKeptIds } from '../ids/kept-ids.ts';
import { createLotEvents, type LotEvents } from './lot-events.ts';
import { lastBlock, nextFile, readBlocks, secondCopies } from './lots.ts';
import { createOddEvents } from './odd-events.ts';

/**
 * The events that are in no file yet, block by block and without second copies. The caller has a transaction, so
 * that all of them are of one moment.
 */
export function* waitingEvents(database: DatabaseSync): Generator<EventAtDestination[]> {
  // Only reads.
  const kept = createKeptIds(database, Infinity);
  const met = new Set<string>();
  for (const events of allWaiting(database)) {
    const { isSecond } = secondCopies(database, events, kept);
    const found: EventAtDestination[] = [];
    for (let place = 0; place < events.count; place += 1) {
      events.go(place);
      const eventId = events.text('eventId');
      if (isSecond[place] === 1 || met.has(eventId)) continue;
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

function* allWaiting(database: DatabaseSync): Generator<LotEvents> {
  yield* earlierEvents(database);
  for (const block of readBlocks(database, 0, lastBlock(database))) {
    yield createLotEvents([block], createOddEvents(database));
  }
}

/** The number of the last file whose events have left the spool. */
export function lastFinished(database: DatabaseSync): number {
  if (!hasTable(database, 'events')) return nextFile(database) - 1;
  return hasTable(database, 'claims') ? lastEarlierFile(database) : 0;
}
