import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Sends what settles the messages of a connection, to their reply subjects. An answer that is never sent
 * equals a lost one: the log delivers the message again.
 */
export interface MessageAnswers {
  /** At once after a pause, else within 5 ms, together with others. */
  acknowledge(reply: string): void;
  /** Any other answer: at once. */
  send(reply: string, text: string): void;
  /** Hands everything that waits to the connection. */
  flush(): void;
}

/** What a crash can lose: the acknowledgements of this time. */
const holdMs = 5;
/** More would only be a larger write. */
const heldMax = 256;

/**
 * An acknowledgement follows every event, and each write of the socket costs the worker and nats-server more
 * than the acknowledgements in it. So those of a few milliseconds are one write. `connection.publish()` would
 * encode each one's subject and text into arrays of their own; here all are one piece. `sendCommand` belongs
 * to the client's protocol handler, as in publish/raw-publish.ts. Throws a TypeError if this version of the
 * client has none.
 */
export function createMessageAnswers(connection: NatsConnection): MessageAnswers {
  const { protocol } = connection as unknown as {
    protocol?: { sendCommand?: (bytes: Uint8Array) => void };
  };
  if (typeof protocol?.sendCommand !== 'function') {
    throw new TypeError('this version of @nats-io/nats-core has no protocol.sendCommand');
  }
  let held: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    const text = held.join('');
    held = [];
    // Timers get here, too: an exception of theirs would end the process.
    if (text === '' || connection.isClosed()) return;
    // A reply subject is ASCII: it has the names of streams and consumers, and numbers.
    protocol.sendCommand!(Buffer.from(text, 'latin1'));
  };
  const onTime = (): void => {
    timer = undefined;
    if (held.length === 0) return;
    timer = setTimeout(onTime, holdMs);
    flush();
  };
  return {
    acknowledge: (reply) => {
      held.push(`PUB ${reply} 4\r\n+ACK\r\n`);
      if (timer === undefined) {
        timer = setTimeout(onTime, holdMs);
        flush();
      } else if (held.length >= heldMax) flush();
    },
    send: (reply, text) => {
      if (!connection.isClosed()) connection.publish(reply, text);
    },
    flush,
  };
}
