import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';

import { withinBudget } from '../byte-budget.ts';
import { clientsOf } from '../clients.ts';
import { partAt, partsFrom, withParts } from '../events/event-streams.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import { ReadTimeoutError } from '../log-failure.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { pageBytesMax } from '../traffic.ts';

/** A message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  /** Its position. */
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly payload: Uint8Array;
  header(name: string): string;
}

// All functions of this file reject when the log cannot be reached. Positions in EVENTS name a
// partition and a sequence (events/event-position.ts); positions in other streams are sequences.

/** The message at a position of a stream; undefined if it no longer exists. */
export function readMessage(
  log: Log,
  stream: StreamName,
  position: number,
): Promise<StoredMessage | undefined> {
  return withParts(log, stream, async () => {
    const part = partAt(log, stream, position);
    const seq = part.sequence(position);
    const found = await readSingle(log, ({ streams }) => streams.getMessage(part.stream, { seq }));
    return found === null ? undefined : stored(part, found);
  });
}

/** Reads one message once the connection has room for it. */
function readSingle(
  log: Log,
  read: (manager: JetStreamManager) => Promise<StoredMsg | null>,
): Promise<StoredMsg | null> {
  const { manager, traffic } = clientsOf(log);
  return withinBudget(traffic.singles, 1, () => read(manager));
}

/** The first message at a position or later whose subject matches; undefined if absent. */
export function readNext(
  log: Log,
  stream: StreamName,
  position: number,
  subject: string,
): Promise<StoredMessage | undefined> {
  return withParts(log, stream, async () => {
    const [first, ...later] = partsFrom(log, stream, position);
    const found = await readNextIn(log, first!, first!.sequence(position), subject);
    if (found !== undefined) return found;
    for (const part of later) {
      const next = await readNextIn(log, part, part.from, subject);
      if (next !== undefined) return next;
    }
    return undefined;
  });
}

/** The same in one stream of NATS, from a sequence. */
export async function readNextIn(
  log: Log,
  part: StreamPart,
  sequence: number,
  subject: string,
): Promise<StoredMessage | undefined> {
  const next = { seq: Math.max(1, sequence), next_by_subj: part.subject(subject) };
  const found = await readSingle(log, ({ direct }) => direct.getMessage(part.stream, next));
  return found === null ? undefined : stored(part, found);
}

/** The position of the first message stored at a time (Unix, ms) or later; undefined if absent. */
export function sequenceSince(
  log: Log,
  stream: StreamName,
  sinceMs: number,
): Promise<number | undefined> {
  return withParts(log, stream, async (parts) => {
    const start = { start_time: new Date(sinceMs) };
    for (const part of parts) {
      const found = await readSingle(log, ({ direct }) => direct.getMessage(part.stream, start));
      if (found !== null) return part.position(found.seq);
    }
    return undefined;
  });
}

/** The first and the last position of a stream. The last is 0 if the stream never had a message. */
export function boundsOf(
  log: Log,
  stream: StreamName,
): Promise<{ readonly first: number; readonly last: number }> {
  return withParts(log, stream, async (parts) => {
    let first: number | undefined;
    let last = 0;
    for (const part of parts) {
      const { state } = await clientsOf(log).manager.streams.info(part.stream);
      if (state.messages > 0) first ??= part.position(state.first_seq);
      // A stream whose first sequence was set begins after a gap, which no message fills.
      const isUnused = state.messages === 0 && state.last_seq < part.from;
      if (!isUnused) last = part.position(state.last_seq);
      if (part === parts.at(-1)) first ??= part.position(state.first_seq);
    }
    return { first: first!, last };
  });
}

/**
 * When the newest message of a subject, which may hold wildcards, was stored: a Unix time in ms.
 */
export function lastStoredAtMs(
  log: Log,
  stream: StreamName,
  subject: string,
): Promise<number | undefined> {
  return withParts(log, stream, async (parts) => {
    let newestMs: number | undefined;
    for (const part of parts) {
      const last = { last_by_subj: part.subject(subject) };
      const found = await readSingle(log, ({ direct }) => direct.getMessage(part.stream, last));
      const timeMs = found?.time.getTime() ?? 0;
      if (found !== null && timeMs >= (newestMs ?? 0)) newestMs = timeMs;
    }
    return newestMs;
  });
}

/** How many messages one request reads. */
const pageMessagesMax = 256;

/**
 * Reads the messages whose subject matches, in the order of their positions, to the end of the
 * stream.
 */
