import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';

import { withinBudget } from '../byte-budget.ts';
import { clientsOf } from '../clients.ts';
import { partAtOrRefresh, partsFrom, partsOf, withParts } from '../events/event-streams.ts';
import type { Range } from '../events/ranges.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import type { StreamName } from '../topology.ts';
import { pageBytesMax } from '../traffic.ts';
import { requestPage } from './page.ts';
import { messagesAtOnce, pageSubject, wholeStream } from './whole-reads.ts';

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

/**
 * The streams of the log that are one stream of NATS: the later message has the higher position.
 * EVENTS has partitions, and is read by ranges: read-ranges.ts.
 */
export type SingleStreamName = Exclude<StreamName, 'EVENTS'>;

/** The message at a position of a stream; undefined if it no longer exists. */
export function readMessage(
  log: Log,
  stream: StreamName,
  position: number,
): Promise<StoredMessage | undefined> {
  return withParts(log, stream, async () => {
    const part = await partAtOrRefresh(log, stream, position);
    if (part === undefined) return undefined;
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
  stream: SingleStreamName,
  position: number,
  subject: string,
): Promise<StoredMessage | undefined> {
  return readNextIn(log, partsOf(log, stream)[0]!, position, subject);
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

/**
 * The same from the stream's leader: the replicas that answer other reads may lag behind it. Ask it
 * before something is deleted. `filter`: in the form of the part.
 */
export async function readNextOfLeader(
  log: Log,
  part: StreamPart,
  sequence: number,
  filter: string,
): Promise<StoredMessage | undefined> {
  const next = { seq: Math.max(1, sequence), next_by_subj: filter };
  const found = await readSingle(log, ({ streams }) => streams.getMessage(part.stream, next));
  return found === null ? undefined : stored(part, found);
}

/** The position of the first message stored at a time (Unix, ms) or later; undefined if absent. */
export function sequenceSince(
  log: Log,
  stream: SingleStreamName,
  sinceMs: number,
): Promise<number | undefined> {
  return positionSince(log, partsOf(log, stream), sinceMs);
}

/** nats-server counts the nanoseconds of a time in 63 bits: to the year 2262. It stored nothing before 1970. */
const natsTimeMsMax = Math.floor(2 ** 63 / 1_000_000) - 1;

/** The same in the parts of one partition, in their order. */
export async function positionSince(
  log: Log,
  parts: readonly StreamPart[],
  sinceMs: number,
): Promise<number | undefined> {
  // Nothing was stored then, and nats-server would take the time for another one.
  if (sinceMs > natsTimeMsMax) return undefined;
  const start = { start_time: new Date(Math.max(0, sinceMs)) };
  for (const part of parts) {
    const found = await readSingle(log, ({ direct }) => direct.getMessage(part.stream, start));
    if (found !== null) return part.position(found.seq);
  }
  return undefined;
}

/** The last is one before the first that can be, if no message was ever stored. */
export interface Bounds {
  readonly first: number;
  readonly last: number;
}

/** The first and the last position of a stream. The last is 0 if the stream never had a message. */
export function boundsOf(log: Log, stream: SingleStreamName): Promise<Bounds> {
  return boundsOfParts(log, partsOf(log, stream));
}

/** The same of the parts of one partition, in their order. */
export async function boundsOfParts(log: Log, parts: readonly StreamPart[]): Promise<Bounds> {
  let first: number | undefined;
  let last = parts[0]!.position(parts[0]!.from - 1);
  for (const part of parts) {
    const { state } = await clientsOf(log).manager.streams.info(part.stream);
    if (state.messages > 0) first ??= part.position(state.first_seq);
    // A stream whose first sequence was set begins after a gap, which no message fills.
    const isUnused = state.messages === 0 && state.last_seq < part.from;
    if (!isUnused) last = part.position(state.last_seq);
    if (part === parts.at(-1)) first ??= part.position(state.first_seq);
  }
  return { first: first!, last };
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

/**
 * The position of the newest message of a subject, from the stream's leader: a replica may not have
 * it yet. 0 if the subject has no message.
 */
export async function newestPosition(
  log: Log,
  stream: SingleStreamName,
  subject: string,
): Promise<number> {
  const [part] = partsOf(log, stream);
  const last = { last_by_subj: part!.subject(subject) };
  const found = await readSingle(log, ({ streams }) => streams.getMessage(part!.stream, last));
  return found === null ? 0 : part!.position(found.seq);
}

/** How many messages one request reads, for readers that may soon have enough, and for others. */
const pageMessagesMax = 256;
const longPageMessagesMax = 512;
/** A reader that has taken so many pages reads on: the next one is asked for meanwhile. */
const pagesUntilAhead = 2;

/**
 * Reads the messages whose subject matches, in the order of their positions, to the end of the
 * stream.
 */
export async function* readMatching(
  log: Log,
  stream: SingleStreamName,
  subject: string,
  from = 1,
): AsyncGenerator<StoredMessage> {
  const range = { from, to: Infinity };
  for await (const page of readPages(log, stream, subject, range)) yield* page;
}

/**
 * The same in pages, from a position to another, or a little further, of its partition. `firstMax`: the most messages of
 * the first page, for a reader that may not need them all.
 */
export async function* readPages(
  log: Log,
  stream: StreamName,
  subject: string,
  { from, to }: Range,
  firstMax = pageMessagesMax,
): AsyncGenerator<StoredMessage[]> {
  const request = (position: number, messagesMax: number) =>
    withParts(log, stream, () => readPageAt(log, stream, subject, { position, messagesMax }));
  let next = request(from, firstMax);
  for (let pages = 1; ; pages += 1) {
    const page = await next;
    // A short page is not the last: the server ends a page early if its messages are large.
    if (page === undefined) return;
    const last = page.at(-1)!.sequence;
    if (pages < pagesUntilAhead || last >= to) {
      yield page;
      if (last >= to) return;
      next = request(last + 1, pageMessagesMax);
    } else {
      next = request(last + 1, longPageMessagesMax);
      // It fails when it is awaited; a reader that ends here awaits it no more.
      next.catch(() => {});
      yield page;
    }
  }
}

/** The next messages from a position on, of one part; undefined if its partition holds no more. */
async function readPageAt(
  log: Log,
  stream: StreamName,
  subject: string,
  { position, messagesMax }: { readonly position: number; readonly messagesMax: number },
): Promise<StoredMessage[] | undefined> {
  let from: number | undefined;
  for (const part of partsFrom(log, stream, position)) {
    from = from === undefined ? Math.max(1, part.sequence(position)) : part.from;
    const page = await readPage(log, part, subject, from, messagesMax);
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
    const page = await readPage(log, part, wholeStream, sequence);
    if (page.length === 0) return;
    yield page;
    sequence = part.sequence(page.at(-1)!.sequence) + 1;
  }
}

/** Reads a page once the connection has room for it. */
function readPage(
  log: Log,
  part: StreamPart,
  subject: string,
  sequence: number,
  messagesMax = pageMessagesMax,
): Promise<StoredMessage[]> {
  const { connection, traffic } = clientsOf(log);
  return withinBudget(traffic.pages, pageBytesMax, () =>
    requestPage(connection, {
      part,
      messagesMax: Math.min(messagesMax, messagesAtOnce(log, part, subject)),
      subject: pageSubject(subject),
      sequence,
    }),
  );
}

/** The number of messages of each subject that matches. Not for EVENTS. */
export async function countBySubject(
  log: Log,
  stream: SingleStreamName,
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
  stream: SingleStreamName,
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
