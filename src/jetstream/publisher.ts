import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';

import { PublishError, publishErrorOf } from './publish-error.ts';

/** Where a message came to lie in its stream. */
export interface PublishAck {
  readonly sequence: number;
  /** The stream had the message id already; `sequence` is the earlier message's. */
  readonly duplicate: boolean;
}

/** Called once for a message: with its acknowledgement, or with why there is none. */
export type PublishCallback = (ack: PublishAck | undefined, error: PublishError | undefined) => void;

export interface Publisher {
  /** `headers` come from `encodeHeaders`. Never throws; the fault reaches the callback. */
  publish(
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array | string,
    callback: PublishCallback,
  ): void;
  /** Messages without an acknowledgement yet. */
  readonly inFlight: () => number;
  /** Fails what is in flight and takes nothing more. */
  close(): void;
}

interface Waiting {
  readonly callback: PublishCallback;
  readonly deadline: number;
}

interface Queued {
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array | string;
  readonly token: number;
}

/** How often acknowledgements that never came are looked for: one timer for all of them. */
const sweepIntervalMs = 250;

/**
 * Publishes to JetStream over the core connection.
 *
 * `js.publish()` costs about 26 µs a message: a stack capture, a timer, a promise and an inbox entry
 * for each. Here one inbox serves all; the reply subject ends in a number under which the callback
 * waits; late ones are swept. Messages are handed to the socket once per turn of the event loop, so
 * that all requests of a turn share one write. Together: 3 to 5 µs (docs/performance.md).
 *
 * The caller bounds how many are in flight: gate/admission.ts.
 */
export function createPublisher(
  connection: NatsConnection,
  options: { readonly timeoutMs: number },
): Publisher {
  const inbox = `${createInbox()}.`;
  // A Map keeps the order of insertion, and every message has the same time to live: the oldest
  // deadline is always the first.
  const waiting = new Map<number, Waiting>();
  let queue: Queued[] = [];
  let nextToken = 1;
  let closed = false;

  const subscription = connection.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const token = Number.parseInt(message.subject.slice(inbox.length), 36);
      const entry = waiting.get(token);
      if (entry === undefined) return;
      waiting.delete(token);
      settle(entry.callback, message);
    },
  });

  const failAll = (error: PublishError): void => {
    const failed = [...waiting.values()];
    waiting.clear();
    queue = [];
    for (const entry of failed) entry.callback(undefined, error);
  };

  const drain = (): void => {
    const messages = queue;
    queue = [];
    for (const { subject, headers, payload, token } of messages) {
      try {
        connection.publish(subject, payload, {
          reply: inbox + token.toString(36),
          headers: preEncoded(headers),
        });
      } catch (error) {
        const entry = waiting.get(token);
        waiting.delete(token);
        entry?.callback(undefined, faultOfPublish(error as Error));
      }
    }
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [token, entry] of waiting) {
      if (entry.deadline > now) break;
      waiting.delete(token);
      entry.callback(
        undefined,
        new PublishError('timeout', `no acknowledgement within ${options.timeoutMs} ms`),
      );
    }
  }, sweepIntervalMs);
  sweep.unref();

  void failOnStatus(connection, failAll);

  return {
    publish: (subject, headers, payload, callback) => {
      if (closed) {
        callback(undefined, new PublishError('closed', 'the publisher is closed'));
        return;
      }
      const token = nextToken;
      nextToken = token === Number.MAX_SAFE_INTEGER ? 1 : token + 1;
      waiting.set(token, { callback, deadline: performance.now() + options.timeoutMs });
      if (queue.push({ subject, headers, payload, token }) === 1) setImmediate(drain);
    },
    inFlight: () => waiting.size,
    close: () => {
      closed = true;
      clearInterval(sweep);
      if (!connection.isClosed()) subscription.unsubscribe();
      failAll(new PublishError('closed', 'the publisher is closed'));
    },
  };
}

function settle(callback: PublishCallback, message: Msg): void {
  const data = message.data;
  if (data.length === 0) {
    // "No responders": an empty message with a 503 header. No stream takes this subject.
    callback(undefined, new PublishError('no_stream', 'no stream takes this subject'));
    return;
  }
  let ack: { seq?: number; duplicate?: boolean; error?: { err_code?: number; description?: string } };
  try {
    ack = message.json();
  } catch {
    callback(undefined, new PublishError('rejected', 'the acknowledgement is not JSON'));
    return;
  }
  if (ack.error !== undefined || ack.seq === undefined) {
    callback(
      undefined,
      publishErrorOf(ack.error?.err_code ?? 0, ack.error?.description ?? 'no sequence'),
    );
    return;
  }
  callback({ sequence: ack.seq, duplicate: ack.duplicate === true }, undefined);
}

function faultOfPublish(error: Error): PublishError {
  if (/max_payload/.test(error.message)) return new PublishError('too_large', error.message);
  return new PublishError('disconnected', error.message);
}

/**
 * After a disconnect no acknowledgement comes for what was in flight, and a permission error names
 * a subject rather than a message: both end the wait at once instead of at the timeout.
 */
async function failOnStatus(
  connection: NatsConnection,
  failAll: (error: PublishError) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') {
      failAll(new PublishError('disconnected', 'the connection to NATS was lost'));
    } else if (status.type === 'error' && /permissions violation/i.test(status.error.message)) {
      failAll(new PublishError('permission', status.error.message));
    }
  }
  failAll(new PublishError('closed', 'the connection to NATS is closed'));
}

const encoder = new TextEncoder();

/**
 * The header block of a NATS message (https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub).
 * Throws a TypeError when a value holds a line break: it would begin a header of its own.
 */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Uint8Array {
  let text = 'NATS/1.0\r\n';
  for (const name in headers) {
    const value = headers[name]!;
    if (/[\r\n]/.test(value)) throw new TypeError(`the header ${name} holds a line break`);
    text += `${name}: ${value}\r\n`;
  }
  return encoder.encode(`${text}\r\n`);
}

/** The connection asks a MsgHdrs for nothing but its bytes. */
function preEncoded(bytes: Uint8Array): MsgHdrs {
  return { encode: () => bytes } as unknown as MsgHdrs;
}
