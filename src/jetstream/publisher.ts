import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

import { createAckReader } from './ack-reader.ts';
import { createAckTable, type AckTable } from './ack-table.ts';
import type { GroupCommit } from './group-commit.ts';
import { readAck, type PublishCallback } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import { createOutgoingBlock, createRawSender } from './raw-publish.ts';

export interface Publisher {
  /**
   * `headers` come from `headerBlock`. Never throws; the fault reaches the callback. With a `commit`
   * the callback waits until the disk has the message too.
   */
  publish(
    subject: string,
    headers: string,
    payload: Uint8Array | string,
    callback: PublishCallback,
    commit?: GroupCommit,
  ): void;
  /** Messages without an acknowledgement yet. */
  readonly inFlight: () => number;
  /** Fails what is in flight and takes nothing more. */
  close(): void;
}

/** NATS's own default. */
const payloadBytesDefault = 1024 * 1024;

/**
 * Publishes to JetStream over the core connection.
 *
 * `js.publish()` costs about 26 µs a message: a stack capture, a timer, a promise and an inbox entry
 * for each. Here one inbox serves all; the reply subject ends in a number under which the callback
 * waits; late ones are swept. Messages are written once per turn of the event loop, all of them into
 * one block of bytes, so that the requests of a turn share one write: docs/performance.md.
 *
 * While the connection is away every message fails at once as `disconnected`. The caller bounds how
 * many are in flight: gate/admission.ts.
 */
export function createPublisher(
  connection: NatsConnection,
  options: { readonly timeoutMs: number },
): Publisher {
  const inbox = `${createInbox()}.`;
  const send = createRawSender(connection);
  const table = createAckTable(options.timeoutMs);
  const outgoing = createOutgoingBlock();
  let draining = false;
  let unavailable: PublishError | undefined;

  const acks = receiveAcks(connection, inbox, table);

  const failAll = (error: PublishError): void => {
    outgoing.clear();
    table.failAll(error);
  };

  const drain = (): void => {
    draining = false;
    if (connection.isClosed()) return;
    for (const block of outgoing.take()) send(block);
  };

  void followStatus(connection, (error) => {
    acks.attach();
    // A permission error is about some messages; the connection goes on.
    if (error?.fault !== 'permission') unavailable = error;
    if (error !== undefined) failAll(error);
  });

  return {
    publish: (subject, headers, payload, callback, commit) => {
      if (unavailable !== undefined) {
        callback(undefined, unavailable);
        return;
      }
      const token = table.add(callback, commit);
      const reply = inbox + token.toString(36);
      const bytesMax = connection.info?.max_payload ?? payloadBytesDefault;
      if (!outgoing.add({ subject, reply, headers, payload }, bytesMax)) {
        const text = `the message is larger than the ${bytesMax} bytes that NATS takes`;
        table.settle(token, new PublishError('too_large', text));
      } else if (!draining) {
        draining = true;
        setImmediate(drain);
      }
    },
    inFlight: table.size,
    close: () => {
      unavailable = new PublishError('closed', 'the publisher is closed');
      table.close();
      // The inbox goes with the connection, which is closed next: a word more would meet a closed socket.
      failAll(unavailable);
    },
  };
}

/** Those that the reader does not take come by the subscription: "no responders" among them. */
function receiveAcks(
  connection: NatsConnection,
  inbox: string,
  table: AckTable,
): ReturnType<typeof createAckReader> {
  const reader = createAckReader(connection, inbox, (token, bytes, start, end) =>
    table.settle(token, readAck(bytes, start, end)),
  );
  reader.attach();
  connection.subscribe(`${inbox}*`, {
    callback: (error: Error | null, message: Msg) => {
      if (error !== null) return;
      const token = Number.parseInt(message.subject.slice(inbox.length), 36);
      table.settle(token, readAck(message.data));
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
