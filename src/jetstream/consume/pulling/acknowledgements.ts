import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Sends acknowledgements of deliveries, those of a few milliseconds together: each write of the socket
 * costs the worker and nats-server more than the acknowledgements in it. What was never sent equals a
 * lost acknowledgement: the log delivers the message again.
 */
export interface Acknowledgements {
  /** Acknowledges a delivery by its reply subject: at once after a pause, else within 5 ms. */
  add(reply: string): void;
  /** Hands everything that waits to the connection. */
  flush(): void;
}

/** What a crash can lose more than before: the acknowledgements of this time. */
const holdMs = 5;
/** More would only be a larger write. */
const heldMax = 256;

export function createAcknowledgements(
  connection: Pick<NatsConnection, 'isClosed' | 'publish'>,
): Acknowledgements {
  let held: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    const replies = held;
    held = [];
    // Timers get here, too: an exception of theirs would end the process.
    if (connection.isClosed()) return;
    for (const reply of replies) connection.publish(reply, '+ACK');
  };
  const onTime = (): void => {
    timer = undefined;
    if (held.length === 0) return;
    timer = setTimeout(onTime, holdMs);
    flush();
  };
  return {
    add: (reply) => {
      held.push(reply);
      if (timer === undefined) {
        timer = setTimeout(onTime, holdMs);
        flush();
      } else if (held.length >= heldMax) flush();
    },
    flush,
  };
}
