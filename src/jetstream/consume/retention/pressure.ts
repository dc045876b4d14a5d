import type { StreamInfo } from '@nats-io/jetstream';

import { steadyTimeMs } from '../../../event/time/steady-time.ts';
import { clientsOf } from '../../clients.ts';
import { createAgesByStream } from './stream-ages.ts';
import { withParts } from '../../events/event-streams.ts';
import type { Log } from '../../log.ts';
import type { StreamPart } from '../../events/stream-parts.ts';
import { deleteBefore } from '../../integrity/ledger.ts';
import { readNextIn } from '../../read/read.ts';
import { ensureStreams } from '../../server/stream-settings.ts';
import { findDeletable, type Deletable, type DeletableOptions } from './deletable.ts';
import {
  closedRooms,
  fullness,
  openRoom,
  surplusOf,
  type ClosedPart,
  type PartRoom,
} from './part-room.ts';

/** Makes room in EVENTS before it is full. */
export interface PressureRelief {
  /** Resolves after the first check. */
  start(): Promise<void>;
  /** Waits for a check in progress. */
  stop(): Promise<void>;
  /**
   * Looks once how full EVENTS is, and makes room if needed. Resolves to the number of deleted
   * events. Rejects when the log is unreachable.
   */
  check(): Promise<number>;
}

/** The events that cannot be deleted to make room. Sizes are estimates, in bytes. */
export interface HeldEvents {
  readonly bytes: number;
  /** The events from the first one that a consumer has not settled, for each that has one. */
  readonly byConsumer: ReadonlyMap<string, number>;
}

/** EVENTS is nearly full, and nothing in it may be deleted. */
export interface Stuck {
  /** Between 0 and 1. */
  readonly full: number;
  /** The destination that holds the oldest event. Undefined if all are too young. */
  readonly destination: string | undefined;
  /** The destination has taken the event, and it waits to be confirmed there. */
  readonly isUnconfirmed?: boolean;
  /** The events of the destination cannot be moved aside: ASIDE is full. */
  readonly isAsideFull?: boolean;
}

/** EVENTS runs short of room, and what could be deleted to make room is held. */
export interface Blocked {
  readonly part: StreamPart;
  /** How full the part is, between 0 and 1. */
  readonly full: number;
  /** The position in EVENTS up to which events have to go. All of them are old enough. */
  readonly upTo: number;
  /** The consumers that have not settled all of these. */
  readonly unsettled: readonly string[];
  /** Those that have, but the events are not confirmed at the destination. */
  readonly unconfirmed: readonly string[];
}

/**
 * What becomes of the events of a consumer that blocks: they move, they will if they block longer, or
 * ASIDE has no room for them. Those of consumers without an entry hold intake.
 */
export type Unblocking = ReadonlyMap<string, 'moving' | 'later' | 'full'>;

export interface PressureOptions extends Omit<DeletableOptions, 'retentionMs' | 'onForgotten'> {
  /** Events that are younger stay, however full the log is. */
  readonly retentionMinMs: number;
  /** Called at every check while events block. Default: they hold intake. */
  readonly unblock?: (blocked: Blocked) => Unblocking;
  readonly onHeld: (held: HeldEvents) => void;
  /** Called for each cause at most every ten minutes. */
  readonly onStuck: (stuck: Stuck) => void;
  /**
   * The age of the oldest event after events were deleted early, in ms: of the partition where it is
   * the youngest. 0 once no event was deleted early for a day.
   */
  readonly onRetentionReached: (ageMs: number) => void;
  readonly onTrouble: (error: unknown) => void;
  readonly intervalMs?: number;
}

/** Above the first share of its size EVENTS is cleaned, down to the second. */
const pressedFrom = 0.8;
const relievedAt = 0.7;
/**
 * Above this share, what will have to go is looked at already, and confirmed if it is not yet: that
 * takes seconds, which a small log that fills fast does not have later.
 */
const nearFrom = 0.6;
const nearIntervalMs = 2_000;

/**
 * The part of the events that is deleted at once. Sizes differ, so that only the next look shows
 * how much room it made.
 */
const stepShare = 0.05;
const stepsMax = 20;

const heldIntervalMs = 15_000;
const stuckIntervalMs = 600_000;
const reachedForMs = 86_400_000;
/** The pause after a check that has made room, or lets others make it: the producers may be fast. */
const busyIntervalMs = 200;

/**
 * Once a second it reads how full EVENTS is. Above 80 % it deletes the oldest events that are
 * settled by every destination and older than `retentionMinMs`, until EVENTS is 70 % full. First those
 * of closed streams, which are the oldest: the open ones get their room.
 */
