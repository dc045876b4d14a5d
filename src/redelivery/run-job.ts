import { storeLaneCopy } from '../jetstream/consume/lane/lane-copies.ts';
import { createReadPositions, type EventRanges } from '../jetstream/events/event-ranges.ts';
import type { Log } from '../jetstream/log.ts';
import type { StoredMessage } from '../jetstream/read/read.ts';
import type { AuditedDestination } from '../reconciliation/audit.ts';
import { deleteLane } from './delete-lane.ts';
import { endedJob, hasEnded, type JobState } from './job.ts';
import { createFreshWatch } from './fresh-events.ts';
import { createLaneRoom, type LaneRoom } from './lane-room.ts';
import { unchanged, type Lease } from './lease.ts';
import { createPace, pause } from './pace.ts';
import { selectEvents } from './selection.ts';

/** A destination with a worker in this process. */
export interface RedeliveryTarget extends AuditedDestination {
  /** Why its worker does not deliver now, as text for people; empty if it does. */
  readonly waitsFor: () => string;
  /**
   * Lets its worker deliver the copies of REPLAY from a position on. Resolves to a function that
   * ends this.
   */
  readonly openLane: (from: number) => Promise<() => Promise<void>>;
}

export interface RunningJob {
  readonly log: Log;
  readonly target: RedeliveryTarget;
  readonly lease: Lease;
  /** Aborted when this process stops. */
  readonly signal: AbortSignal;
  readonly onSent: (events: number) => void;
}

/** How often a job is written while it makes progress, and while it waits. */
const progressMs = 1_000;
const heartbeatMs = 3_000;
const noteMs = 500;
/** How often settled copies are deleted. */
const deleteMs = 5_000;
const pollMs = 50;
/** At most this share of a second's events is stored at once: a steady rate, not bursts. */
const slicesPerSecond = 20;
const sliceEventsMax = 128;
const sliceBytesMax = 2 * 1024 * 1024;

/**
 * Works on a job until it has ended, was paused or cancelled, this process stops, or another process
 * has taken it. Rejects when the log cannot be reached or the destination does not answer; call it
 * again then: it goes on where the job is.
 *
 * The selected events are copied to REPLAY at the job's rate, and never more than `laneEventsMax`
 * ahead of the destination. A position is recorded after the copies up to it are stored, so a crash
 * repeats copies, which their message ids refuse, and loses none.
 */
export async function runJob(run: RunningJob): Promise<void> {
  const { lease, signal } = run;
  for (;;) {
    // A job that is paused and resumed while a part of it is written has not ended: it goes on.
    while (goesOn(run) && !(await deliverAll(run)));
    if (lease.isLost()) return;
    const { state } = lease.job();
    if (state === 'paused' || (signal.aborted && state !== 'cancelling')) {
      return lease.update(() => ({ holder: '', note: '' }));
    }
    if (await end(run, state)) return;
  }
}

/** Resolves to false if people have changed the state of the job meanwhile: it has not ended then. */
async function end({ log, target, lease }: RunningJob, state: JobState): Promise<boolean> {
  const { destination, selection } = lease.job();
  const isRefused = state === 'running' && selection.missing && target.stored === undefined;
  // Before the end is written: after it, a lane may be that of the next job.
  await deleteLane(log, destination, () => isKept(lease));
  await lease.update((job) => {
    // A part of an end beside another state would be a job of everybody's events.
    if (job.state !== state) return {};
    if (state === 'cancelling') return endedJob(job, 'cancelled');
    if (!isRefused) return endedJob(job, 'done');
    const note = target.fault ?? `${destination} cannot be asked what it holds: select by time`;
    return endedJob(job, 'failed', note);
  });
  return lease.isLost() || hasEnded(lease.job());
}

/** Writes the job: another process may have taken it since the last write. */
async function isKept(lease: Lease): Promise<boolean> {
  await lease.update(unchanged);
  return !lease.isLost();
}

/** Resolves to false if it was interrupted: something of the selection may not have been sent. */
async function deliverAll(run: RunningJob): Promise<boolean> {
  const { log, target, lease } = run;
  const { destination, selection } = lease.job();
  if (selection.missing && target.stored === undefined) return true;
  if (lease.job().laneFrom === 0) {
    // What an earlier job may have left.
    const laneFrom = await deleteLane(log, destination, () => isKept(lease));
    if (laneFrom !== undefined) await lease.update(() => ({ laneFrom }));
  }
  if (!goesOn(run)) return false;
  const close = await target.openLane(lease.job().laneFrom);
  try {
    const room = await createLaneRoom(log, destination);
    const progress = createProgress(run, room);
    const isSent = await sendSelected(run, room, progress);
    const isSettled = isSent && (await untilSettled(run, room, progress));
    await progress.write(0);
    return isSettled;
  } finally {
    await close();
  }
}

