import type { EventToReject, EventToStore, StoreOptions } from '../gate/accept/keep-event.ts';
import type { AcceptOptions } from '../gate/accept/accept-events.ts';
import { eventText } from '../gate/decode/decode-original.ts';
import { snakeCase } from '../gate/decode/event-fields.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../event/json/json.ts';
import type { BadEvent, GoodEvent } from './mock-gate.ts';

/** How much the mock remembers. Beyond either, it forgets the oldest events. */
export interface MockLimits {
  readonly eventsMax: number;
  /** Of the events as they were stored or sent, and of their test ids. */
  readonly bytesMax: number;
}

export const mockLimits: MockLimits = { eventsMax: 10_000, bytesMax: 64 * 1024 * 1024 };

/** The functions of the log that the gate needs, and what tests ask. */
export interface MockLog extends Pick<AcceptOptions, 'store' | 'readStored' | 'reject'> {
  /** Of one test, or of all; in the order in which they came. */
  good(testId: string | undefined): GoodEvent[];
  bad(testId: string | undefined): BadEvent[];
  /** How many events it has forgotten since the last reset of all. */
  forgotten(): number;
  /** Forgets the events of one test, or of all: their idempotency keys are new again. */
  reset(testId: string | undefined): void;
}

interface Kept {
  readonly testId: string | undefined;
  readonly bytes: number;
  /** What it is recognised by when it comes again. Empty: it was rejected. */
  readonly keys: readonly string[];
  readonly payload: string;
  readonly bad: BadEvent | undefined;
  duplicates: number;
}

/** Keeps events in memory, by their sequence. `testIdOf` gives the test of a request. */
export function createMockLog(
  testIdOf: (correlationId: string) => string | undefined,
  { eventsMax, bytesMax }: MockLimits = mockLimits,
): MockLog {
  // A Map keeps the order of insertion: the first entry is the oldest.
  const events = new Map<number, Kept>();
  const sequences = new Map<string, number>();
  let bytes = 0;
  let lastSequence = 0;
  let forgotten = 0;

  const drop = (sequence: number, kept: Kept): void => {
    events.delete(sequence);
    bytes -= kept.bytes;
    for (const key of kept.keys) if (sequences.get(key) === sequence) sequences.delete(key);
  };
  const keep = (kept: Omit<Kept, 'bytes' | 'duplicates'>): number => {
    lastSequence += 1;
    const size = Buffer.byteLength(kept.payload) + Buffer.byteLength(kept.testId ?? '');
    events.set(lastSequence, { ...kept, bytes: size, duplicates: 0 });
    bytes += size;
    for (const key of kept.keys) sequences.set(key, lastSequence);
    for (const [sequence, oldest] of events) {
      if (events.size <= eventsMax && bytes <= bytesMax) break;
      drop(sequence, oldest);
      forgotten += 1;
    }
    return lastSequence;
  };
  const store = (event: EventToStore, callback: Parameters<StoreOptions['store']>[1]): void => {
    const { messageId, payload } = event;
    const { context } = JSON.parse(payload) as { context?: JsonObject };
    const testId = contextTestId(context) ?? testIdOf(event.arrivalHeaders);
    // Tests may have the same keys in their fixtures: each has duplicates of its own. An event of no test
    // is a duplicate of any.
    const keys = [JSON.stringify([messageId]), JSON.stringify([messageId, testId ?? ''])];
    const before = sequences.get(testId === undefined ? keys[0]! : keys[1]!);
    if (before !== undefined) {
      events.get(before)!.duplicates += 1;
      callback({ sequence: before, duplicate: true }, undefined);
      return;
    }
    const sequence = keep({ testId, keys, payload, bad: undefined });
    callback({ sequence, duplicate: false }, undefined);
  };
  const ofTest = (testId: string | undefined): Kept[] =>
    [...events.values()].filter((kept) => testId === undefined || kept.testId === testId);

  return {
    store,
    readStored: (sequence) => Promise.resolve(events.get(sequence)?.payload),
    reject: (rejected, callback) => {
      const bad = badEventOf(rejected);
      const sent = isJsonObject(bad.event) ? bad.event['context'] : undefined;
      const testId =
        contextTestId(sent) ??
        contextTestId(rejected.batchContext) ??
        testIdOf(rejected.arrival.correlationId);
      keep({ testId, keys: [], payload: JSON.stringify(bad), bad });
      callback(undefined);
    },
    good: (testId) =>
      ofTest(testId).flatMap(({ bad, payload, duplicates }) =>
        bad === undefined ? [{ event: withSentNames(payload), duplicates }] : [],
      ),
    bad: (testId) => ofTest(testId).flatMap(({ bad }) => bad ?? []),
    forgotten: () => forgotten,
    reset: (testId) => {
      for (const [sequence, kept] of events) {
        if (testId === undefined || kept.testId === testId) drop(sequence, kept);
      }
      if (testId === undefined) forgotten = 0;
    },
  };
}

function contextTestId(context: JsonValue | undefined): string | undefined {
  const id = context !== undefined && isJsonObject(context) ? context['test_id'] : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** The stored event, whose names are those of ProtoJSON, as producers send it. */
function withSentNames(payload: string): JsonObject {
  return Object.fromEntries(
    Object.entries(JSON.parse(payload) as JsonObject).map(([name, value]) => [
      snakeCase(name),
      value,
    ]),
  );
}

const rpcProtocols = new Set(['connect', 'grpc', 'grpc_web']);

function badEventOf({ arrival, original, error, ...rejected }: EventToReject): BadEvent {
  const { door, contentType } = arrival;
  const text = eventText({
    door: rpcProtocols.has(door) ? door : 'rest',
    contentType,
    bytes: original,
    isSame: ({ eventName, idempotencyKey }) =>
      eventName === rejected.eventName && idempotencyKey === rejected.idempotencyKey,
  });
  const { code, message, violations } = error;
  return { event: parsed(text), code, message, violations };
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
