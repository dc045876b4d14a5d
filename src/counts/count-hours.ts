import { randomUUID } from 'node:crypto';

import type { Log } from '../jetstream/log.ts';
import { writeCountEntry } from '../jetstream/counts/count-entries.ts';
import {
  createHourCounts,
  encodeHourCounts,
  hourMs,
  type CountedOutcome,
  type HourCounts,
} from './hour-counts.ts';

/** One counter of this process: its total since the start. */
export interface EventTotal {
  readonly eventName: string;
  readonly source: string;
  readonly outcome: CountedOutcome;
  readonly total: number;
}

/** The deliveries of this process to a destination: their total since the start. */
export interface DeliveredTotal {
  readonly destination: string;
  readonly total: number;
}

export interface CountHoursOptions {
  readonly log: Log;
  /** The counters of this process, those of its gate processes included. */
  readonly totals: () => Iterable<EventTotal>;
  readonly deliveredTotals: () => Iterable<DeliveredTotal>;
  readonly onTrouble: (error: unknown) => void;
  readonly intervalMs?: number;
  /** The wall clock, for tests. */
  readonly now?: () => number;
}

/** Counts the events of this process by hour, in the log. */
export interface HourCounting {
  start(): void;
  /** Adds what came since the last time, now. Rejects if the log does not take it; it is kept. */
  flush(): Promise<void>;
  /** Adds the rest. Never rejects. */
  stop(): Promise<void>;
}

const intervalMsDefault = 60_000;
/** Hours that the log has not taken yet: those of a week without the log. */
const waitingMax = 192;

/**
 * Each start of a process has an entry of its own for every hour, which it writes again about once a
 * minute, so that processes never overwrite each other's counts and a restart loses none that were written. What came in the
 * last minute of an hour counts there, because a turn falls on its end.
 */
export function countHours(options: CountHoursOptions): HourCounting {
  const { log, onTrouble, intervalMs = intervalMsDefault, now = Date.now } = options;
  const processId = randomUUID();
  const seen = new Map<string, number>();
  /** Changed since they were written. */
  const waiting = new Map<number, HourCounts>();
  const hourNow = (): number => Math.floor(now() / hourMs);
  let current = createHourCounts(hourNow());

  /** By how much a counter has grown since the last time. */
  const growthOf = (key: string, total: number): number => {
    const grown = total - (seen.get(key) ?? 0);
    if (grown <= 0) return 0;
    seen.set(key, total);
    waiting.set(current.hour, current);
    return grown;
  };
  const collect = (): void => {
    for (const { eventName, source, outcome, total } of options.totals()) {
      const grown = growthOf(`${outcome}\0${eventName}\0${source}`, total);
      current.add(eventName, source, outcome, grown);
    }
    for (const { destination, total } of options.deliveredTotals()) {
      current.addDelivered(destination, growthOf(`delivered\0${destination}`, total));
    }
    // A clock that is set back leaves the counts where they are.
    if (hourNow() > current.hour) current = createHourCounts(hourNow());
    for (const hour of [...waiting.keys()].slice(0, -waitingMax)) waiting.delete(hour);
  };
  const write = async (): Promise<void> => {
    for (const [hour, counts] of waiting) {
      const text = encodeHourCounts(counts);
      await writeCountEntry(log, hour, processId, text);
      // It may have changed meanwhile.
      if (encodeHourCounts(counts) === text) waiting.delete(hour);
    }
  };
  let running: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    collect();
    running = running.catch(() => {}).then(write);
    return running;
  };

  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const schedule = (): void => {
    const untilHourEnds = hourMs - (now() % hourMs);
    timer = setTimeout(
      () => {
        flush()
          .catch(onTrouble)
          .finally(() => {
            if (!isStopped) schedule();
          });
      },
      Math.min(intervalMs, untilHourEnds),
    );
    timer.unref();
  };
  return {
    start: schedule,
    flush,
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await flush().catch(onTrouble);
    },
  };
}
