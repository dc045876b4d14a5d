import type { StreamInfo } from '@nats-io/jetstream';

import { steadyTimeMs } from '../../../event/time/steady-time.ts';
import { clientsOf } from '../../clients.ts';
import { createAgesByStream } from './stream-ages.ts';
import { withParts } from '../../events/event-streams.ts';
import { infoOf, type StreamPart } from '../../events/stream-parts.ts';
import { deleteBefore } from '../../integrity/ledger.ts';
import { readNextIn } from '../../read/read.ts';
import { earlierStream } from '../../topology.ts';
import { findDeletable, type Deletable, type DeletableOptions } from './deletable.ts';

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
}

export interface PressureOptions extends Omit<DeletableOptions, 'retentionMs' | 'onForgotten'> {
  /** Events that are younger stay, however full the log is. */
  readonly retentionMinMs: number;
  readonly onHeld: (held: HeldEvents) => void;
  /** Called for each cause at most every ten minutes. */
  readonly onStuck: (stuck: Stuck) => void;
  /**
   * The age of the oldest event after events were deleted early, in ms. 0 once no event was
   * deleted early for a day.
   */
  readonly onRetentionReached: (ageMs: number) => void;
  readonly onTrouble: (error: unknown) => void;
  readonly intervalMs?: number;
}

/** Above the first share of its size EVENTS is cleaned, down to the second. */
const pressedFrom = 0.8;
const relievedAt = 0.7;

/**
 * The part of the events that is deleted at once. Sizes differ, so that only the next look shows
 * how much room it made.
 */
const stepShare = 0.05;
const stepsMax = 20;

const heldIntervalMs = 15_000;
const stuckIntervalMs = 600_000;
const reachedForMs = 86_400_000;
/** The pause after a check that has made room: the producers may be fast. */
const busyIntervalMs = 200;

/**
 * Once a second it reads how full EVENTS is. Above 80 % it deletes the oldest events that are
 * settled by every destination and older than `retentionMinMs`, until EVENTS is 70 % full. The
 * stream of an earlier release takes no events and is not cleaned.
 */
export function createPressureRelief(options: PressureOptions): PressureRelief {
  const now = (): number => performance.now();
  const agesOf = createAgesByStream();
  const report = createReports(options, now);
  let heldAtMs = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let running: Promise<number> | undefined;

  const checkPart = async (part: StreamPart, earlierBytes: number): Promise<number> => {
    const { streams } = clientsOf(options.log).manager;
    const info = await streams.info(part.stream);
    const ages = agesOf(part.stream, options.retentionMinMs);
    ages.note(info.state.last_seq);
    const isPressed = fullness(info) > pressedFrom;
    if (!isPressed && now() - heldAtMs < heldIntervalMs) return 0;
    heldAtMs = now();
    const { retentionMinMs: retentionMs } = options;
    const deletable = await findDeletable('EVENTS', part, info.state, ages, {
      ...options,
      retentionMs,
    });
    options.onHeld(heldOf(info, deletable, earlierBytes));
    const made = isPressed
      ? await makeRoom(options, part, info, deletable.before)
      : { deleted: 0, info };
    await report(part, deletable, made);
    return made.deleted;
  };

  const checkOnce = (): Promise<number> =>
    withParts(options.log, 'EVENTS', async (parts) => {
      const earlier = await earlierBytesOf(options, parts);
      let deleted = 0;
      for (const part of parts) {
        if (part.stream !== earlierStream) deleted += await checkPart(part, earlier);
      }
      return deleted;
    });
  const check = (): Promise<number> =>
    (running ??= checkOnce().finally(() => {
      running = undefined;
    }));
  const checkOn = async (): Promise<void> => {
    let deleted = 0;
    try {
      deleted = await check();
    } catch (error) {
      if (!isStopped) options.onTrouble(error);
    }
    if (isStopped) return;
    const delayMs = deleted > 0 ? busyIntervalMs : (options.intervalMs ?? 1_000);
    timer = setTimeout(() => void checkOn(), delayMs);
  };

  return {
    start: checkOn,
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running?.catch(() => {});
    },
    check,
  };
}

function fullness({ state, config }: StreamInfo): number {
  return config.max_bytes > 0 ? state.bytes / config.max_bytes : 0;
}

async function earlierBytesOf(
  { log }: PressureOptions,
  parts: readonly StreamPart[],
): Promise<number> {
  if (!parts.some(({ stream }) => stream === earlierStream)) return 0;
  return (await infoOf(clientsOf(log).manager, earlierStream))?.state.bytes ?? 0;
}

/** How many events were deleted, and what the part holds since. */
interface MadeRoom {
  readonly deleted: number;
  readonly info: StreamInfo;
}

/** Deletes events before a sequence, the oldest first, until the part is relieved. */
async function makeRoom(
  { log }: PressureOptions,
  part: StreamPart,
  pressed: StreamInfo,
  before: number,
): Promise<MadeRoom> {
  let info = pressed;
  let deleted = 0;
  for (let step = 0; step < stepsMax; step += 1) {
    const { state, config } = info;
    const surplus = state.bytes - config.max_bytes * relievedAt;
    if (surplus <= 0 || state.first_seq >= before) break;
    const share = Math.min(stepShare, surplus / state.bytes);
    const upTo = Math.min(before, state.first_seq + Math.ceil(state.messages * share));
    deleted += await deleteBefore(log, part, upTo, 'pressure');
    info = await clientsOf(log).manager.streams.info(part.stream);
  }
  return { deleted, info };
}

/** By sequences, as if all events were of one size. */
function heldOf(info: StreamInfo, { before, heldFrom }: Deletable, more: number): HeldEvents {
  const { first_seq: first, last_seq: last, bytes } = info.state;
  const bytesFrom = (sequence: number): number =>
    last < first
      ? 0
      : Math.round((bytes * (last + 1 - Math.max(first, sequence))) / (last + 1 - first));
  return {
    bytes: bytesFrom(before) + more,
    byConsumer: new Map([...heldFrom].map(([name, from]) => [name, bytesFrom(from)])),
  };
}

/** Reports what a check has found: a log that is stuck, and the retention that it reaches. */
function createReports(options: PressureOptions, now: () => number) {
  const stuckAtMs = new Map<string | undefined, number>();
  let reachedAtMs = -Infinity;

  const reportStuck = (info: StreamInfo, { before, heldFrom }: Deletable): void => {
    const full = fullness(info);
    if (full <= pressedFrom || info.state.first_seq < before) return;
    const oldest = [...heldFrom].toSorted(([, left], [, right]) => left - right)[0];
    const destination = oldest !== undefined && oldest[1] <= before ? oldest[0] : undefined;
    if (now() - (stuckAtMs.get(destination) ?? -Infinity) < stuckIntervalMs) return;
    stuckAtMs.set(destination, now());
    options.onStuck({ full, destination });
  };

  return async (
    part: StreamPart,
    deletable: Deletable,
    { deleted, info }: MadeRoom,
  ): Promise<void> => {
    reportStuck(info, deletable);
    if (deleted > 0) {
      const oldest = await readNextIn(options.log, part, info.state.first_seq, '>');
      if (oldest === undefined) return;
      reachedAtMs = now();
      options.onRetentionReached(
        Math.max(0, (options.now?.() ?? steadyTimeMs()) - oldest.storedAtMs),
      );
    } else if (now() - reachedAtMs > reachedForMs) options.onRetentionReached(0);
  };
}
