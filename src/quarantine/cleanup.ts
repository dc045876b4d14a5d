import { ageMs, steadyTimeMs } from '../event/time/steady-time.ts';
import { createStreamAges } from '../jetstream/consume/retention/stream-ages.ts';
import type { Log } from '../jetstream/log.ts';
import {
  boundsOf,
  deleteMessage,
  readMatching,
  readNext,
  sequenceSince,
} from '../jetstream/read/read.ts';
import {
  deleteOldestRefused,
  deleteRefusedBefore,
  deleteRejected,
  earlierReleases,
} from '../jetstream/rejected/deletions.ts';
import { readRejectedUsage, shareOf, type RejectedUsage } from '../jetstream/rejected/usage.ts';
import { subjects } from '../jetstream/topology.ts';
import { namedIn, readNote, settledIn, type OutcomeNote } from './outcome-note.ts';

/** Deletes rejected events that are no longer needed. */
export interface Cleanup {
  start(): void;
  /** Waits for a run in progress. */
  stop(): Promise<void>;
  /** Cleans now. Resolves to the number of deleted events; rejects if the log is away. */
  run(): Promise<number>;
}

export interface CleanupOptions {
  readonly log: Log;
  readonly retentionMs: number;
  readonly onTrouble: (error: unknown) => void;
  /** After each run: what the sources have in quarantine, and how much they may. */
  readonly onUsage?: (bySource: ReadonlyMap<string, QuarantineShare>) => void;
  readonly intervalMs?: number;
}

/** In bytes. */
export interface QuarantineShare {
  readonly bytes: number;
  readonly bytesMax: number;
}

/** Of a share, and of the whole room: above this, what may be deleted is deleted early. */
const pressureRatio = 0.75;
/** The part of the room that refused events are cut to. */
const relievedRatio = 0.7;
/** Deletions of settled events in one run: the rest has its turn in the next. */
const settledMax = 20_000;
/** A month is enough to ask who discarded an event, and why. */
const recordsKeptMs = 30 * 86_400_000;
/** If the room is needed. */
const recordsKeptMsMin = 86_400_000;

/**
 * REJECTED takes nothing when it is full, and the server never deletes anything from it. This does,
 * every few seconds:
 *
 * - events that were refused, which their senders saw, once they are older than the retention;
 * - events that a replay has stored or an operator has discarded, so long after that;
 * - both earlier, oldest first, when their room is needed: the settled ones, then the refused ones of
 *   the source that has most.
 *
 * A quarantined event is never deleted before it is settled.
 */
export function createCleanup(options: CleanupOptions): Cleanup {
  const { log, retentionMs } = options;
  const refused = createRefusedCleaner(log, retentionMs);
  const settled = createSettledCleaner(log, retentionMs);
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<number> | undefined;

  const runOnce = async (): Promise<number> => {
    let deleted = (await refused.byAge()) + (await settled.byAge());
    let usage = await readRejectedUsage(log);
    await settled.forgetRecords(isFilled(usage) ? recordsKeptMsMin : recordsKeptMs);
    if (isPressed(usage)) {
      deleted += await settled.all();
      usage = await readRejectedUsage(log);
      deleted += await refused.forRoom(usage);
    }
    if (deleted > 0) {
      await log.syncStream('REJECTED');
      usage = await readRejectedUsage(log);
    }
    options.onUsage?.(sharesOf(usage));
    return deleted;
  };
  const run = (): Promise<number> => (running ??= runOnce().finally(() => (running = undefined)));
  return {
    start: () => {
      timer ??= setInterval(
        () => void run().catch(options.onTrouble),
        options.intervalMs ?? 10_000,
      );
    },
    stop: async () => {
      clearInterval(timer);
      await running?.catch(() => {});
    },
    run,
  };
}

function sharesOf(usage: RejectedUsage): Map<string, QuarantineShare> {
  const shares = new Map<string, QuarantineShare>();
  for (const [source, { bytes }] of usage.kinds.quarantined) {
    shares.set(source, { bytes, bytesMax: shareOf(usage, source) });
  }
  return shares;
}

function isFilled({ storedBytes, roomBytes }: RejectedUsage): boolean {
  return storedBytes > roomBytes * pressureRatio;
}

function isPressed(usage: RejectedUsage): boolean {
  if (isFilled(usage)) return true;
  return [...sharesOf(usage).values()].some(
    ({ bytes, bytesMax }) => bytes > bytesMax * pressureRatio,
  );
}

