import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { partitionOf, sequenceIn } from './event-position.ts';
import { otherStream, type StreamPart } from './stream-parts.ts';

/** The parts of a stream of the log, in the order of their positions. */
export function partsOf(log: Log, stream: StreamName): readonly StreamPart[] {
  if (stream === 'EVENTS') return clientsOf(log).events.parts();
  return [otherStream(stream)];
}

/** The part that holds a position, and all parts after it. */
export function partsFrom(log: Log, stream: StreamName, position: number): readonly StreamPart[] {
  const parts = partsOf(log, stream);
  return parts.slice(indexAt(parts, position));
}

/** The part that holds a position. */
export function partAt(log: Log, stream: StreamName, position: number): StreamPart {
  const parts = partsOf(log, stream);
  return parts[indexAt(parts, position)]!;
}

function indexAt(parts: readonly StreamPart[], position: number): number {
  const partition = partitionOf(position);
  const sequence = sequenceIn(position);
  const index = parts.findLastIndex(
    (part) => part.partition < partition || (part.partition === partition && part.from <= sequence),
  );
  return Math.max(0, index);
}

/**
 * Does some work on the parts of a stream. If the stream of an earlier release was deleted
 * meanwhile, it finds the parts again and repeats the work.
 */
export async function withParts<Result>(
  log: Log,
  stream: StreamName,
  work: (parts: readonly StreamPart[]) => Promise<Result>,
): Promise<Result> {
  const parts = partsOf(log, stream);
  try {
    return await work(parts);
  } catch (error) {
    if (parts.length === 1 || stream !== 'EVENTS') throw error;
    const { events } = clientsOf(log);
    await events.refresh().catch(() => {});
    if (events.parts().length === parts.length) throw error;
    return work(events.parts());
  }
}
