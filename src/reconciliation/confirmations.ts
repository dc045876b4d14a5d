import { setTimeout as sleep } from 'node:timers/promises';

import { readPartPosition } from '../jetstream/consume/consumer-position.ts';
import { readFirstUnsettled } from '../jetstream/consume/first-unsettled.ts';
import { storeRedelivery } from '../jetstream/consume/redelivery.ts';
import { partsOf, withParts } from '../jetstream/events/event-streams.ts';
import type { StreamPart } from '../jetstream/events/stream-parts.ts';
import {
  readConfirmed,
  whileConfirming,
  writeConfirmed,
  type FoundMissing,
} from '../jetstream/integrity/confirmed-position.ts';
import type { Log } from '../jetstream/log.ts';
import { readMessage } from '../jetstream/read/read.ts';
import type { AuditedDestination } from './audit.ts';
import { confirmRanges } from './confirm-range.ts';
import { readHead } from './event-head.ts';

/** A destination whose deliveries are confirmed, if it can be asked. */
export interface ConfirmedDestination extends AuditedDestination {
  /** Whether its worker delivers now: a parked destination is not asked. */
  readonly isRunning: () => boolean;
}

/** Confirms once, soon after they were settled, that events are at their destinations. */
export interface Confirmations {
  /**
   * Call it before the first delivery to a destination. Where nothing was confirmed before, what is
   * settled now counts as confirmed: its owner may have deleted it.
   */
  begin(destination: ConfirmedDestination): Promise<void>;
  /**
   * The position in a part of EVENTS up to which a destination may lose its events, by the one up to
   * which it has settled them: what is not confirmed is kept for ten minutes at most, whatever the reason.
   */
  confirmedUpTo(destination: string, settledUpTo: number, part: StreamPart): Promise<number>;
  /** Confirms from now on. */
  start(): void;
  /** Waits for a destination that is being asked, but not for long. */
  stop(): Promise<void>;
  /** Confirms what had been settled at the previous run. Never rejects. */
  run(): Promise<void>;
  /**
   * Confirms what was settled a second ago, because the log is short of room and may not delete
   * it before. Call it again while that is so. Never rejects.
   */
  hurry(): Promise<void>;
}

export interface ConfirmationOptions {
  readonly log: Log;
  /** Called when events were found to be missing, and are delivered again. */
  readonly onMissing: (destination: string, found: FoundMissing) => void;
  readonly onTrouble: (destination: string, error: unknown) => void;
  /** The time from one run to the next, and so the least time from settled to confirmed. */
  readonly intervalMs?: number;
  /** How many events are checked at once. */
  readonly rangeEventsMax?: number;
  readonly secondLookMs?: number;
}

const intervalDefaultMs = 60_000;
/** About 6 MB, and one query of the destination. */
const rangeEventsMaxDefault = 100_000;
const secondLookDefaultMs = 1_000;
/** Far above what one worker delivers, so that it keeps up, in at most half of the time. */
const eventsPerMsMax = 20;
/** Longer than a destination takes to show what it has acknowledged. */
const hurriedMs = 1_000;
const stopMsMax = 2_000;
/** Longer than a confirmation takes, and short beside the time in which a log fills. */
const keptMsMax = 600_000;

/**
 * A consumer of NATS can be settled without delivery, for example after a change of its leader. What
 * is missing when it is confirmed is delivered again, once: the event goes to REPLAY before the
 * confirmed position moves. What disappears after that was deleted by its owner, and stays away.
 *
 * Destinations take turns. Several processes may do this for the same destination: a claim lets one
 * work, and if two do, the message ids in REPLAY make it one delivery.
 */
