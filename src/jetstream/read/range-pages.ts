import { partsFrom } from '../events/event-streams.ts';
import type { Range } from '../events/ranges.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { openPartReader } from './part-reader.ts';
import { readPages, type StoredMessage } from './read.ts';

/** For a shorter range, to make and to delete a consumer costs more than it saves. */
const consumedMin = 5_000;

/**
 * All messages from a position to another, or a little further, of its partition, in pages: long ranges for less
 * processor time than by `readPages`.
 */
export async function* readRangePages(
  log: Log,
  stream: StreamName,
  { from, to }: Range,
): AsyncGenerator<StoredMessage[]> {
  let position = from;
  if (to - from >= consumedMin) {
    for await (const page of readConsumed(log, stream, from)) {
      position = page.at(-1)!.sequence + 1;
      yield page;
      if (position > to) return;
    }
  }
  // Also after the last page of a consumer: only this says that nothing follows.
  yield* readPages(log, stream, '>', position);
}

/** Through a consumer, to the end of the first part that holds messages, or as far as the consumer gets. */
async function* readConsumed(
  log: Log,
  stream: StreamName,
  position: number,
): AsyncGenerator<StoredMessage[]> {
  const part = partsFrom(log, stream, position)[0];
  if (part === undefined) return;
  const reader = await openPartReader(log, part, part.sequence(position));
  if (reader === undefined) return;
  try {
    let next = reader.next();
    for (;;) {
      const page = await next;
      if (page === 'broken' || page.length === 0) return;
      next = reader.next();
      yield page;
    }
  } finally {
    void reader.close();
  }
}
