import { ServiceError } from '../errors.ts';
import { isUuid, messageIdOf } from '../event/event-id.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import { nameProblem } from '../event/name/event-name.ts';
import type { EventError, EventStatus, Verdict } from '../event/verdict.ts';
import type { RejectedEntry } from './rejected-entry.ts';
import type { Found, RejectedEvents, RejectedFilter } from './rejected-events.ts';
import type { ReplayOutcome } from './outcome-note.ts';
import type { ClaimedCopy } from './claims.ts';
import type { Claimed, ReplayMarks } from './replay-marks.ts';
import type { StoredIds } from './stored-ids.ts';
import type { InTurn } from './in-turn.ts';
import type { WalkPage } from '../jetstream/read/walk/walk-pages.ts';
import { subjects } from '../jetstream/topology.ts';

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
  /** As in `Verdict`. */
  readonly mayBeStored?: boolean | undefined;
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
 * are not shown or replayed again; events that are rejected again get their new reason.
 *
 * The events are claimed before they are sent (claims.ts): of a replay and a discard at the same
 * time, in any processes, one is first, and the other reports that. The note is written last, and
 * ends the claim. If a crash comes before it, events are stored without a note: the claim says how
 * to find them.
 *
 * Replays one page at a time: a second replay would otherwise meet the claims of the first. In turn,
 * the event is read again: it may be settled by now.
 */
export function createReplay(options: ReplayOptions): Replay {
  const { rejected, inTurn } = options;
  return {
    page: (filter, size, pageToken, request) =>
      inTurn(async () => {
        const page = await rejected.page(filter, size, pageToken);
        return { ...page, items: await replayAll(options, page.items, request) };
      }),
    one: (found, request) =>
      inTurn(async () => {
        const current = (await rejected.get(found.entry.sequence)) ?? found;
        const [result] = await replayAll(options, [current], request);
        return result!;
      }),
  };
}

/** An event on its way through the gate. */
interface ReadyEvent {
  readonly entry: RejectedEntry;
  readonly event: IncomingEvent;
  /** How it would be stored; undefined if no valid event has such a name or key. */
  readonly copy: ClaimedCopy | undefined;
  /** Where it is stored already. */
  readonly known: number | undefined;
}

async function replayAll(
  options: ReplayOptions,
  found: readonly Found[],
  request: ReplayRequest,
): Promise<ReplayResult[]> {
  const { marks } = options;
  const prepared = await Promise.allSettled(found.map((each) => prepare(options, each, request)));
  const copies = new Map<number, ClaimedCopy>();
  for (const { ready } of fulfilled(prepared)) {
    if (ready?.copy !== undefined) copies.set(ready.entry.sequence, ready.copy);
  }
  const isClaimed = !request.dryRun && copies.size > 0;
  const claimed = isClaimed ? await marks.claim(copies) : undefined;
  const settled = await Promise.allSettled(
    prepared.map(async (each) => {
      if (each.status === 'rejected') throw each.reason;
      const { result, ready } = each.value;
      return result ?? finish(options, ready!, claimed, request);
    }),
  );
  const results = fulfilled(settled);
  // The stored events get their note even if another event of the page failed.
  if (!request.dryRun) {
    const unknown = new Set(results.filter(isUnknown).map(({ entry }) => entry.sequence));
    const ended = [...(claimed?.claim?.sequences ?? [])].filter((one) => !unknown.has(one));
    await marks.write(outcomesOf(results), claimed?.claim, ended);
  }
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return results;
}

function fulfilled<Value>(all: readonly PromiseSettledResult<Value>[]): Value[] {
  return all.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
}

/** Whether the log may still store an event that it has not confirmed. */
function isUnknown({ status, error, mayBeStored = true }: ReplayResult): boolean {
  return status === 'retry' && error?.code === 'not_stored' && mayBeStored;
}

/** What to send, or the result if nothing is to be sent. */
async function prepare(
  options: ReplayOptions,
  found: Found,
  request: ReplayRequest,
): Promise<{ readonly result?: ReplayResult; readonly ready?: ReadyEvent }> {
  const { endpoint } = options;
  const { entry } = found;
  const settled = settledResult(found);
  if (settled !== undefined) return { result: settled };
  if (entry.incomplete !== undefined && request.replacement === '') {
    return {
      result: refused(entry, 'invalid_field', `${entry.incomplete} Replay it with --edit.`),
    };
  }
  let event: IncomingEvent;
  try {
    event = endpoint.read(entry, request.edits, request.replacement);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { result: refused(entry, error.code, error.message) };
  }
  const eventName = endpoint.nameOf(event);
  if (event.fault !== undefined || nameProblem(eventName) !== undefined) {
    return { ready: { entry, event, copy: undefined, known: undefined } };
  }
  const known = await findStored(options, event, entry);
  const { source } = entry;
  const copy = isUuid(event.idempotencyKey)
    ? {
        subject: subjects.eventsOf(source, eventName),
        messageId: messageIdOf(source, event.idempotencyKey),
      }
    : undefined;
  return { ready: { entry, event, copy, known } };
}

async function finish(
  { endpoint, rejected }: ReplayOptions,
  { entry, event, copy, known }: ReadyEvent,
  claimed: Claimed | undefined,
  { dryRun }: ReplayRequest,
): Promise<ReplayResult> {
  const { sequence } = entry;
  if (!dryRun && copy !== undefined && claimed?.claim?.sequences.has(sequence) !== true) {
    const current = await rejected.get(sequence);
    const settled = current === undefined ? undefined : settledResult(current);
    return settled ?? busyResult(entry, claimed?.busy.get(sequence)?.message);
  }
  const { eventName, idempotencyKey } = event;
  if (known !== undefined) {
    const duplicate = { status: 'duplicate', error: undefined, storedSequence: known } as const;
    return { entry, eventName, idempotencyKey, ...duplicate };
  }
  // The claim of a process that stood still may have passed to another one.
  if (claimed?.claim?.isHeld() === false) return busyResult(entry);
  const verdict = await endpoint.accept(event, entry, dryRun);
  const { status, error, sequence: storedSequence, mayBeStored } = verdict;
  return { entry, eventName, idempotencyKey, status, error, storedSequence, mayBeStored };
}

/** Undefined if the event is not settled. */
function settledResult(found: Found): ReplayResult | undefined {
  const { entry, discard } = found;
  if (discard !== undefined) {
    return refused(entry, 'rejected_settled', `It was discarded: ${discard.why}`);
  }
  if (!isStored(found)) return undefined;
  const { eventName, idempotencyKey } = entry;
  const { storedSequence } = found.replay;
  const known = { status: 'duplicate', error: undefined, storedSequence, isKnown: true } as const;
  return { entry, eventName, idempotencyKey, ...known };
}

function busyResult(entry: RejectedEntry, message?: string): ReplayResult {
  const text = `The replay of event ${entry.sequence} took too long to begin. Try it again.`;
  return refused(entry, 'rejected_busy', message ?? text);
}

function refused(entry: RejectedEntry, code: string, message: string): ReplayResult {
  const { eventName, idempotencyKey } = entry;
  const error = { code, message, violations: [] };
  return { entry, eventName, idempotencyKey, status: 'retry', error, storedSequence: 0 };
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
  if (Date.now() - receivedAtMs < dedupWindowMs / 2) return undefined;
  const eventName = endpoint.nameOf(event);
  const messageId = messageIdOf(source, event.idempotencyKey);
  return storedIds.find({ source, eventName, messageId, sinceMs: receivedAtMs - dedupWindowMs });
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
