import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { partitionOf, partitionsMax } from './event-position.ts';
import { streamNotFound } from './layout.ts';
import { otherStream, type StreamPart } from './stream-parts.ts';

/** The parts of a stream of the log, in the order of their positions. */
export function partsOf(log: Log, stream: StreamName): readonly StreamPart[] {
  if (stream === 'EVENTS') return clientsOf(log).events.parts();
  return [otherStream(stream)];
}

/** The parts of a stream by partition, in the order of their positions: at most two in each. */
export function partsByPartition(parts: readonly StreamPart[]): readonly StreamPart[][] {
  return [...Map.groupBy(parts, ({ partition }) => partition).values()];
}

/** Finds the parts again. Never rejects: while the log cannot be reached, they stay as they are. */
export async function refreshParts(log: Log, stream: StreamName): Promise<void> {
  if (stream === 'EVENTS')
    await clientsOf(log)
      .events.refresh()
      .catch(() => {});
}

/** The part that holds a position, and those of the same partition after it. */
export function partsFrom(log: Log, stream: StreamName, position: number): readonly StreamPart[] {
  const parts = partsIn(log, stream, position);
  return parts.slice(indexAt(parts, position));
}

/** The part that holds a position; undefined if its partition does not exist. */
export function partAt(log: Log, stream: StreamName, position: number): StreamPart | undefined {
  const parts = partsIn(log, stream, position);
  return parts[indexAt(parts, position)];
}

/** The same. Another process may have made the partition: looks for it again before it gives up. */
export async function partAtOrRefresh(
  log: Log,
  stream: StreamName,
  position: number,
): Promise<StreamPart | undefined> {
  const found = partAt(log, stream, position);
  // The positions of other streams are sequences, and EVENTS has no partition with such a number.
  const canExist = stream === 'EVENTS' && partitionOf(position) < partitionsMax;
  if (found !== undefined || !canExist) return found;
  await clientsOf(log).events.refresh();
  return partAt(log, stream, position);
}

/** The parts of the partition of a position. */
function partsIn(log: Log, stream: StreamName, position: number): readonly StreamPart[] {
  const parts = partsOf(log, stream);
  if (stream !== 'EVENTS') return parts;
  const partition = partitionOf(position);
  return parts.filter((part) => part.partition === partition);
}

/** Before the first part there are only positions that are gone: no message has them. */
function indexAt(parts: readonly StreamPart[], position: number): number {
  return Math.max(
    0,
    parts.findLastIndex((part) => part.from <= part.sequence(position)),
  );
}

/**
 * Does some work on the parts of a stream. If it fails because one of them was deleted meanwhile, it
 * finds the parts again and repeats the work.
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
    if (stream !== 'EVENTS' || !mayBeDeleted(error)) throw error;
    await refreshParts(log, stream);
    const found = partsOf(log, stream);
    if (parts.every((part) => found.some(({ stream: name }) => name === part.stream))) throw error;
    return work(found);
  }
}

/** Direct reads of a stream that does not exist have no responders, as of one without a leader. */
function mayBeDeleted(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  return code === streamNotFound || code === 503 || message?.startsWith('no responders') === true;
}
