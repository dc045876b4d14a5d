import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import type { PublishToStream } from '../publish/publisher.ts';
import { ensureStreams } from '../server/stream-settings.ts';
import { earlierStream, partitionStream, subjects } from '../topology.ts';
import { infoOf } from './event-streams.ts';

// The stream EVENTS of releases without partitions forbids deletes, and NATS does not take that
// back. So its events stay where they are until they are old and settled, new ones go to the stream
// of partition 0, whose sequences continue those of EVENTS, and everybody reads both.

/**
 * How long ids may still have to be looked up in EVENTS, in ms from now: until the dedup window has
 * passed since partition 0 began. 0 if there is no such stream.
 */
export async function earlierIdsMs(manager: JetStreamManager): Promise<number> {
  const [earlier, first] = await Promise.all([
    infoOf(manager, earlierStream),
    infoOf(manager, partitionStream(0)),
  ]);
  if (earlier === undefined || first === undefined) return 0;
  return Math.max(0, windowMs(earlier) - ageMs(first));
}

function windowMs({ config }: StreamInfo): number {
  return config.duplicate_window / 1_000_000;
}

/** By the server's clock, if it reports one; else by ours. */
function ageMs(info: StreamInfo): number {
  const now = Date.parse((info as { readonly ts?: string }).ts ?? '');
  return (Number.isNaN(now) ? Date.now() : now) - Date.parse(info.created);
}

/**
 * Publishes an event unless EVENTS has stored its id within the dedup window: then it acknowledges
 * a duplicate, as EVENTS would have. EVENTS recognises known ids before it refuses a message for
 * its size, so a message without a payload asks for an id and stores nothing.
 */
export function withEarlierIds(
  publish: PublishToStream,
  ask: PublishToStream,
  forMs: number,
): PublishToStream {
  const untilMs = performance.now() + forMs;
  return (subject, headers, payload, callback) => {
    if (performance.now() >= untilMs) {
      publish(subject, headers, payload, callback);
      return;
    }
    ask(subjects.earlierIds, headers, '', (ack, error) => {
      if (ack !== undefined) callback(ack, undefined);
      else if (error!.code === 'stream_full' || error!.code === 'no_stream') {
        publish(subject, headers, payload, callback);
      } else callback(undefined, error);
    });
  };
}

/**
 * Deletes EVENTS once it is empty and no id has to be looked up in it, and gives its room to the
 * partitions. Rejects when the log cannot be reached.
 */
export async function retireEarlierStream(log: Log): Promise<void> {
  const { manager, topology, events } = clientsOf(log);
  if (topology === undefined || (await earlierIdsMs(manager)) > 0) return;
  await manager.streams.delete(earlierStream);
  await ensureStreams(manager, topology);
  await events.refresh();
}
