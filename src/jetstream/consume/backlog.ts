import type { Log } from '../log.ts';
import { readNext } from '../read/read.ts';
import { consumedStreams, type ConsumedStream } from '../topology.ts';
import { readConsumerPosition } from './consumer-position.ts';

/** What waits for a destination, in all streams together. */
export interface Backlog {
  /** Messages that are not settled. */
  readonly waiting: number;
  /** When the log took the oldest of them: a Unix time in ms; 0 when none waits. */
  readonly oldestMs: number;
  /** Workers that ask for more just now. */
  readonly pulls: number;
}

/** Undefined: the destination has no consumer. Rejects when the log cannot be reached. */
export async function readBacklog(log: Log, destination: string): Promise<Backlog | undefined> {
  const found = await Promise.all(
    consumedStreams.map((stream) => readOne(log, stream, destination)),
  );
  const backlogs = found.filter((one) => one !== undefined);
  if (backlogs.length === 0) return undefined;
  const oldest = backlogs.filter(({ oldestMs }) => oldestMs > 0).map(({ oldestMs }) => oldestMs);
  return {
    waiting: backlogs.reduce((sum, { waiting }) => sum + waiting, 0),
    oldestMs: oldest.length === 0 ? 0 : Math.min(...oldest),
    pulls: backlogs.reduce((sum, { pulls }) => sum + pulls, 0),
  };
}

async function readOne(
  log: Log,
  stream: ConsumedStream,
  destination: string,
): Promise<Backlog | undefined> {
  const position = await readConsumerPosition(log, stream, destination);
  if (position === undefined) return undefined;
  const { settledUpTo, subject, pulls } = position;
  const waiting = position.waiting + position.inWork;
  if (waiting === 0) return { waiting, oldestMs: 0, pulls };
  const oldest = await readNext(log, stream, settledUpTo + 1, subject);
  return { waiting, oldestMs: oldest?.storedAtMs ?? 0, pulls };
}