/** Resolves to false if it was interrupted before. */
async function untilSettled(run: RunningJob, room: LaneRoom, progress: Progress): Promise<boolean> {
  while (!(await room.isSettled())) {
    if (!goesOn(run)) return false;
    await progress.write(heartbeatMs);
    await pause(pollMs * 4, run.signal);
  }
  return true;
}

const goesOn = ({ lease, signal }: RunningJob): boolean =>
  !signal.aborted && !lease.isLost() && lease.job().state === 'running';

/** Resolves to false if it was interrupted before the end. */
async function sendSelected(run: RunningJob, room: LaneRoom, progress: Progress): Promise<boolean> {
  const { log, target, lease, signal } = run;
  const { selection, rest } = lease.job();
  const pace = createPace(lease.job().rate, signal);
  const areFreshBehind = createFreshWatch(log, target.name);
  const interruption = watchInterruption(run);
  const options = {
    log,
    destination: target,
    selection,
    ranges: rest,
    signal: interruption.signal,
  };
  try {
    for await (const page of selectEvents(options)) {
      for (const slice of slicesOf(page.events, lease.job().rate)) {
        const bytes = slice.reduce((sum, { payload }) => sum + payload.length, 0);
        await pace.turn(slice.length);
        for (;;) {
          const isBehind = await areFreshBehind();
          if (isBehind) pace.slowDown();
          await room.readWaiting();
          // Directly before they are stored: another process may have taken the job meanwhile.
          if (!goesOn(run)) return false;
          if (!isBehind && room.hasRoomFor(slice.length, bytes)) break;
          await progress.write(heartbeatMs, isBehind ? 'fresh events come first' : '');
          await pause(pollMs, signal);
        }
        await storeSlice(run, slice, room, bytes);
        progress.stored(slice);
        await progress.write(progressMs);
      }
      progress.reached(page.rest);
      await progress.write(progressMs);
      if (!goesOn(run)) return false;
    }
    return true;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    return false;
  } finally {
    interruption.end();
  }
}

/** Its signal is aborted soon after the job may not go on: asking a destination takes long. */
function watchInterruption(run: RunningJob) {
  const interrupted = new AbortController();
  const timer = setInterval(() => {
    if (!goesOn(run)) interrupted.abort();
  }, pollMs);
  return {
    signal: AbortSignal.any([run.signal, interrupted.signal]),
    end: () => clearInterval(timer),
  };
}

async function storeSlice(
  { log, lease, onSent }: RunningJob,
  slice: readonly StoredMessage[],
  room: LaneRoom,
  bytes: number,
): Promise<void> {
  const { destination, id } = lease.job();
  const acks = await Promise.all(slice.map((event) => storeLaneCopy(log, destination, id, event)));
  const last = acks.reduce((most, { sequence }) => Math.max(most, sequence), 0);
  room.note(last, slice.length, bytes);
  onSent(acks.filter(({ duplicate }) => !duplicate).length);
}

function* slicesOf(
  events: readonly StoredMessage[],
  rate: number,
): Generator<readonly StoredMessage[]> {
  const eventsMax = Math.max(1, Math.min(sliceEventsMax, Math.floor(rate / slicesPerSecond)));
  let slice: StoredMessage[] = [];
  let bytes = 0;
  for (const event of events) {
    const isFull = slice.length >= eventsMax || bytes + event.payload.length > sliceBytesMax;
    if (slice.length > 0 && isFull) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(event);
    bytes += event.payload.length;
  }
  if (slice.length > 0) yield slice;
}

interface Progress {
  /** The next events were stored. */
  stored(events: readonly StoredMessage[]): void;
  /** Everything was read but this. */
  reached(rest: EventRanges): void;
  /** Writes the job if the last write is so long ago. `note` says what it waits for. */
  write(afterMs: number, note?: string): Promise<void>;
}

function createProgress({ lease, target }: RunningJob, room: LaneRoom): Progress {
  let { rest, sent } = lease.job();
  const read = createReadPositions();
  let writtenAt = performance.now();
  let deletedAt = performance.now();
  return {
    stored: (events) => {
      for (const { sequence } of events) read.pass(sequence);
      rest = read.restOf(rest);
      sent += events.length;
    },
    reached: (left) => {
      rest = left;
    },
    write: async (afterMs, note = '') => {
      const nowMs = performance.now();
      const full = target.waitsFor() || note;
      // People see soon what it waits for.
      const isDue = nowMs - writtenAt >= (full === lease.job().note ? afterMs : noteMs);
      if (!isDue && afterMs > 0) return;
      const before = room.settledBefore();
      const written = { rest, sent, note: full };
      await lease.update(() => written);
      writtenAt = performance.now();
      // After the position is written: a copy that is gone is not recognized when it is stored again.
      if (nowMs - deletedAt < deleteMs || lease.isLost()) return;
      await room.deleteBefore(before);
      deletedAt = performance.now();
    },
  };
}
