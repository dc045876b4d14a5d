import { setTimeout as sleep } from 'node:timers/promises';

import type { EventStreams } from './events/follow-event-streams.ts';
import { oneAtATime } from './events/one-at-a-time.ts';
import type { EventStreamsRead } from './events/stream-parts.ts';
import { createEventPublisher, type EventRoute } from './publish/event-publisher.ts';
import { PublishError } from './publish/publish-error.ts';
import type { PublishToStream } from './publish/publisher.ts';
import { partitionStream, type StoredStreamName } from './topology.ts';

/** EVENTS, as its partitions change. */
export interface OpenEvents {
  /** `Log.publish` for EVENTS. */
  readonly publish: PublishToStream;
  /** The partitions that take events now. */
  readonly open: () => EventRoute['open'];
  close(): void;
}

export interface OpenEventsOptions {
  readonly events: EventStreams;
  /** The publish function of a stream. Called once for each stream. */
  readonly openStream: (stream: StoredStreamName) => PublishToStream;
  /** Completes a change of the partitions. Undefined if this process does not create streams. */
  readonly complete: (() => Promise<void>) | undefined;
  readonly publishTimeoutMs: number;
  readonly onTrouble: (error: unknown) => void;
}

/** How often every process looks whether the partitions have changed. */
const followIntervalMs = 2_000;
/** How often one looks that has an event to store and knows no stream that takes it. */
const urgentIntervalMs = 100;
/** A log without a leader does not answer either. */
const refreshMsMax = 1_000;

/** Opens EVENTS for publishing, and follows its partitions until it is closed. */
export function openEvents(options: OpenEventsOptions): OpenEvents {
  const { events, complete, onTrouble } = options;
  const streams = new Map<StoredStreamName, PublishToStream>();
  const openStream = (stream: StoredStreamName): PublishToStream => {
    const opened = streams.get(stream) ?? options.openStream(stream);
    streams.set(stream, opened);
    return opened;
  };
  let read = events.now();
  let route = routeOf(read, openStream);
  let isClosed = false;

  /** Uses what was read, and completes a change that another process has left unfinished. */
  const follow = async (): Promise<void> => {
    await events.refresh();
    if (complete !== undefined && !events.now().layout.isReady) {
      await complete().catch(onTrouble);
      await events.refresh();
    }
    if (isClosed || events.now() === read || !events.now().layout.isReady) return;
    read = events.now();
    route = routeOf(read, openStream);
    publisher.use(route);
  };
  const followNow = oneAtATime(follow);
  // While the log cannot be reached, all stays as it is.
  const timer = setInterval(() => void followNow().catch(() => {}), followIntervalMs);
  timer.unref();
  const publisher = createEventPublisher({
    route,
    onNoStream: async (used) => {
      const deadline = performance.now() + options.publishTimeoutMs;
      while (!isClosed && used === route) {
        await within(followNow(), refreshMsMax);
        // Also what was read by `follow` and is not used yet.
        const isComplete = events.now().layout.isReady && events.now() === read;
        const isWaiting = !isComplete && performance.now() < deadline;
        if (used !== route || !isWaiting) return;
        await sleep(urgentIntervalMs);
      }
    },
  });
  return {
    publish: publisher.publish,
    open: () => route.open,
    close: () => {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

function routeOf(
  { layout, closedIds }: EventStreamsRead,
  openStream: (stream: StoredStreamName) => PublishToStream,
): EventRoute {
  // How long ids have to be looked up is known once the new streams are there.
  if (!layout.isReady) return { open: [{ partition: 0, publish: publishNothing }], lookUps: [] };
  return {
    open: layout.open.map((partition) => ({
      partition,
      publish: openStream(partitionStream(partition)),
    })),
    lookUps: closedIds.map(({ streams, untilMs }) => ({
      untilMs,
      streams: streams.map(({ stream, ...one }) => ({ ...one, ask: openStream(stream) })),
    })),
  };
}

const publishNothing: PublishToStream = (_subject, _headers, _payload, callback) =>
  callback(undefined, new PublishError('no_stream', 'the partitions are being created'));

/** Resolves when `work` ends, and after this time at the latest. Never rejects. */
async function within(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  work.then(resolve, () => resolve());
  await promise;
  clearTimeout(timer);
}