export function createPressureRelief(options: PressureOptions): PressureRelief {
  const now = (): number => performance.now();
  const agesOf = createAgesByStream();
  const report = createReports(options, now);
  const looks = createLooks(options, now);
  let isSoonDeletable = false;
  let running: Promise<number> | undefined;

  /** `closed`: what is known of a closed part. */
  const checkPart = async (part: StreamPart, closed?: ClosedPart): Promise<number> => {
    const { streams } = clientsOf(options.log).manager;
    const info = closed?.info ?? (await streams.info(part.stream));
    const ages = agesOf(part.stream, options.retentionMinMs);
    ages.note(info.state.last_seq);
    const room = closed?.room ?? openRoom(info);
    const full = fullness(info, room);
    const isPressed = full > pressedFrom;
    const lookIntervalMs = full > nearFrom ? nearIntervalMs : heldIntervalMs;
    if (!isPressed && looks.ageMs(part) < lookIntervalMs) return 0;
    const atMs = now();
    const { retentionMinMs: retentionMs } = options;
    const wanted = { ...options, retentionMs };
    const deletable = await findDeletable('EVENTS', part, info.state, ages, wanted);
    looks.note(part, { atMs, held: heldOf(info, deletable) });
    const made = isPressed
      ? await makeRoom(options, { part, room, before: deletable.before }, info)
      : { deleted: 0, info };
    const { unblocking, isSoon } =
      full > nearFrom
        ? unblock(options, { part, room, isPressed }, made.info, deletable)
        : notBlocked;
    isSoonDeletable ||= isSoon;
    await report({ part, room }, deletable, made, unblocking);
    return made.deleted;
  };

  const checkOnce = (): Promise<number> =>
    withParts(options.log, 'EVENTS', async (parts) => {
      isSoonDeletable = false;
      let deleted = await checkClosed(options.log, parts, checkPart);
      for (const part of parts) {
        if (!part.isClosed) deleted += await checkPart(part);
      }
      looks.report(parts);
      return deleted;
    });
  const check = (): Promise<number> =>
    (running ??= checkOnce().finally(() => {
      running = undefined;
    }));
  const repeated = repeat(options, async () => (await check()) > 0 || isSoonDeletable);
  return {
    start: repeated.start,
    stop: async () => {
      repeated.stop();
      await running?.catch(() => {});
    },
    check,
  };
}

