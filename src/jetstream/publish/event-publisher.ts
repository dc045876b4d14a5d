import { eventPosition } from '../events/event-position.ts';
import { partitionIndex } from '../events/partition-hash.ts';
import { subjectInPartition } from '../topology.ts';
import { messageIdHeader } from '../log.ts';
import type { PublishAck, PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import type { PublishToStream } from './publisher.ts';
import { idHeader } from './replies/shared-replies.ts';

/** A partition that takes events. */
export interface OpenPartition {
  readonly partition: number;
  readonly publish: PublishToStream;
}

/** Where ids are looked up before an event is stored, one stream for each place of the hash. */
export interface IdLookUp {
  readonly streams: readonly {
    readonly partition: number;
    readonly subject: string;
    readonly ask: PublishToStream;
  }[];
  /** By `performance.now()`. */
  readonly untilMs: number;
}

/** How an event finds its stream. */
export interface EventRoute {
  /** In the order in which the hash of an id chooses. */
  readonly open: readonly OpenPartition[];
  readonly lookUps: readonly IdLookUp[];
}

export interface EventPublisher {
  /**
   * Publishes an event under its subject in partition 0 (`subjects.event`), which becomes that of its
   * partition, and acknowledges its position. Events without an id go to the first partition.
   */
  readonly publish: PublishToStream;
  /** For the messages from now on. */
  use(route: EventRoute): void;
}

export interface EventPublisherOptions {
  readonly route: EventRoute;
  /**
   * Called when its stream does not take a message: resolves once `use` was called with a new route, if there
   * is one. It never rejects.
   */
  readonly onNoStream: (route: EventRoute) => Promise<void>;
}

/**
 * Publishes each event to the partition that its id chooses, unless a closed stream has stored the id
 * within the dedup window: then it acknowledges a duplicate, as that stream would have.
 *
 * A closed stream recognises known ids before it refuses a message for its size, so a message
 * without a payload asks for an id and stores nothing.
 */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  let route = options.route;

  const publish: PublishToStream = (subject, headers, payload, callback, payloadBytes) => {
    const used = route;
    // A log with one partition that never had another number: what is below costs it too much.
    if (used.lookUps.length > 0 || used.open.length > 1 || used.open[0]!.partition > 0) {
      send({ subject, headers, payload, payloadBytes, callback });
      return;
    }
    const answered: PublishCallback = (ack, error) => {
      if (ack !== undefined || !isOfClosed(error!)) callback(ack, error);
      else refused({ subject, headers, payload, payloadBytes, callback }, used, 0, error!);
    };
    used.open[0]!.publish(subject, headers, payload, answered, payloadBytes);
  };
  const send = (event: RoutedEvent): void => {
    const { open, lookUps } = route;
    if (lookUps.length > 0) askFirst(event, route, 0);
    else store(event, route, open[placeOf(event, open.length)]!);
  };
  const store = (event: RoutedEvent, used: EventRoute, to: OpenPartition) => {
    const { subject, headers, payload, payloadBytes, callback } = event;
    const { partition } = to;
    const own = partition === 0 ? subject : subjectInPartition(subject, partition);
    const answered: PublishCallback = (ack, error) => {
      if (ack !== undefined) callback(inPartition(ack, partition), undefined);
      else if (isOfClosed(error!)) refused(event, used, partition, error!);
      else callback(undefined, error);
    };
    to.publish(own, headers, payload, answered, payloadBytes);
  };
  const refused = (
    event: RoutedEvent,
    used: EventRoute,
    partition: number,
    error: PublishError,
  ): void => {
    const own = error.stored && { partition, sequences: error.stored };
    sendAgain(own === undefined ? event : { ...event, own }, used, error);
  };
  /** Asks the closed streams from a look-up on, one after the other. */
  const askFirst = (event: RoutedEvent, used: EventRoute, from: number): void => {
    const { lookUps, open } = used;
    let index = from;
    while (index < lookUps.length && performance.now() >= lookUps[index]!.untilMs) index += 1;
    const lookUp = lookUps[index];
    if (lookUp === undefined) {
      store(event, used, open[placeOf(event, open.length)]!);
      return;
    }
    const { partition, subject, ask } = lookUp.streams[placeOf(event, lookUp.streams.length)]!;
    ask(subject, event.headers, '', (ack, error) => {
      if (ack !== undefined) event.callback(knownTo(event, ack, partition), undefined);
      else if (error!.code === 'stream_full') askFirst(event, used, index + 1);
      // It may be without a leader, and know the id.
      else if (error!.code === 'no_stream') sendAgain(event, used, error!);
      else event.callback(undefined, error);
    });
  };
  const sendAgain = (event: RoutedEvent, used: EventRoute, error: PublishError): void => {
    void options.onNoStream(used).then(() => {
      if (route !== used) send(event);
      else event.callback(undefined, error);
    });
  };

  return {
    publish,
    use: (next) => {
      route = next;
    },
  };
}

interface RoutedEvent {
  readonly subject: string;
  readonly headers: string;
  readonly payload: Uint8Array | string;
  readonly payloadBytes: number | undefined;
  readonly callback: PublishCallback;
  /** Where an earlier attempt may have stored it. */
  readonly own?: { readonly partition: number; readonly sequences: ReadonlySet<number> };
}

/** A stream that is being closed refuses what is under way for its size, and then takes nothing. */
function isOfClosed({ code }: PublishError): boolean {
  return code === 'no_stream' || code === 'stream_full';
}

/** The acknowledgement of a closed stream that knows the id. */
function knownTo({ own }: RoutedEvent, ack: PublishAck, partition: number): PublishAck {
  const isOwn = own?.partition === partition && own.sequences.has(ack.sequence);
  return inPartition({ ...ack, duplicate: !isOwn }, partition);
}

/** The place of an event's id among so many streams; 0 if it has none. */
function placeOf({ headers }: RoutedEvent, count: number): number {
  if (count === 1) return 0;
  const at = headers.startsWith(idHeader) ? 0 : headers.indexOf(laterIdHeader);
  if (at < 0) return 0;
  const from = at + (at === 0 ? idHeader : laterIdHeader).length;
  return partitionIndex(headers, from, headers.indexOf('\r', from), count);
}

/** The header of an id that does not come first. */
const laterIdHeader = `\r\n${messageIdHeader}: `;

function inPartition(ack: PublishAck, partition: number): PublishAck {
  if (partition === 0) return ack;
  return { ...ack, sequence: eventPosition(partition, ack.sequence) };
}