export function createConfirmations(options: ConfirmationOptions): Confirmations {
  const { log, onTrouble } = options;
  const destinations: ConfirmedDestination[] = [];
  const stopping = new AbortController();
  const confirmPart = createPartConfirmation(options, stopping.signal);
  const settled = createObservations(keptMsMax);
  // Apart from those of the runs, which would else confirm earlier, too.
  const recent = createObservations(hurriedMs);

  const confirmSettled = (destination: ConfirmedDestination, hurried: boolean): Promise<void> =>
    withParts(log, 'EVENTS', async (parts) => {
      for (const part of parts) {
        const key = `${part.stream} ${destination.name}`;
        const position = await readPartPosition(log, part, destination.name);
        if (position === undefined) continue;
        const before = hurried ? recent.before(key, hurriedMs) : settled.newest(key);
        (hurried ? recent : settled).observe(key, position.settledUpTo);
        if (before === undefined || (await hasAside(log, destination.name))) continue;
        await confirmPart(destination, part, Math.min(before, position.settledUpTo));
      }
    });

  const runOnce = async (hurried: boolean): Promise<void> => {
    for (const destination of destinations) {
      if (stopping.signal.aborted) return;
      await confirmSettled(destination, hurried).catch((error: unknown) => {
        if (!stopping.signal.aborted) onTrouble(destination.name, error);
      });
    }
  };
  let running: Promise<void> | undefined;
  const run = (hurried = false): Promise<void> =>
    (running ??= runOnce(hurried).finally(() => {
      running = undefined;
    }));

  let timer: NodeJS.Timeout | undefined;
  return {
    begin: async (destination) => {
      if (destination.stored === undefined) return;
      destinations.push(destination);
      await withParts(log, 'EVENTS', async (parts) => {
        await beginParts(log, parts, destination.name);
      }).catch((error: unknown) => onTrouble(destination.name, error));
    },
    confirmedUpTo: async (name, settledUpTo, part) => {
      if (!destinations.some((one) => one.name === name)) return settledUpTo;
      const confirmed = await readConfirmed(log, part, name);
      if (confirmed === undefined) return settledUpTo;
      return Math.max(confirmed.upTo, settled.before(`${part.stream} ${name}`, keptMsMax));
    },
    start: () => {
      timer ??= setInterval(() => void run(), options.intervalMs ?? intervalDefaultMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.race([running, sleep(stopMsMax, undefined, { ref: false })]);
    },
    run: () => run(),
    hurry: () => run(true),
  };
}

/** Remembers how far consumers had settled, for about as long as anybody asks. */
function createObservations(keptMs: number) {
  const byKey = new Map<string, { readonly atMs: number; readonly upTo: number }[]>();
  const agedAt = (key: string, ageMs: number): number =>
    (byKey.get(key) ?? []).findLastIndex(({ atMs }) => atMs <= performance.now() - ageMs);
  return {
    newest: (key: string) => byKey.get(key)?.at(-1)?.upTo,
    /** How far it had settled so long ago; 0 if that is not known. */
    before: (key: string, ageMs: number) => byKey.get(key)?.[agedAt(key, ageMs)]?.upTo ?? 0,
    observe: (key: string, upTo: number) => {
      const kept = (byKey.get(key) ?? []).slice(Math.max(0, agedAt(key, keptMs)));
      byKey.set(key, [...kept, { atMs: performance.now(), upTo }]);
    },
  };
}

/**
 * Whether events of a destination are aside. They are settled in EVENTS and will be delivered:
 * until then, nothing is confirmed.
 */
async function hasAside(log: Log, destination: string): Promise<boolean> {
  const part = partsOf(log, 'ASIDE')[0]!;
  const position = await readPartPosition(log, part, destination);
  return position !== undefined && (await readFirstUnsettled(log, part, position)) !== undefined;
}

async function beginParts(
  log: Log,
  parts: readonly StreamPart[],
  destination: string,
): Promise<void> {
  const known = await Promise.all(parts.map((part) => readConfirmed(log, part, destination)));
  const isNew = known.every((position) => position === undefined);
  for (const [index, part] of parts.entries()) {
    if (known[index] !== undefined) continue;
    // A part that was added since the destination began is confirmed from its first event on.
    const position = isNew ? await readPartPosition(log, part, destination) : undefined;
    const upTo = position?.settledUpTo ?? part.position(part.from - 1);
    // Another process that was faster has begun at the same place, or a little later.
    await writeConfirmed(log, part, destination, { upTo, missing: 0, lastFound: undefined }, 0);
  }
}

function createPartConfirmation(options: ConfirmationOptions, signal: AbortSignal) {
  const { log, rangeEventsMax = rangeEventsMaxDefault } = options;
  const secondLookMs = options.secondLookMs ?? secondLookDefaultMs;

  /** Resolves to the number of events, or undefined when there is no more to do now. */
  const confirmNext = async (
    destination: ConfirmedDestination,
    part: StreamPart,
    upTo: number,
  ): Promise<number | undefined> => {
    const { name } = destination;
    const before = await readConfirmed(log, part, name);
    if (before === undefined) return void (await beginParts(log, partsOf(log, 'EVENTS'), name));
    if (before.upTo >= upTo) return undefined;
    const { rest, events, missing } = await confirmRanges({
      log,
      destination,
      ranges: [{ from: before.upTo + 1, to: upTo }],
      eventsMax: rangeEventsMax,
      secondLookMs,
      signal,
    });
    const found = await deliverAgain(options, name, missing);
    const after = {
      upTo: rest[0]!.from - 1,
      missing: before.missing + (found?.events ?? 0),
      lastFound: found ?? before.lastFound,
    };
    const isWritten = await writeConfirmed(log, part, name, after, before.revision);
    return isWritten ? events : undefined;
  };

  return async (destination: ConfirmedDestination, part: StreamPart, upTo: number) => {
    while (!signal.aborted && destination.isRunning()) {
      const startedAt = performance.now();
      const before = await readConfirmed(log, part, destination.name);
      if (before !== undefined && before.upTo >= upTo) return;
      const events = await whileConfirming(log, destination.name, () =>
        confirmNext(destination, part, upTo),
      );
      if (events === undefined) return;
      const pauseMs = Math.max(performance.now() - startedAt, events / eventsPerMsMax);
      await sleep(pauseMs, undefined, { signal, ref: false });
    }
  };
}

/** Stores the events in REPLAY and reports those that were not there; undefined if none is new. */
async function deliverAgain(
  { log, onMissing }: ConfirmationOptions,
  destination: string,
  missing: readonly number[],
): Promise<FoundMissing | undefined> {
  const again: number[] = [];
  const ids = new Set<string>();
  const summary = (): FoundMissing | undefined =>
    again.length === 0
      ? undefined
      : { events: again.length, from: again[0]!, to: again.at(-1)!, foundAtMs: Date.now() };
  try {
    for (const position of missing) {
      const event = await readMessage(log, 'EVENTS', position);
      if (event === undefined) continue;
      const { eventId } = readHead(event);
      // The log may have an event twice. What is no event has no id, and becomes a dead letter.
      if (eventId !== '' && ids.has(eventId)) continue;
      ids.add(eventId);
      const { duplicate } = await storeRedelivery(log, destination, event);
      if (!duplicate) again.push(position);
    }
  } finally {
    // Also if the next one could not be stored: these will not be missing at the next run.
    const found = summary();
    if (found !== undefined) onMissing(destination, found);
  }
  return summary();
}
