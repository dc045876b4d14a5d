import { assert, asyncProperty, array, constantFrom, integer, record } from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Result } from './answer.ts';
import { openGate, type OpenGate } from './open-gate.ts';
import { order, type Sample } from './sample-events.ts';
import { knock, wireEndpoints } from './wire-endpoints.ts';

/*
 * Any mix of valid, broken and repeated events, in any batching, through any endpoint: each event gets the
 * verdict that it would get alone, each is counted once, and the log has the accepted events.
 */

let gate: OpenGate;

beforeAll(async () => {
  gate = await openGate();
});

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
});

/** How an event is broken, and the code that reports it. */
const breaks: Readonly<Record<string, Sample>> = {
  missing_identity: { user_id: ' ' },
  invalid_event_name: { event_name: 'completed' },
  unplanned_event: { event_name: 'order_paid' },
  invalid_idempotency_key: { idempotency_key: 'x' },
  schema_violation: { properties: { order_id: '' } },
  unknown_schema_version: { schema_version: 3 },
  unknown_field: { colour: 'red' },
  reserved_field: { source: 'mine' },
};

const kind = constantFrom('valid', 'valid', 'repeated', ...Object.keys(breaks));
const request = record({
  door: integer({ min: 0, max: wireEndpoints.length - 1 }),
  kinds: array(kind, { minLength: 1, maxLength: 12 }),
});

interface Sent {
  readonly event: Sample;
  readonly kind: string;
}

test(
  'the verdict on an event does not depend on the other events of its batch',
  { timeout: 60_000 },
  async () => {
    await assert(
      asyncProperty(array(request, { minLength: 1, maxLength: 6 }), async (requests) => {
        const after = await gate.last('EVENTS');
        const taken = new Map<string, Sample>();
        const counts = { accepted: 0, duplicate: 0, rejected: 0, retry: 0 };
        let sentCount = 0;
        for (const { door: index, kinds } of requests) {
          const door = wireEndpoints[index]!;
          const sent = kinds.map((each): Sent => {
            const earlier = [...taken.values()];
            if (each === 'repeated' && earlier.length > 0) {
              return { event: earlier[earlier.length >> 1]!, kind: 'repeated' };
            }
            const event = order(breaks[each]);
            if (each === 'valid' || each === 'repeated') {
              taken.set(String(event['idempotency_key']), event);
              return { event, kind: 'valid' };
            }
            return { event, kind: each };
          });
          // Track takes one event at a time, batches take all.
          const groups = door.rpc === 'Track' ? sent.map((each) => [each]) : [sent];
          for (const group of groups) {
            const answer = await knock(gate.port, door, {
              events: group.map(({ event }) => event),
            });
            const results: Partial<Result>[] =
              answer.results.length > 0 ? answer.results : [{ status: 'rejected', error: answer }];
            expect(results.length, answer.raw).toBe(group.length);
            sentCount += group.length;
            results.forEach((result, place) => {
              const { kind: expected } = group[place]!;
              counts[result.status!] += 1;
              if (expected === 'valid') expect(result.status, answer.raw).toBe('accepted');
              else if (expected === 'repeated') expect(result.status).toBe('duplicate');
              else expect([result.status, result.error?.code]).toEqual(['rejected', expected]);
            });
          }
        }
        const { accepted, duplicate, rejected, retry } = counts;
        expect(accepted + duplicate + rejected + retry).toBe(sentCount);
        expect(accepted).toBe(taken.size);
        const stored = await gate.events(after);
        const storedKeys = stored.map(
          ({ bytes }) => JSON.parse(bytes.toString('utf8')).idempotencyKey,
        );
        expect(storedKeys).toEqual([...taken.keys()]);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 15_000 },
    );
  },
);
