import { ServiceError } from '../errors.ts';
import { messageIdOf } from '../event/event-id.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import { nameProblem } from '../event/name/event-name.ts';
import type { EventError, EventStatus, Verdict } from '../event/verdict.ts';
import type { RejectedEntry } from './rejected-entry.ts';
import type { Found, RejectedEvents, RejectedFilter } from './rejected-events.ts';
import type { ReplayOutcome } from './outcome-note.ts';
import type { ReplayMarks } from './replay-marks.ts';
import type { StoredIds } from './stored-ids.ts';
import type { InTurn } from './in-turn.ts';
import type { WalkPage } from '../jetstream/read/walk-pages.ts';

/** One change to an event before it is validated again. */
export interface EntryEdit {
  readonly path: string;
  readonly valueJson: string;
}

/** The part of the gate that a replay needs; implemented in gate/accept/replay.ts. */
export interface ReplayGate {
  nameOf(event: IncomingEvent): string;
  read(entry: RejectedEntry, edits: readonly EntryEdit[], replacement: string): IncomingEvent;
  /** Validates an event, and stores it unless `validateOnly`. */
  accept(event: IncomingEvent, entry: RejectedEntry, validateOnly: boolean): Promise<Verdict>;
}

export interface ReplayRequest {
  readonly edits: readonly EntryEdit[];
  /** The text of an event that replaces the rejected one; empty to replay the rejected event. */
  readonly replacement: string;
  /** Only validate: do not store the event or write a note. */
  readonly dryRun: boolean;
}

export interface ReplayResult {
  readonly entry: RejectedEntry;
  readonly eventName: string;
  readonly idempotencyKey: string;
  /** `retry` means that nothing was changed. */
  readonly status: EventStatus;
  readonly error: EventError | undefined;
  readonly storedSequence: number;
  /** Set if an earlier replay has stored the event; its note stays unchanged. */
  readonly isKnown?: true;
}

export interface Replay {
  page(
    filter: RejectedFilter,
    size: number,
    pageToken: string,
    request: ReplayRequest,
  ): Promise<WalkPage<ReplayResult>>;
  one(found: Found, request: ReplayRequest): Promise<ReplayResult>;
}

export interface ReplayOptions {
  readonly endpoint: ReplayGate;
  readonly rejected: RejectedEvents;
  readonly marks: ReplayMarks;
  readonly storedIds: StoredIds;
  /** Shared with discards: an event is not replayed while it is discarded. */
  readonly inTurn: InTurn;
  /** How long the log itself refuses a second copy. */
  readonly dedupWindowMs: number;
}

/**
 * Sends rejected events through the gate again, and records the outcomes in a note. Stored events
 * are not shown or replayed again; events that are rejected again get their new reason. The note is
 * written last: if a crash comes before it, events are stored without a note, and their next replay
 * finds them in the log.
 *
 * Replays one page at a time: a second replay would otherwise repeat events whose note is not
 * written yet. In turn, the event is read again: it may be settled by now.
 */
export function createReplay(options: ReplayOptions): Replay {
  const { rejected, marks, inTurn } = options;
  const replayAll = async (found: readonly Found[], request: ReplayRequest) => {
    const settled = await Promise.allSettled(
      found.map((each) => replayOne(options, each, request)),
    );
    const results = settled.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
    // The stored events get their note even if another event of the page failed.
    if (!request.dryRun) await marks.write(outcomesOf(results));
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return results;
  };
  return {
    page: (filter, size, pageToken, request) =>
      inTurn(async () => {
        const page = await rejected.page(filter, size, pageToken);
        return { ...page, items: await replayAll(page.items, request) };
      }),
    one: (found, request) =>
      inTurn(async () => {
        const current = (await rejected.get(found.entry.sequence)) ?? found;
        const [result] = await replayAll([current], request);
        return result!;
      }),
  };
}

async function replayOne(
  options: ReplayOptions,
  found: Found,
  request: ReplayRequest,
): Promise<ReplayResult> {
  const { endpoint } = options;
  const { entry } = found;
  const unread = { entry, eventName: entry.eventName, idempotencyKey: entry.idempotencyKey };
  const refused = (error: EventError): ReplayResult => ({
    ...unread,
    status: 'retry',
    error,
    storedSequence: 0,
  });
  if (found.discard !== undefined) {
    const message = `It was discarded: ${found.discard.why}`;
    return refused(errorOf('rejected_settled', message));
  }
  if (isStored(found)) {
    const { storedSequence } = found.replay;
    return { ...unread, status: 'duplicate', error: undefined, storedSequence, isKnown: true };
  }
  if (entry.incomplete !== undefined && request.replacement === '') {
    return refused(errorOf('invalid_field', `${entry.incomplete} Replay it with --edit.`));
  }
  let event: IncomingEvent;
  try {
    event = endpoint.read(entry, request.edits, request.replacement);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return refused(errorOf(error.code, error.message));
  }
  const { eventName, idempotencyKey } = event;
  const known = await findStored(options, event, entry);
  if (known !== undefined) {
    const duplicate = { status: 'duplicate', error: undefined, storedSequence: known } as const;
    return { entry, eventName, idempotencyKey, ...duplicate };
  }
  const { status, error, sequence } = await endpoint.accept(event, entry, request.dryRun);
  return { entry, eventName, idempotencyKey, status, error, storedSequence: sequence };
}

function isStored(found: Found): found is Found & { replay: ReplayOutcome } {
  return found.replay !== undefined && found.replay.status !== 'rejected';
}

/** Looks up events older than half of the window: clocks differ, and a look-up is cheap. */
async function findStored(
  { endpoint, storedIds, dedupWindowMs }: ReplayOptions,
  event: IncomingEvent,
  { source, receivedAtMs }: RejectedEntry,
): Promise<number | undefined> {
  const { idempotencyKey, fault } = event;
  const eventName = endpoint.nameOf(event);
  if (fault !== undefined || nameProblem(eventName) !== undefined) return undefined;
  if (Date.now() - receivedAtMs < dedupWindowMs / 2) return undefined;
  const messageId = messageIdOf(source, idempotencyKey);
  return storedIds.find({ source, eventName, messageId, sinceMs: receivedAtMs - dedupWindowMs });
}

function errorOf(code: string, message: string): EventError {
  return { code, message, violations: [] };
}

/** The outcomes to record; omits unchanged events. */
function outcomesOf(results: readonly ReplayResult[]): Map<number, ReplayOutcome> {
  const outcomes = new Map<number, ReplayOutcome>();
  for (const { entry, status, error, storedSequence, isKnown } of results) {
    if (status !== 'retry' && isKnown !== true)
      outcomes.set(entry.sequence, { status, storedSequence, error });
  }
  return outcomes;
}