/** Checks at intervals, and sooner while a check says that it is busy. */
function repeat(
  { intervalMs = 1_000, onTrouble }: PressureOptions,
  check: () => Promise<boolean>,
): { start(): Promise<void>; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const start = async (): Promise<void> => {
    let isBusy = false;
    try {
      isBusy = await check();
    } catch (error) {
      if (!isStopped) onTrouble(error);
    }
    if (isStopped) return;
    timer = setTimeout(
      () => void start(),
      isBusy ? Math.min(busyIntervalMs, intervalMs) : intervalMs,
    );
  };
  return {
    start,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** Until one has made room: the next check looks at what they hold then. */
async function checkClosed(
  log: Log,
  parts: readonly StreamPart[],
  checkPart: (part: StreamPart, closed: ClosedPart) => Promise<number>,
): Promise<number> {
  const { manager, topology } = clientsOf(log);
  for (const closed of await closedRooms(log, parts)) {
    const deleted = await checkPart(closed.part, closed);
    if (deleted === 0) continue;
    // The open partitions get it.
    if (topology !== undefined) await ensureStreams(manager, topology);
    return deleted;
  }
  return 0;
}

/** How many events were deleted, and what the part holds since. */
interface MadeRoom {
  readonly deleted: number;
  readonly info: StreamInfo;
}

interface Deleting {
  readonly part: StreamPart;
  readonly room: PartRoom;
  /** Everything before this sequence may be deleted. */
  readonly before: number;
}

/** Deletes events, the oldest first, until the room is relieved. */
async function makeRoom(
  { log }: PressureOptions,
  { part, room, before }: Deleting,
  pressed: StreamInfo,
): Promise<MadeRoom> {
  let info = pressed;
  let deleted = 0;
  for (let step = 0; step < stepsMax; step += 1) {
    const { state } = info;
    const surplus = surplusOf(info, room, relievedAt);
    if (surplus <= 0 || state.first_seq >= before) break;
    const share = Math.min(stepShare, surplus / state.bytes);
    const upTo = Math.min(before, state.first_seq + Math.ceil(state.messages * share));
    deleted += await deleteBefore(log, part, upTo, 'pressure');
    info = await clientsOf(log).manager.streams.info(part.stream);
  }
  return { deleted, info };
}

const notBlocked = { unblocking: undefined, isSoon: false };

/** `isSoon`: events are being moved or confirmed, and can be deleted then. By sequences, as if all events were of one size. */
function unblock(
  options: PressureOptions,
  { part, room, isPressed }: Pick<Deleting, 'part' | 'room'> & { readonly isPressed: boolean },
  info: StreamInfo,
  { heldFrom, unsettledFrom, young }: Deletable,
): { readonly unblocking: Unblocking | undefined; readonly isSoon: boolean } {
  const { state } = info;
  const full = fullness(info, room);
  // Before it is short of room: what the next deletion would take.
  const least = isPressed ? 0 : room.bytesMax * (pressedFrom - relievedAt);
  const surplus = Math.max(least, surplusOf(info, room, relievedAt));
  if (surplus <= 0) return notBlocked;
  const share = Math.ceil(state.messages * Math.min(1, surplus / state.bytes));
  const upTo = Math.min(young, state.first_seq + share) - 1;
  // 0: a destination without a consumer.
  const within = (from = 0): boolean => from > 0 && from <= upTo;
  const unsettled = [...unsettledFrom.keys()].filter(
    (name) => isPressed && within(unsettledFrom.get(name)),
  );
  const unconfirmed = [...heldFrom.keys()].filter(
    (name) => within(heldFrom.get(name)) && !within(unsettledFrom.get(name)),
  );
  if (unsettled.length + unconfirmed.length === 0) return notBlocked;
  const blocked = { part, full, upTo: part.position(upTo), unsettled, unconfirmed };
  const unblocking = options.unblock?.(blocked);
  const isSoon = unconfirmed.length > 0 || new Set(unblocking?.values()).has('moving');
  return { unblocking, isSoon };
}

/** When a part was looked at, and what it held. */
interface Look {
  readonly atMs: number;
  readonly held: HeldEvents;
}

/** Remembers what each part held when it was looked at, and reports the sum. */
function createLooks({ onHeld }: PressureOptions, now: () => number) {
  const looks = new Map<string, Look>();
  let isReported = true;
  return {
    ageMs: ({ stream }: StreamPart) => now() - (looks.get(stream)?.atMs ?? -Infinity),
    note: ({ stream }: StreamPart, look: Look) => {
      looks.set(stream, look);
      isReported = false;
    },
    /** If something was noted since. */
    report: (parts: readonly StreamPart[]) => {
      if (isReported) return;
      isReported = true;
      const known = parts.map(({ stream }) => looks.get(stream));
      onHeld(sumOf(known.filter((look) => look !== undefined)));
    },
  };
}

/** What all parts hold. */
function sumOf(looks: readonly Look[]): HeldEvents {
  const byConsumer = new Map<string, number>();
  let bytes = 0;
  for (const { held } of looks) {
    bytes += held.bytes;
    for (const [name, some] of held.byConsumer) {
      byConsumer.set(name, (byConsumer.get(name) ?? 0) + some);
    }
  }
  return { bytes, byConsumer };
}

/** By sequences, as if all events were of one size. */
function heldOf(info: StreamInfo, { before, heldFrom }: Deletable): HeldEvents {
  const { first_seq: first, last_seq: last, bytes } = info.state;
  const bytesFrom = (sequence: number): number =>
    last < first
      ? 0
      : Math.round((bytes * (last + 1 - Math.max(first, sequence))) / (last + 1 - first));
  return {
    bytes: bytesFrom(before),
    byConsumer: new Map([...heldFrom].map(([name, from]) => [name, bytesFrom(from)])),
  };
}

/** Reports what a check has found: a log that is stuck, and the retention that it reaches. */
function createReports(options: PressureOptions, now: () => number) {
  const stuckAtMs = new Map<string, number>();
  const reached = new Map<string, { readonly atMs: number; readonly ageMs: number }>();

  const reportStuck = (
    info: StreamInfo,
    room: PartRoom,
    { before, heldFrom, unsettledFrom }: Deletable,
    unblocking: Unblocking | undefined,
  ): void => {
    const full = fullness(info, room);
    if (full <= pressedFrom || info.state.messages === 0 || info.state.first_seq < before) return;
    const oldest = [...heldFrom].toSorted(([, left], [, right]) => left - right)[0];
    const destination = oldest !== undefined && oldest[1] <= before ? oldest[0] : undefined;
    const unblocked = destination === undefined ? undefined : unblocking?.get(destination);
    if (unblocked === 'moving' || unblocked === 'later') return;
    const isUnconfirmed =
      destination !== undefined &&
      // 0: it has no consumer yet.
      heldFrom.get(destination)! > 0 &&
      (unsettledFrom.get(destination) ?? Infinity) > heldFrom.get(destination)!;
    const key = `${destination} ${isUnconfirmed} ${unblocked}`;
    if (now() - (stuckAtMs.get(key) ?? -Infinity) < stuckIntervalMs) return;
    stuckAtMs.set(key, now());
    options.onStuck({
      full,
      destination,
      ...(isUnconfirmed && { isUnconfirmed }),
      ...(unblocked === 'full' && { isAsideFull: true }),
    });
  };

  return async (
    { part, room }: Pick<Deleting, 'part' | 'room'>,
    deletable: Deletable,
    { deleted, info }: MadeRoom,
    unblocking: Unblocking | undefined,
  ): Promise<void> => {
    reportStuck(info, room, deletable, unblocking);
    if (deleted > 0) {
      const oldest = await readNextIn(options.log, part, info.state.first_seq, '>');
      if (oldest === undefined) return;
      const ageMs = Math.max(0, (options.now?.() ?? steadyTimeMs()) - oldest.storedAtMs);
      reached.set(part.stream, { atMs: now(), ageMs });
    }
    const recent = [...reached.values()].filter(({ atMs }) => now() - atMs <= reachedForMs);
    const ages = recent.map(({ ageMs }) => ageMs);
    options.onRetentionReached(ages.length === 0 ? 0 : Math.min(...ages));
  };
}
