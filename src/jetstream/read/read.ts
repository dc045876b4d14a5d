import type { StoredMsg } from '@nats-io/jetstream';

import { withinBudget } from '../byte-budget.ts';
import { clientsOf } from '../clients.ts';
import { ReadTimeoutError } from '../log-failure.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { pageBytesMax } from '../traffic.ts';

/** A message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
  header(name: string): string;
}

// All functions of this file reject when the log cannot be reached.

/** The message at a position of a stream; undefined if it no longer exists. */
export async function readMessage(
  log: Log,
  stream: StreamName,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const { manager, traffic } = clientsOf(log);
  const found = await withinBudget(traffic.singles, 1, () =>
    manager.streams.getMessage(stream, { seq: sequence }),
  );
  return found === null ? undefined : stored(found);
}

/** The first message at a position or later whose subject matches; undefined if absent. */
export async function readNext(
  log: Log,
  stream: StreamName,
  sequence: number,
  subject: string,
): Promise<StoredMessage | undefined> {
  const { manager, traffic } = clientsOf(log);
  const found = await withinBudget(traffic.singles, 1, () =>
    manager.direct.getMessage(stream, { seq: sequence, next_by_subj: subject }),
  );
  return found === null ? undefined : stored(found);
}

/** The position of the first message stored at a time (Unix, ms) or later; undefined if absent. */
export async function sequenceSince(
  log: Log,
  stream: StreamName,
  sinceMs: number,
): Promise<number | undefined> {
  const { manager, traffic } = clientsOf(log);
  const found = await withinBudget(traffic.singles, 1, () =>
    manager.direct.getMessage(stream, { start_time: new Date(sinceMs) }),
  );
  return found?.seq;
}

/** The first and the last position of a stream. The last is 0 if the stream never had a message. */
export async function boundsOf(
  log: Log,
  stream: StreamName,
): Promise<{ readonly first: number; readonly last: number }> {
  const { state } = await clientsOf(log).manager.streams.info(stream);
  return { first: state.first_seq, last: state.last_seq };
}

/**
 * When the newest message of a subject, which may hold wildcards, was stored: a Unix time in ms.
 */
export async function lastStoredAtMs(
  log: Log,
  stream: StreamName,
  subject: string,
): Promise<number | undefined> {
  const { manager, traffic } = clientsOf(log);
  const found = await withinBudget(traffic.singles, 1, () =>
    manager.direct.getMessage(stream, { last_by_subj: subject }),
  );
  return found?.time.getTime();
}

/** How many messages one request reads. */
const pageMessagesMax = 256;

/**
 * Reads the messages whose subject matches, oldest first, from a position to the end of the stream.
 */
export async function* readMatching(
  log: Log,
  stream: StreamName,
  subject: string,
  from = 1,
): AsyncGenerator<StoredMessage> {
  let sequence = from;
  for (;;) {
    const page = await withinBudget(clientsOf(log).traffic.pages, pageBytesMax, () =>
      readPage(log, stream, subject, sequence),
    );
    yield* page;
    // A short page is not the last: the server ends a page early if its messages are large.
    if (page.length === 0) return;
    sequence = page.at(-1)!.sequence + 1;
  }
}

/** How long to wait for the next message of a page: the connection may be lost within a page. */
const pageTimeoutMs = 5_000;

/**
 * Reads by callback. The iterator of this client throws at the end of the stream, where it treats
 * "message not found" as an error, and leaks a subscription for each page.
 */
function readPage(
  log: Log,
  stream: StreamName,
  subject: string,
  sequence: number,
): Promise<StoredMessage[]> {
  return new Promise((resolve, reject) => {
    const page: StoredMessage[] = [];
    const timer = setTimeout(
      () => reject(new ReadTimeoutError(`${stream} was not read within ${pageTimeoutMs} ms`)),
      pageTimeoutMs,
    );
    clientsOf(log)
      .manager.direct.getBatch(stream, {
        seq: sequence,
        next_by_subj: subject,
        batch: pageMessagesMax,
        // The limit of the server itself is its max_pending: one page would be all that it sends.
        max_bytes: pageBytesMax,
        callback: (done, message) => {
          timer.refresh();
          if (done === null) {
            page.push(stored(message));
            return;
          }
          clearTimeout(timer);
          const code = (done.err as { code?: unknown } | undefined)?.code;
          if (done.err === undefined || code === notFoundCode) resolve(page);
          else reject(done.err);
        },
      })
      .catch(reject);
  });
}

const notFoundCode = 404;

/** The number of messages of each subject that matches. */
export async function countBySubject(
  log: Log,
  stream: StreamName,
  subject: string,
): Promise<ReadonlyMap<string, number>> {
  const info = await clientsOf(log).manager.streams.info(stream, { subjects_filter: subject });
  return new Map(Object.entries(info.state.subjects ?? {}));
}

/** Succeeds if the message no longer exists. Call `Log.syncStream` to make the deletion durable. */
export async function deleteMessage(log: Log, stream: StreamName, sequence: number): Promise<void> {
  try {
    await clientsOf(log).manager.streams.deleteMessage(stream, sequence, false);
  } catch (error) {
    if ((await readMessage(log, stream, sequence)) !== undefined) throw error;
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
