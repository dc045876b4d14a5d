import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

import { moveToOtherServer } from '../connection.ts';
import { createAckReader, type OnAck } from './ack-reader.ts';
import { createAckWatch, type AckWatch } from './ack-watch.ts';
import type { PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import {
  createOutgoingBlock,
  createRawSender,
  messagesIn,
  type OutgoingMessage,
} from './raw-publish.ts';
import { createAckTable, type AckTableOptions } from './replies/ack-table.ts';
import { createLostGroups, type LostGroupsOptions } from './replies/lost-groups.ts';
import { newLane, type Lane, type ReplyGroup, type StreamOptions } from './replies/reply-group.ts';
import { createSharedReplies } from './replies/shared-replies.ts';

export interface Publisher {
  /** Returns the publish function of one stream. Call it once for each stream. */
  openStream(options: StreamOptions): PublishToStream;
  /** The number of messages without an acknowledgement. */
  readonly inFlight: () => number;
  /** The number of messages published so far. */
  readonly published: () => number;
  /** Why no message can be stored just now, as text for operators; undefined if they can be. */
  readonly failure: () => string | undefined;
  /**
   * Fails all messages in flight and every later publish. Close the connection next: the inbox ends
   * with it.
   */
  close(): void;
}

/**
 * `headers` come from `headerBlock`. Never throws; errors go to the callback.
 *
 * @param payloadBytes of a text as UTF-8, where the caller knows them. Counting them makes V8 copy the text.
 */
export type PublishToStream = (
  subject: string,
  headers: string,
  payload: Uint8Array | string,
  callback: PublishCallback,
  payloadBytes?: number,
) => void;

export interface PublisherOptions {
  readonly timeoutMs: number;
  /**
   * How many bytes of messages are kept to publish them again. Beyond this limit each message has
   * its own reply subject.
   */
  readonly retainedBytesMax?: number;
  /**
   * So long after they were sent, messages that were lost are sent again (replies/lost-groups.ts), if their stream
   * recognizes ids: for a cluster, where they are lost with the leader of the stream. Default: never.
   */
  readonly resendWithinMs?: number | undefined;
}

/** NATS's own default. */
const payloadBytesDefault = 1024 * 1024;

const retainedBytesDefault = 64 * 1024 * 1024;

/**
 * Publishes to JetStream over the core connection.
 *
 * `js.publish()` costs about 26 µs a message: a stack capture, a timer, a promise and an inbox
 * entry each. Here one inbox serves all messages. The reply subject ends in a number that
 * identifies the callbacks of a group (replies/reply-group.ts), and one sweep finds late groups. The
 * messages of one turn of the event loop go into one block of bytes, or a few, and so share a write
 * (docs/understand/hot-path.md).
 *
 * While disconnected, every message fails immediately with `disconnected`. The caller limits the
 * number of messages in flight: gate/intake/admission.ts.
 */
export function createPublisher(connection: NatsConnection, options: PublisherOptions): Publisher {
  const inbox = `${createInbox()}.`;
  const replyOf = (group: ReplyGroup): string => inbox + group.token.toString(36);
  let published = 0;
  let answered = 0;
  const inFlight = (): number => published - answered;
  let unavailable: PublishError | undefined;
  const watch = watchAcks(connection, inFlight);
  const { table, replies, outgoing } = createGroups(connection, options, {
    onFailed: (group, error) => {
      release(group);
      watch.failed();
      group.fail(error);
    },
    probe: (group, callback) => publishFirst(group, replyOf(group), publish, callback),
    resend: (group) => takeOut(group, true),
  });
  const release = (group: ReplyGroup): void => {
    answered += group.callbacks.length;
    replies.release(group);
  };
  /** Ends a group by its answers, or by publishing each of its messages again. */
  const takeOut = (group: ReplyGroup, isLost: boolean): void => {
    table.remove(group);
    release(group);
    if (isLost || !group.finish()) republishEach(group, replyOf(group), publish);
  };
  const failAll = (error: PublishError): void => {
    outgoing.clear();
    replies.endBlock(undefined);
    table.failAll(error);
  };

  const publish: Publish = (lane, message, callback, payloadBytes) => {
    const bytes = message.headers.length + (payloadBytes ?? bytesOf(message.payload));
    const refusal = unavailable ?? tooLargeFor(connection, bytes);
    if (refusal !== undefined) return void callback(undefined, refusal);
    outgoing.makeRoom(bytes);
    const group = replies.groupFor(lane, message);
    group.callbacks.push(callback);
    published += 1;
    outgoing.add(message, replyOf(group), bytes - message.headers.length);
    return group;
  };

  const acks = receiveAcks(connection, inbox, watch, (token, bytes, start, end) => {
    const group = table.find(token);
    if (group === undefined) return;
    group.lane.answers += 1;
    if (group.answer(bytes, start, end)) takeOut(group, false);
  });

  followStatus(connection, (error) => {
    acks.attach();
    // A permission error concerns some messages; the connection stays usable.
    if (error?.code !== 'permission') unavailable = error;
    if (error !== undefined) failAll(error);
  });

  return {
    openStream: (stream) => {
      const lane = replies.addLane(stream);
      return (subject, headers, payload, callback, payloadBytes) =>
        publish(lane, { subject, headers, payload }, callback, payloadBytes);
    },
    inFlight,
    published: () => published,
    failure: () => unavailable?.message ?? watch.silence(),
    close: () => {
      watch.close();
      unavailable = new PublishError('closed', 'the publisher is closed');
      table.close();
      failAll(unavailable);
    },
  };
}

function watchAcks(connection: NatsConnection, waiting: () => number): AckWatch {
  return createAckWatch({ waiting, onSilent: () => void moveToOtherServer(connection) });
}

type GroupEvents = Pick<LostGroupsOptions, 'probe' | 'resend'> & Pick<AckTableOptions, 'onFailed'>;

/** The groups that wait, and the block in which their messages leave. */
function createGroups(
  connection: NatsConnection,
  { timeoutMs, ...options }: PublisherOptions,
  { onFailed, ...more }: GroupEvents,
) {
  const { retainedBytesMax = retainedBytesDefault, resendWithinMs } = options;
  const send = createRawSender(connection);
  const isWaiting = (group: ReplyGroup): boolean => table.find(group.token) === group;
  const lost = createLostGroups({ resendWithinMs: resendWithinMs ?? 0, isWaiting, ...more });
  const table = createAckTable({
    timeoutMs,
    onFailed,
    onSweep: () => replies.look(),
    onLate: resendWithinMs === undefined ? () => {} : lost,
  });
  const replies = createSharedReplies(retainedBytesMax, table.open);
  const outgoing = createOutgoingBlock((block) => {
    replies.endBlock(block);
    if (!connection.isClosed()) send(block);
  });
  return { table, replies, outgoing };
}

function bytesOf(payload: Uint8Array | string): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

function tooLargeFor({ info }: NatsConnection, bytes: number): PublishError | undefined {
  const bytesMax = info?.max_payload ?? payloadBytesDefault;
  if (bytes <= bytesMax) return undefined;
  const text = `the message is larger than ${bytesMax} bytes, the limit of NATS`;
  return new PublishError('too_large', text);
}

/** Undefined if it calls back at once. */
type Publish = (
  lane: Lane,
  message: OutgoingMessage,
  callback: PublishCallback,
  payloadBytes?: number,
) => ReplyGroup | undefined;

/** Publishes a copy of a group's first message. Returns its token. */
function publishFirst(
  group: ReplyGroup,
  reply: string,
  publish: Publish,
  callback: PublishCallback,
): number | undefined {
  const [message] = messagesIn(group.block!.bytes, reply);
  return publish(newLane({ dedups: false }), message!, callback)?.token;
}

/** How soon a lost message is published again that its stream says it is storing. */
const inProcessMs = 250;

/** Publishes each message of a group again, with its own reply subject. */
function republishEach(group: ReplyGroup, reply: string, publish: Publish): void {
  const { callbacks, lane, isLost, deadline } = group;
  const stored = group.stored();
  const alone = newLane({ dedups: false, commit: lane.commit });
  let at = 0;
  for (const message of messagesIn(group.block!.bytes, reply)) {
    const callback = callbacks[at]!;
    at += 1;
    const answered: PublishCallback = (ack, error) => {
      if (isLost && error?.code === 'in_process' && performance.now() < deadline) {
        setTimeout(send, inProcessMs);
        return;
      }
      // A message that this group itself stored is not a duplicate.
      const isOwn = ack !== undefined && ack.duplicate && stored.delete(ack.sequence);
      if (error !== undefined && stored.size > 0) error.stored = stored;
      callback(isOwn ? { sequence: ack.sequence, duplicate: false } : ack, error);
    };
    const send = (): void => void publish(alone, message, answered);
    send();
  }
}

/** The subscription receives what the reader does not handle, such as "no responders". */
function receiveAcks(
  connection: NatsConnection,
  inbox: string,
  watch: AckWatch,
  onAck: OnAck,
): ReturnType<typeof createAckReader> {
  const receive: OnAck = (token, bytes, start, end) => {
    // An empty message says that no stream listens: during an election, or on a cut-off server.
    if (start === end) watch.failed();
    else watch.answered();
    onAck(token, bytes, start, end);
  };
  const reader = createAckReader(connection, inbox, receive);
  reader.attach();
  connection.subscribe(`${inbox}*`, {
    callback: (error: Error | null, { subject, data }: Msg) => {
      if (error !== null) return;
      receive(Number.parseInt(subject.slice(inbox.length), 36), data, 0, data.length);
    },
  });
  return reader;
}

type OnStatus = (error: PublishError | undefined) => void;

/**
 * Reports errors that fail all messages in flight at once instead of at their timeout. After a
 * disconnect their acknowledgements never arrive, and a permission error names a subject but not
 * the message. Reports undefined after a reconnect.
 */
function followStatus(connection: NatsConnection, onStatus: OnStatus): void {
  readStatus(connection, onStatus)
    // Only the callback of a message can throw. The connection must be followed all the same.
    .catch((error: unknown) => {
      process.emitWarning(error as Error);
      return readStatus(connection, onStatus);
    })
    .catch((error: unknown) => process.emitWarning(error as Error));
}

async function readStatus(connection: NatsConnection, onStatus: OnStatus): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') {
      onStatus(new PublishError('disconnected', 'the connection to NATS was lost'));
    } else if (status.type === 'reconnect') {
      onStatus(undefined);
    } else if (status.type === 'error' && /permissions violation/i.test(status.error.message)) {
      onStatus(new PublishError('permission', status.error.message));
    }
  }
  onStatus(new PublishError('closed', 'the connection to NATS is closed'));
}
