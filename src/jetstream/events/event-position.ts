/**
 * The log of events is split into partitions, and each counts its events from 1: a sequence alone
 * names no event. An event's position in the log names both, as one number, so that it can be a key,
 * be compared and be stored wherever a sequence was stored before: `partition * 2^45 + sequence`.
 * Positions of partition 0 equal their sequences. 2^45 is 35 trillion events: 11 years at 100,000 a
 * second.
 */
const sequencesMax = 2 ** 45;

/** A position is below 2^53, the largest integer that JavaScript counts exactly. */
export const partitionsMax = 256;

export function eventPosition(partition: number, sequence: number): number {
  return partition * sequencesMax + sequence;
}

export function partitionOf(position: number): number {
  return Math.floor(position / sequencesMax);
}

export function sequenceIn(position: number): number {
  return position % sequencesMax;
}

/** A position for people: the number, which commands take, and what it names if that is not plain. */
export function positionText(position: number): string {
  const partition = partitionOf(position);
  if (partition === 0) return String(position);
  return `${position} (partition ${partition}, ${sequenceIn(position)})`;
}
