import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { BatchTrackRequestSchema } from '../../../gen/headgate/v1/track_service_pb.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { encodeRequestPart } from '../../event/stored-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import { createNameSent } from '../../validation/sent-name.ts';
import { decodeBatchJson } from '../decode/decode-json.ts';
import { decodeBatchProto } from '../decode/decode-proto.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { decideEvent, type DecisionRules, type ValidateEvent } from './decide-event.ts';

/*
 * What a decoder saw of the texts of an event saves looking for it again. It must never be wrong, whatever
 * becomes of the event afterwards.
 */

const texts = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b c', '') },
  { weight: 1, arbitrary: fc.constantFrom('é', '"', '\\', '\n', '\u2028', '\u{1f600}', 'half') },
);
/** `half` stands for half of a pair, which JSON can say. */
const half = (text: string): string => text.replaceAll('half', '\ud800');

const sentEvents = fc.record({
  event_name: fc.constantFrom('order', 'order', 'order', 'order', 'alias', 'alias"é'),
  user_id: texts,
  anonymous_id: texts,
  idempotency_key: fc.constant('0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11'),
  properties: fc.dictionary(texts, fc.oneof(texts, fc.array(texts, { maxLength: 2 })), {
    maxKeys: 2,
  }),
  context: fc.option(fc.dictionary(texts, texts, { maxKeys: 2 }), { nil: undefined }),
});
type SentEvent = typeof sentEvents extends fc.Arbitrary<infer Event> ? Event : never;

const requests = fc.record({
  events: fc.array(sentEvents, { minLength: 1, maxLength: 2 }),
  context: fc.option(fc.dictionary(texts, texts, { maxKeys: 1 }), { nil: undefined }),
});
type Request = typeof requests extends fc.Arbitrary<infer Sent> ? Sent : never;

/** Escapes what is not ASCII, as some encoders do. */
function escaped(json: string): string {
  return json.replaceAll(
    /[^\u0020-\u007e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function asJson(sent: unknown): string {
  return JSON.stringify(sent, (_name, value: unknown) =>
    typeof value === 'string' ? half(value) : value,
  );
}

function asProto({ events, context }: Request, form: 'struct' | 'text' | 'escaped text'): Buffer {
  const messages = events.map((event: SentEvent) => ({
    eventName: event.event_name,
    userId: event.user_id,
    anonymousId: event.anonymous_id,
    idempotencyKey: event.idempotency_key,
    ...(event.context === undefined ? {} : { context: event.context }),
    ...(form === 'struct'
      ? { properties: event.properties }
      : { propertiesJson: (form === 'text' ? String : escaped)(asJson(event.properties)) }),
  }));
  const batch = create(BatchTrackRequestSchema, {
    events: messages,
    ...(context === undefined ? {} : { context }),
  });
  return Buffer.from(toBinary(BatchTrackRequestSchema, batch));
}

function decodeAll(request: Request): IncomingBatch[] {
  const json = asJson(request);
  return [
    decodeBatchJson(Buffer.from(json), 'rest', 10),
    decodeBatchJson(Buffer.from(escaped(json)), 'rest', 10),
    decodeBatchProto(asProto(request, 'struct'), 10),
    decodeBatchProto(asProto(request, 'text'), 10),
    decodeBatchProto(asProto(request, 'escaped text'), 10),
  ];
}

const nameSent = createNameSent({ alias: 'Bestellung "ü"', 'alias"é': 'order' }, () => true);
const warning = { code: 'deprecated', message: 'é', violations: [] };

/** A contract that takes the event as it is, renames it, changes its properties, or warns. */
function validateAs(outcome: 'as it is' | 'changed' | 'warned'): ValidateEvent {
  return (sent) => {
    const named = nameSent(sent);
    const event = outcome === 'changed' ? { ...named, properties: { email: 'é"' } } : named;
    const warnings = outcome === 'warned' ? [warning] : [];
    return {
      error: undefined,
      warnings,
      schemaVersion: 1,
      event: event === sent ? undefined : event,
    };
  };
}

const timestampMs = Date.UTC(2026, 2, 1);

test('what was seen in the texts of an event holds for what is stored', () => {
  const seen = { bytes: 0, none: 0, refused: 0 };
  const outcomes = fc.oneof(
    { weight: 6, arbitrary: fc.constant('as it is' as const) },
    { weight: 1, arbitrary: fc.constantFrom('changed' as const, 'warned' as const) },
  );
  /** Of a rejected event that is replayed: it was kept apart from the event. */
  const kept = fc.option(fc.constantFrom({ a: 'é' }, { a: '\ud800' }, { a: 'a' }), {
    nil: undefined,
    freq: 5,
  });
  fc.assert(
    fc.property(requests, outcomes, kept, (request, outcome, keptContext) => {
      for (const { events, context } of decodeAll(request)) {
        const rules: DecisionRules = {
          producer: { source: 'shop', maySend: () => true, isCanary: false },
          nameSent,
          validate: validateAs(outcome),
          eventBytesMax: 10_000,
          timestampMs,
          clock: requestClock('2026-03-01T00:00:00.000Z', timestampMs, '', false),
          requestPart: encodeRequestPart({ correlationId: 'c', traceparent: '', sentAt: '' }),
          batchContext: keptContext ?? context,
        };
        for (const event of events) {
          const decided = decideEvent(rules, event, 0);
          const unseen: IncomingEvent = { ...event, written: undefined };
          const { payload, verdict } = decideEvent(rules, unseen, 0);
          expect(decided.payload).toBe(payload);
          expect(decided.verdict).toEqual(verdict);
          expect(decided.payloadBytes ?? Buffer.byteLength(payload)).toBe(
            Buffer.byteLength(payload),
          );
          seen[decided.payloadBytes === undefined ? 'none' : 'bytes'] += 1;
          if (verdict.error !== undefined) seen.refused += 1;
        }
      }
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(seen.bytes, seen.none, seen.refused)).toBeGreaterThan(50);
});
