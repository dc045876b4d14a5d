import { isCanarySubject } from '../../event/canary.ts';
import type { Log } from '../../jetstream/log.ts';
import { walkPage, type WalkPage } from '../../jetstream/read/walk/walk-pages.ts';
import { subjects } from '../../jetstream/topology.ts';
import type { Found } from '../../quarantine/rejected-events.ts';
import type { RejectedServiceOptions } from '../rejected/rejected-service.ts';

/** Which events are read: of one name, and of one source if it is not empty. */
export interface TrafficRange {
  readonly eventName: string;
  readonly source: string;
  readonly sinceMs: number;
}

export interface TrafficSources {
  readonly log: Log;
  readonly rejected: Pick<RejectedServiceOptions, 'rejected' | 'textOf'>;
  readonly limits?: TrafficLimits | undefined;
}

/** What one call reads at most: it shares the process with the gate. */
export interface TrafficLimits {
  readonly storedMax: number;
  readonly rejectedMax: number;
  readonly msMax: number;
}

export const trafficLimits: TrafficLimits = {
  storedMax: 20_000,
  rejectedMax: 5_000,
  msMax: 15_000,
};

export interface TrafficSink {
  stored(sequence: number, storedJson: Uint8Array): void;
  /** `text` is the event in the form of POST /v1/track. */
  rejected(sequence: number, text: string, entry: Found['entry']): void;
}

const pageSize = 250;

/**
 * Reads the events that came, the oldest first, page by page. Resolves to whether there are more than
 * one call reads. Rejects when the log cannot be reached, and with the reason of `signal` before the next page
 * once it is aborted: then no caller waits for the result.
 */
export async function walkTraffic(
  sources: TrafficSources,
  range: TrafficRange,
  sink: TrafficSink,
  signal: AbortSignal,
): Promise<boolean> {
  const limits = sources.limits ?? trafficLimits;
  // The rejected events have a part of the time for themselves.
  const startMs = performance.now();
  const storedUntilMs = startMs + limits.msMax * (2 / 3);
  const rejectedUntilMs = startMs + limits.msMax;
  const { log, rejected } = sources;
  const { eventName, source, sinceMs } = range;
  const walk = {
    stream: 'EVENTS',
    subjects: [subjects.eventsOf(source === '' ? '*' : source, eventName)],
    sinceMs,
    untilMs: Infinity,
  } as const;
  const areStoredLeft = await eachPage(limits.storedMax, storedUntilMs, async (size, token) => {
    signal.throwIfAborted();
    const page = await walkPage(log, 'events', walk, token, { itemsMax: size }, (message) =>
      isCanarySubject(message.subject) ? undefined : message,
    );
    for (const { sequence, payload } of page.items) sink.stored(sequence, payload);
    return page;
  });
  const filter = { ...everyRejected, eventName, source, sinceMs };
  const areRejectedLeft = await eachPage(
    limits.rejectedMax,
    rejectedUntilMs,
    async (size, token) => {
      signal.throwIfAborted();
      const page = await rejected.rejected.page(filter, size, token);
      for (const { entry } of page.items) {
        sink.rejected(entry.sequence, rejected.textOf(entry), entry);
      }
      return page;
    },
  );
  return areStoredLeft || areRejectedLeft;
}

const everyRejected = {
  code: '',
  user: '',
  untilMs: Infinity,
  withReplayed: false,
  withDiscarded: false,
  sequenceMax: Infinity,
};

/** Resolves to whether a limit ended the reading. */
async function eachPage(
  itemsMax: number,
  untilMs: number,
  read: (size: number, pageToken: string) => Promise<WalkPage<unknown>>,
): Promise<boolean> {
  let left = itemsMax;
  let token = '';
  do {
    if (left === 0 || performance.now() > untilMs) return true;
    const page = await read(Math.min(pageSize, left), token);
    left -= page.items.length;
    token = page.nextPageToken;
  } while (token !== '');
  return false;
}
