import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

import { createAckReader, type OnAck } from './ack-reader.ts';
import { createAckTable } from './ack-table.ts';
import type { PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import {
  createOutgoingBlock,
  createRawSender,
  messagesIn,
  type OutgoingMessage,
} from './raw-publish.ts';
import type { ReplyGroup } from './reply-group.ts';
import { createSharedReplies, type Lane, type StreamOptions } from './shared-replies.ts';

export interface Publisher {
  /** What publishes to one stream; made once for each. */
  openStream(options: StreamOptions): PublishToStream;
  /** Messages without an acknowledgement yet. */
  readonly inFlight: () => number;
  /** Fails what is in flight and takes nothing more. */
  close(): void;
}

/** `headers` come from `headerBlock`. Never throws; the fault reaches the callback. */
export type PublishToStream = (
  subject: string,
  headers: string,
  payload: Uint8Array | string,
  callback: PublishCallback,
) => void;

export interface PublisherOptions {
  readonly timeoutMs: number;
  /** Messages that may have to be asked about again; beyond it each has a reply subject of its own. */
  readonly heldBytesMax?: number;
}

/** NATS's own default. */
const payloadBytesDefault = 1024 * 1024;

const heldBytesDefault = 64 * 1024 * 1024;

/**
 * Publishes to JetStream over the core connection.
 *
 * `js.publish()` costs about 26 µs a message: a stack capture, a timer, a promise and an inbox entry
 * for each. Here one inbox serves all; the reply subject ends in a number under which the callbacks
 * of a block wait (reply-group.ts); late ones are swept. The messages of a turn of the event loop go
 * into one block of bytes, so that its requests share one write, or into several where it has many:
 * docs/understand/hot-path.md.
 *
 * While the connection is away every message fails at once as `disconnected`. The caller bounds how
 * many are in flight: gate/intake/admission.ts.
 */
export function createPublisher(connection: NatsConnection, options: PublisherOptions): Publisher {
  const { timeoutMs, heldBytesMax = heldBytesDefault } = options;
  const inbox = `${createInbox()}.`;
  const replyOf = (group: ReplyGroup): string => inbox + group.token.toString(36);
  const send = createRawSender(connection);
  let inFlight = 0;
  let unavailable: PublishError | undefined;

  const table = createAckTable(timeoutMs, (group, error) => {
    leave(group);
    group.fail(error);
  });
  const replies = createSharedReplies(heldBytesMax, table.open);
  const outgoing = createOutgoingBlock((block) => {
    replies.endBlock(block);
    if (!connection.isClosed()) send(block);
  });
  const leave = (group: ReplyGroup): void => {
    inFlight -= group.callbacks.length;
    replies.leave(group);
  };
  const failAll = (error: PublishError): void => {
    outgoing.clear();
    replies.endBlock(undefined);
    table.failAll(error);
  };

  const publish: Publish = (lane, message, callback) => {
    if (unavailable !== undefined) {
      callback(undefined, unavailable);
      return;
    }
    const payloadBytes = bytesOf(message.payload);
    const bytes = message.headers.length + payloadBytes;
    const bytesMax = connection.info?.max_payload ?? payloadBytesDefault;
    if (bytes > bytesMax) {
      callback(undefined, tooLarge(bytesMax));
      return;
    }
    outgoing.makeRoom(bytes);
    const group = replies.groupFor(lane, message);
    group.callbacks.push(callback);
    inFlight += 1;
    outgoing.add(message, replyOf(group), payloadBytes);
  };

  const acks = receiveAcks(connection, inbox, (token, bytes, start, end) => {
    const group = table.find(token);
    if (group === undefined || !group.answer(bytes, start, end)) return;
    table.take(group);
    leave(group);
    if (!group.finish()) askAgain(group, replyOf(group), publish);
  });

  void followStatus(connection, (error) => {
    acks.attach();
    // A permission error is about some messages; the connection goes on.
    if (error?.fault !== 'permission') unavailable = error;
    if (error !== undefined) failAll(error);
  });

  return {
    openStream: (stream) => {
      const lane = replies.addLane(stream);
      return (subject, headers, payload, callback) =>
        publish(lane, { subject, headers, payload }, callback);
    },
    inFlight: () => inFlight,
    close: () => {
      unavailable = new PublishError('closed', 'the publisher is closed');
      table.close();
      // The inbox goes with the connection, which is closed next: a word more would meet a closed socket.
      failAll(unavailable);
    },
  };
}

function bytesOf(payload: Uint8Array | string): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

function tooLarge(bytesMax: number): PublishError {
  const text = `the message is larger than the ${bytesMax} bytes that NATS takes`;
  return new PublishError('too_large', text);
}

type Publish = (lane: Lane, message: OutgoingMessage, callback: PublishCallback) => void;

/** Publishes each message of a group once more, with a reply subject of its own. */
function askAgain(group: ReplyGroup, reply: string, publish: Publish): void {
  const { callbacks, commit } = group;
  const stored = group.stored();
  const alone: Lane = { dedups: false, commit, open: undefined };
  let at = 0;
  for (const message of messagesIn(group.block!, reply)) {
    const callback = callbacks[at]!;
    at += 1;
    publish(alone, message, (ack, error) => {
      // A duplicate of what this very group has stored is no duplicate.
      const isOwn = ack !== undefined && ack.duplicate && stored.delete(ack.sequence);
      callback(isOwn ? { sequence: ack.sequence, duplicate: false } : ack, error);
    });
  }
}

/** Those that the reader does not take come by the subscription: "no responders" among them. */
function receiveAcks(
  connection: NatsConnection,
  inbox: string,
  onAck: OnAck,
): ReturnType<typeof createAckReader> {
  const reader = createAckReader(connection, inbox, onAck);
  reader.attach();
  connection.subscribe(`${inbox}*`, {
    callback: (error: Error | null, { subject, data }: Msg) => {
      if (error !== null) return;
      onAck(Number.parseInt(subject.slice(inbox.length), 36), data, 0, data.length);
    },
  });
  return reader;
}

/**
 * After a disconnect no acknowledgement comes for what was in flight, and a permission error names
 * a subject rather than a message: both end the wait at once instead of at the timeout. Undefined:
 * all is well again.
 */
async function followStatus(
  connection: NatsConnection,
  onStatus: (error: PublishError | undefined) => void,
): Promise<void> {
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
