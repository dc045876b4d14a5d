import type { StoredMsg } from '@nats-io/jetstream';

import type { Log } from './log.ts';
import type { StreamName } from './topology.ts';

/** A message as it lies in a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
  header(name: string): string;
}

/** The message at a place in a stream; undefined when it is no longer there. */
export async function readMessage(
  log: Log,
  stream: StreamName,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const found = await log.manager.streams.getMessage(stream, { seq: sequence });
  return found === null ? undefined : stored(found);
}

/** The first message from a place on whose subject matches; undefined when there is none. */
export async function readNext(
  log: Log,
  stream: StreamName,
  sequence: number,
  subject: string,
): Promise<StoredMessage | undefined> {
  const found = await log.manager.direct.getMessage(stream, {
    seq: sequence,
    next_by_subj: subject,
  });
  return found === null ? undefined : stored(found);
}

/** How many messages are asked for at a time. */
const pageMessagesMax = 256;

/** Walks the messages whose subject matches, oldest first, from a place on. */
export async function* readMatching(
  log: Log,
  stream: StreamName,
  subject: string,
  from = 1,
): AsyncGenerator<StoredMessage> {
  let sequence = from;
  for (;;) {
    let last = 0;
    const batch = await log.manager.direct.getBatch(stream, {
      seq: sequence,
      next_by_subj: subject,
      batch: pageMessagesMax,
    });
    for await (const message of batch) {
      last = message.seq;
      yield stored(message);
    }
    if (last === 0) return;
    sequence = last + 1;
  }
}

/** How many messages there are under each subject that matches. */
export async function countBySubject(
  log: Log,
  stream: StreamName,
  subject: string,
): Promise<ReadonlyMap<string, number>> {
  const info = await log.manager.streams.info(stream, { subjects_filter: subject });
  return new Map(Object.entries(info.state.subjects ?? {}));
}

export async function deleteMessage(
  log: Log,
  stream: StreamName,
  sequence: number,
): Promise<void> {
  await log.manager.streams.deleteMessage(stream, sequence, false);
}

/** How much of a stream a consumer has not settled yet; undefined when there is no such consumer. */
export async function pendingOf(
  log: Log,
  stream: StreamName,
  consumer: string,
): Promise<number | undefined> {
  try {
    const info = await log.manager.consumers.info(stream, consumer);
    return info.num_pending + info.num_ack_pending;
  } catch {
    return undefined;
  }
}

function stored(message: StoredMsg): StoredMessage {
  return {
    subject: message.subject,
    sequence: message.seq,
    storedAtMs: message.time.getTime(),
    payload: message.data,
    header: (name) => message.header.get(name),
  };
}
