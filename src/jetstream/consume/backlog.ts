import { withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { readNextIn } from '../read/read.ts';
import { consumedStreams } from '../topology.ts';
import { readPartPosition } from './consumer-position.ts';

/** The messages that wait for a destination, summed over all streams. */
export interface Backlog {
  /** The number of messages that are not settled. */
  readonly waiting: number;
  /** How many of these are in ASIDE. */
  readonly aside: number;
  /** When the oldest of them was stored: a Unix time in ms; 0 when no message waits. */
  readonly oldestMs: number;
  /** Pull requests that are open now, from workers that can take more. */
  readonly pulls: number;
}

/** Undefined if the destination has no consumer. Rejects when the log cannot be reached. */
export async function readBacklog(log: Log, destination: string): Promise<Backlog | undefined> {
  const found = await Promise.all(
    consumedStreams.map((stream) =>
      withParts(log, stream, (parts) =>
        Promise.all(parts.map((part) => readPartBacklog(log, part, destination))),
      ),
    ),
  );
  const backlogs = found.flat().filter((one) => one !== undefined);
  const aside = found[consumedStreams.indexOf('ASIDE')]![0]?.waiting ?? 0;
  if (backlogs.length === 0) return undefined;
  const oldest = backlogs.filter(({ oldestMs }) => oldestMs > 0).map(({ oldestMs }) => oldestMs);
  return {
    waiting: backlogs.reduce((sum, { waiting }) => sum + waiting, 0),
    aside,
    oldestMs: oldest.length === 0 ? 0 : Math.min(...oldest),
    pulls: backlogs.reduce((sum, { pulls }) => sum + pulls, 0),
  };
}

async function readPartBacklog(
  log: Log,
  part: StreamPart,
  destination: string,
): Promise<Omit<Backlog, 'aside'> | undefined> {
  const position = await readPartPosition(log, part, destination);
  if (position === undefined) return undefined;
  const { settledUpTo, subjects, pulls } = position;
  const waiting = position.waiting + position.inWork;
  if (waiting === 0) return { waiting, oldestMs: 0, pulls };
  const oldest = await readNextIn(log, part, part.sequence(settledUpTo) + 1, subjects[0]!);
  return { waiting, oldestMs: oldest?.storedAtMs ?? 0, pulls };
}
