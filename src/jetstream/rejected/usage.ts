import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { subjects, type RejectedKind } from '../topology.ts';
import { bytesOfClass } from './size-class.ts';

/** Rejected events of one source and kind. */
export interface RejectedAmount {
  readonly events: number;
  /** By the classes of their sizes: up to 19% too many. */
  readonly bytes: number;
}

/** What REJECTED holds, and how much it may. */
export interface RejectedUsage {
  /** The room for events. The rest of the stream is for the records of replays and discards. */
  readonly roomBytes: number;
  readonly storedBytes: number;
  /** By source. */
  readonly kinds: Readonly<Record<RejectedKind, ReadonlyMap<string, RejectedAmount>>>;
  /** Events that earlier releases kept: the sizes and kinds of each are unknown. */
  readonly earlier: RejectedAmount;
}

/** A replay or a discard must be recorded when the room for events is full: it is what makes room. */
const recordsShare = 1 / 16;

/** Rejects when the log cannot be reached. */
export async function readRejectedUsage(log: Log): Promise<RejectedUsage> {
  const { streams } = clientsOf(log).manager;
  const filter = { subjects_filter: subjects.rejectedOf('*') };
  const { config, state } = await streams.info('REJECTED', filter);
  const kinds = { refused: new Map(), quarantined: new Map() } satisfies RejectedUsage['kinds'];
  let earlierEvents = 0;
  let knownBytes = 0;
  for (const [subject, events] of Object.entries(state.subjects ?? {})) {
    const [, , source, , kind, sizeClass] = subject.split('.');
    if (kind === undefined || sizeClass === undefined) {
      earlierEvents += events;
      continue;
    }
    const bytes = events * bytesOfClass(sizeClass);
    const amounts: Map<string, RejectedAmount> = kinds[kind as RejectedKind];
    const before = amounts.get(source!) ?? { events: 0, bytes: 0 };
    amounts.set(source!, { events: before.events + events, bytes: before.bytes + bytes });
    knownBytes += bytes;
  }
  const earlierBytes = earlierEvents === 0 ? 0 : Math.max(0, state.bytes - knownBytes);
  return {
    roomBytes: Math.floor(config.max_bytes * (1 - recordsShare)),
    storedBytes: state.bytes,
    kinds,
    earlier: { events: earlierEvents, bytes: earlierBytes },
  };
}

/**
 * How many bytes a source may have in quarantine: half of what the others leave. So one source alone
 * gets half of the room, two a third each, and a source that comes later still finds a part.
 */
export function shareOf(usage: RejectedUsage, source: string): number {
  let others = 0;
  for (const [name, { bytes }] of usage.kinds.quarantined) if (name !== source) others += bytes;
  return Math.max(0, (usage.roomBytes - others) / 2);
}