export async function* readMatching(
  log: Log,
  stream: StreamName,
  subject: string,
  from = 1,
): AsyncGenerator<StoredMessage> {
  let position = from;
  for (;;) {
    const start = position;
    const page = await withParts(log, stream, () => readPageAt(log, stream, subject, start));
    // A short page is not the last: the server ends a page early if its messages are large.
    if (page === undefined) return;
    yield* page;
    position = page.at(-1)!.sequence + 1;
  }
}

/** The next messages from a position on, of one part; undefined if no part holds more. */
async function readPageAt(
  log: Log,
  stream: StreamName,
  subject: string,
  position: number,
): Promise<StoredMessage[] | undefined> {
  let from: number | undefined;
  for (const part of partsFrom(log, stream, position)) {
    from = from === undefined ? Math.max(1, part.sequence(position)) : part.from;
    const page = await readPage(log, part, subject, from);
    if (page.length > 0) return page;
  }
  return undefined;
}

/** The pages of one stream of NATS, from a sequence to its end. */
export async function* readPartPages(
  log: Log,
  part: StreamPart,
  from: number,
): AsyncGenerator<StoredMessage[]> {
  let sequence = Math.max(1, from);
  for (;;) {
    const page = await readPage(log, part, '>', sequence);
    if (page.length === 0) return;
    yield page;
    sequence = part.sequence(page.at(-1)!.sequence) + 1;
  }
}

/** How long to wait for the next message of a page: the connection may be lost within a page. */
const pageTimeoutMs = 5_000;

/** Reads a page once the connection has room for it. */
function readPage(
  log: Log,
  part: StreamPart,
  subject: string,
  sequence: number,
): Promise<StoredMessage[]> {
  return withinBudget(clientsOf(log).traffic.pages, pageBytesMax, () =>
    readPageNow(log, part, subject, sequence),
  );
}

/**
 * Reads by callback. The iterator of this client throws at the end of the stream, where it treats
 * "message not found" as an error, and leaks a subscription for each page.
 */
function readPageNow(
  log: Log,
  part: StreamPart,
  subject: string,
  sequence: number,
): Promise<StoredMessage[]> {
  return new Promise((resolve, reject) => {
    const page: StoredMessage[] = [];
    const timer = setTimeout(
      () => reject(new ReadTimeoutError(`${part.stream} was not read within ${pageTimeoutMs} ms`)),
      pageTimeoutMs,
    );
    clientsOf(log)
      .manager.direct.getBatch(part.stream, {
        seq: sequence,
        next_by_subj: part.subject(subject),
        batch: pageMessagesMax,
        // The limit of the server itself is its max_pending: one page would be all that it sends.
        max_bytes: pageBytesMax,
        callback: (done, message) => {
          timer.refresh();
          if (done === null) {
            page.push(stored(part, message));
            return;
          }
          clearTimeout(timer);
          const code = (done.err as { code?: unknown } | undefined)?.code;
          if (done.err === undefined || code === notFoundCode) resolve(page);
          else reject(done.err);
        },
      })
      .catch((error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      });
    // Who stops does not wait for a page whose connection is closed.
    timer.unref();
  });
}

const notFoundCode = 404;

/** The number of messages of each subject that matches. Not for EVENTS. */
export async function countBySubject(
  log: Log,
  stream: Exclude<StreamName, 'EVENTS'>,
  subject: string,
): Promise<ReadonlyMap<string, number>> {
  const info = await clientsOf(log).manager.streams.info(stream, { subjects_filter: subject });
  return new Map(Object.entries(info.state.subjects ?? {}));
}

/**
 * Succeeds if the message no longer exists. Call `Log.syncStream` to make the deletion durable. Not
 * for EVENTS, whose deletions are recorded (events/ledger.ts).
 */
export async function deleteMessage(
  log: Log,
  stream: Exclude<StreamName, 'EVENTS'>,
  sequence: number,
): Promise<void> {
  try {
    await clientsOf(log).manager.streams.deleteMessage(stream, sequence, false);
  } catch (error) {
    if ((await readMessage(log, stream, sequence)) !== undefined) throw error;
  }
}

function stored(part: StreamPart, message: StoredMsg): StoredMessage {
  return {
    subject: message.subject,
    sequence: part.position(message.seq),
    storedAtMs: message.time.getTime(),
    payload: message.data,
    header: (name) => message.header.get(name),
  };
}