function createRefusedCleaner(log: Log, retentionMs: number) {
  const ages = createStreamAges(retentionMs);
  let cleanedBefore = 0;
  return {
    /** Ages as in jetstream/consume/janitor.ts: no step of the clock deletes anything early. */
    byAge: async (): Promise<number> => {
      const { first, last } = await boundsOf(log, 'REJECTED');
      ages.note(last);
      const since = await sequenceSince(log, 'REJECTED', Math.max(0, steadyTimeMs() - retentionMs));
      const old = Math.min(since ?? Infinity, ages.foundUpTo() + 1);
      // The last message stays: a purge of a whole stream races with a publish.
      const keepFrom = Math.min(Math.max(ages.oldUpTo() + 1, old), last);
      if (keepFrom <= Math.max(first, cleanedBefore)) return 0;
      const deleted = await deleteRefusedBefore(log, keepFrom);
      cleanedBefore = keepFrom;
      return deleted;
    },
    forRoom: async (usage: RejectedUsage): Promise<number> => {
      let deleted = 0;
      for (const [source, keep] of keptForRoom(usage)) {
        deleted += await deleteOldestRefused(log, source, keep);
      }
      return deleted;
    },
  };
}

/** How many refused events of which source are kept, so that the room is no longer pressed. */
export function keptForRoom(usage: RejectedUsage): ReadonlyMap<string, number> {
  const kept = new Map<string, number>();
  let excess = usage.storedBytes - usage.roomBytes * relievedRatio;
  if (!isFilled(usage)) return kept;
  const left = new Map([...usage.kinds.refused, [earlierReleases, usage.earlier] as const]);
  while (excess > 0) {
    const [most] = [...left].sort(([, a], [, b]) => b.bytes - a.bytes);
    if (most === undefined || most[1].events === 0) return kept;
    const [source, { events, bytes }] = most;
    // A tenth of the one that has most, so that sources with as much give as much.
    const keep = Math.floor(events * 0.9);
    const rest = (bytes * keep) / events;
    excess -= bytes - rest;
    left.set(source, { events: keep, bytes: rest });
    kept.set(source, keep);
  }
  return kept;
}

interface StoredNote {
  readonly position: number;
  readonly storedAtMs: number;
  readonly note: OutcomeNote;
}

function createSettledCleaner(log: Log, retentionMs: number) {
  let cleanedUpTo = 0;
  let dueAtMs = 0;
  let recordsDueAtMs = 0;
  async function* notesFrom(position: number): AsyncGenerator<StoredNote> {
    for await (const message of readMatching(log, 'REJECTED', subjects.replayed, position)) {
      const { sequence, storedAtMs, payload } = message;
      yield { position: sequence, storedAtMs, note: readNote(payload) };
    }
  }
  const clean = async (isDue: (note: StoredNote) => boolean): Promise<number> => {
    let deleted = 0;
    for await (const stored of notesFrom(cleanedUpTo + 1)) {
      if (!isDue(stored) || deleted >= settledMax) break;
      deleted += await deleteRejected(log, settledIn(stored.note));
      cleanedUpTo = stored.position;
    }
    return deleted;
  };
  /** Deletes old records of events that are gone, once an hour. */
  const forgetRecords = async (keptMs: number): Promise<void> => {
    if (performance.now() < recordsDueAtMs) return;
    recordsDueAtMs = performance.now() + 3_600_000;
    const firstKept = await readNext(log, 'REJECTED', 1, subjects.rejectedOf('*'));
    for await (const { position, storedAtMs, note } of notesFrom(1)) {
      if (position > cleanedUpTo || ageMs(storedAtMs) < Math.max(keptMs, retentionMs)) break;
      const isNeeded = namedIn(note).some(
        (sequence) => sequence >= (firstKept?.sequence ?? Infinity),
      );
      if (!isNeeded) await deleteMessage(log, 'REJECTED', position);
    }
  };
  return {
    byAge: async (): Promise<number> => {
      const nowMs = performance.now();
      if (nowMs < dueAtMs) return 0;
      // Notes may be long: the first young one says when to look again.
      dueAtMs = nowMs + Math.min(retentionMs, 60_000);
      const deleted = await clean(({ storedAtMs }) => ageMs(storedAtMs) >= retentionMs);
      if (deleted >= settledMax) dueAtMs = nowMs;
      return deleted;
    },
    all: () => clean(() => true),
    forgetRecords,
  };
}
