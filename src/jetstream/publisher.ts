import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

import { createAckTable } from './ack-table.ts';
import { readAck } from './publish-ack.ts';
import { PublishError } from './publish-error.ts';
import { createOutgoingBlock, createRawSender } from './raw-publish.ts';

/** Where a message came to lie in its stream. */
export interface PublishAck {
  readonly sequence: number;
  /** The stream had the message id already; `sequence` is the earlier message's. */
  readonly duplicate: boolean;
}

/** Called once for a message: with its acknowledgement, or with why there is none. */
export type PublishCallback = (ack: PublishAck | undefined, error: PublishError | undefined) => void;

export interface Publisher {
  /** `headers` come from `headerBlock`. Never throws; the fault reaches the callback. */
  publish(
    subject: string,
    headers: string,
    payload: Uint8Array | string,
    callback: PublishCallback,
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

  connection.subscribe(`${inbox}*`, {
    callback: (error: Error | null, message: Msg) => {
      if (error !== null) return;
      table.settle(readToken(message), readAck(message.data));
    },
  });

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
    // A permission error is about some messages; the connection goes on.
    if (error?.fault !== 'permission') unavailable = error;
    if (error !== undefined) failAll(error);
  });

  return {
    publish: (subject, headers, payload, callback) => {
      if (unavailable !== undefined) {
        callback(undefined, unavailable);
        return;
      }
      const token = table.add(callback);
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

const dot = 0x2e;
const nine = 0x39;

/**
 * The number at the end of the reply subject, in base 36. Read from the subject's bytes where the
 * client has them: decoding the subject into a string costs more than all the rest of an
 * acknowledgement.
 */
function readToken(message: Msg): number {
  // oxlint-disable-next-line no-underscore-dangle -- the client's own name for it
  const bytes = (message as { _msg?: { subject?: Uint8Array } })._msg?.subject;
  if (bytes === undefined) {
    return Number.parseInt(message.subject.slice(message.subject.lastIndexOf('.') + 1), 36);
  }
  let value = 0;
  let place = 1;
  for (let at = bytes.length - 1; at >= 0 && bytes[at] !== dot; at -= 1) {
    const code = bytes[at]!;
    value += (code <= nine ? code - 0x30 : code - 0x61 + 10) * place;
    place *= 36;
  }
  return value;
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
