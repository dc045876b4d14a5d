import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

import { moveToOtherServer } from '../connection.ts';
import { createAckReader, type OnAck } from './ack-reader.ts';
import { createAckTable } from './ack-table.ts';
import { createAckWatch, type AckWatch } from './ack-watch.ts';
import type { PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import {
  createOutgoingBlock,
  createRawSender,
  messagesIn,
  type OutgoingBlock,
  type OutgoingMessage,
} from './raw-publish.ts';
import { newLane, type Lane, type ReplyGroup, type StreamOptions } from './reply-group.ts';
import { createSharedReplies } from './shared-replies.ts';

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

/** `headers` come from `headerBlock`. Never throws; errors go to the callback. */
export type PublishToStream = (
  subject: string,
  headers: string,
  payload: Uint8Array | string,
  callback: PublishCallback,
) => void;

export interface PublisherOptions {
  readonly timeoutMs: number;
  /**
   * How many bytes of messages are kept to publish them again. Beyond this limit each message has
   * its own reply subject.
   */
  readonly retainedBytesMax?: number;
  /**
   * Messages of streams that recognize ids are sent again if their stream is silent, or has answered later
   * ones: for a cluster, where they are lost with the leader of the stream. Default: false.
   */
  readonly resends?: boolean;
}

/** NATS's own default. */
const payloadBytesDefault = 1024 * 1024;

const retainedBytesDefault = 64 * 1024 * 1024;

/**
 * Publishes to JetStream over the core connection.
 *
 * `js.publish()` costs about 26 µs a message: a stack capture, a timer, a promise and an inbox
 * entry each. Here one inbox serves all messages. The reply subject ends in a number that
 * identifies the callbacks of a group (reply-group.ts), and one sweep finds late groups. The
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
  const onSilent = (): void => void moveToOtherServer(connection);
  const watch = createAckWatch({ waiting: inFlight, onSilent });
  const { table, replies, outgoing } = createGroups(
    { connection, replyOf, ...options },
    (group, error) => {
      release(group);
      watch.failed();
      group.fail(error);
    },
  );
  const release = (group: ReplyGroup): void => {
    answered += group.callbacks.length;
    replies.release(group);
  };
  const failAll = (error: PublishError): void => {
    outgoing.clear();
    replies.endBlock(undefined);
    table.failAll(error);
  };

  const publish: Publish = (lane, message, callback) => {
    if (unavailable !== undefined) return callback(undefined, unavailable);
    const payloadBytes = bytesOf(message.payload);
    const bytes = message.headers.length + payloadBytes;
    const bytesMax = connection.info?.max_payload ?? payloadBytesDefault;
    if (bytes > bytesMax) return callback(undefined, tooLarge(bytesMax));
    outgoing.makeRoom(bytes);
    const group = replies.groupFor(lane, message);
    group.callbacks.push(callback);
    published += 1;
    outgoing.add(message, replyOf(group), payloadBytes);
  };

  const acks = receiveAcks(connection, inbox, watch, (token, bytes, start, end) => {
    const group = table.find(token);
    if (group === undefined) return;
    noteAnswer(group);
    if (!group.answer(bytes, start, end)) return;
    table.remove(group);
    release(group);
    if (!group.finish()) republishEach(group, replyOf(group), publish);
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
      return (subject, headers, payload, callback) =>
        publish(lane, { subject, headers, payload }, callback);
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

interface GroupOptions extends PublisherOptions {
  readonly connection: NatsConnection;
  readonly replyOf: (group: ReplyGroup) => string;
}

/** The groups that wait, and the block in which their messages leave. */
function createGroups(
  { connection, replyOf, timeoutMs, ...options }: GroupOptions,
  onFailed: (group: ReplyGroup, error: PublishError) => void,
) {
  const { retainedBytesMax = retainedBytesDefault, resends = false } = options;
  const send = createRawSender(connection);
  const table = createAckTable({
    timeoutMs,
    onFailed,
    onSweep: () => replies.look(),
    onLate: (group, waitedMs) => {
      if (resends && isLost(group, waitedMs)) sendAgain(group, replyOf(group), outgoing);
    },
  });
  const replies = createSharedReplies(retainedBytesMax, table.open);
  const outgoing = createOutgoingBlock((block) => {
    replies.endBlock(block);
    if (!connection.isClosed()) send(block);
  });
  return { table, replies, outgoing };
}

/** The second time after two seconds, the third after four. */
const resendMs = 1_000;

function noteAnswer({ lane, token }: ReplyGroup): void {
  lane.answers += 1;
  if (token > lane.answeredToken) lane.answeredToken = token;
}

/**
 * Whether a group's messages are sent again. A message that a leader takes into an election, or that is sent
 * while there is none, is answered by nobody, while the next leader would answer it at once. A stream that is
 * slow answers in order: it has answered none that was sent later, and goes on answering. Whether it has
 * stored a message after all, its id says.
 */
function isLost(group: ReplyGroup, waitedMs: number): boolean {
  const { lane, block, resends, token } = group;
  if (block === undefined || waitedMs < resendMs * 2 ** resends) return false;
  return lane.answeredToken > token || performance.now() - lane.answeredAt >= resendMs;
}

/** Under the same reply subject: the answers of both copies are those of one message. */
function sendAgain(group: ReplyGroup, reply: string, outgoing: OutgoingBlock): void {
  group.resends += 1;
  for (const message of messagesIn(group.block!, reply)) {
    outgoing.add(message, reply, message.payload.length);
  }
}

function bytesOf(payload: Uint8Array | string): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

function tooLarge(bytesMax: number): PublishError {
  const text = `the message is larger than ${bytesMax} bytes, the limit of NATS`;
  return new PublishError('too_large', text);
}

type Publish = (lane: Lane, message: OutgoingMessage, callback: PublishCallback) => void;

/** Publishes each message of a group again, with its own reply subject. */
function republishEach(group: ReplyGroup, reply: string, publish: Publish): void {
  const { callbacks, commit } = group;
  const stored = group.stored();
  const alone = newLane({ dedups: false, commit });
  let at = 0;
  for (const message of messagesIn(group.block!, reply)) {
    const callback = callbacks[at]!;
    at += 1;
    publish(alone, message, (ack, error) => {
      // A message that this group itself stored is not a duplicate.
      const isOwn = ack !== undefined && ack.duplicate && stored.delete(ack.sequence);
      if (error !== undefined && stored.size > 0) error.stored = stored;
      callback(isOwn ? { sequence: ack.sequence, duplicate: false } : ack, error);
    });
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
