import { compileRanges, type EventRanges } from './events/event-ranges.ts';
import type { Log } from './log.ts';
import { readMatching } from './read/read.ts';
import { subjects } from './topology.ts';

/*
 * The events that a destination's transform filtered, in the stream FILTERED: NATS does not keep why
 * an event was settled, and a transform may be another one since. A message has the events of one
 * batch, by their positions in EVENTS: the first, then the distance of each from the one before.
 */

/** Durable once it resolves, so call it before the events are settled. Rejects with a PublishError. */
export async function recordFiltered(
  log: Log,
  destination: string,
  positions: readonly number[],
): Promise<void> {
  const sorted = [...positions].sort((left, right) => left - right);
  const distances = sorted.map((position, index) => position - (sorted[index - 1] ?? 0));
  await log.store('FILTERED', subjects.filtered(destination), {}, JSON.stringify(distances));
}

const decoder = new TextDecoder();

/**
 * The positions of the events that were filtered, of some ranges or of all. Rejects when the log cannot
 * be reached.
 */
export async function readFiltered(
  log: Log,
  destination: string,
  ranges?: EventRanges,
): Promise<ReadonlySet<number>> {
  const filtered = new Set<number>();
  const isAskedFor = ranges === undefined ? () => true : compileRanges(ranges);
  for await (const message of readMatching(log, 'FILTERED', subjects.filtered(destination))) {
    let position = 0;
    for (const distance of JSON.parse(decoder.decode(message.payload)) as number[]) {
      position += distance;
      if (isAskedFor(position)) filtered.add(position);
    }
  }
  return filtered;
}
