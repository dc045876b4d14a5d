import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ServiceError } from '../../../errors.ts';
import { selectCloudEvents } from '../../cloudevents/cloudevents-endpoint.ts';
import { batchedType } from '../../cloudevents/decode-cloudevent.ts';
import type { Exchange } from '../../exchange.ts';
import { mixpanelEndpoints } from '../../vendors/mixpanel-endpoint.ts';
import { posthogEndpoints } from '../../vendors/posthog-endpoint.ts';
import { segmentEndpoints } from '../../vendors/segment-endpoint.ts';
import type { EndpointRow } from '../../serve-request.ts';

const cloudEvents = ['application/cloudevents+json', batchedType].map((type) => {
  const { endpoint, call } = selectCloudEvents({
    call: { headers: { 'content-type': type } },
  } as never as Exchange);
  return [type, endpoint, call] as const;
});

const endpoints: readonly EndpointRow[] = [
  ...segmentEndpoints,
  ...posthogEndpoints,
  ...mixpanelEndpoints,
  ...cloudEvents,
];

/** Words that the endpoints look for, so that most of what is made means something to one of them. */
const word = fc.constantFrom(
  'type',
  'track',
  'identify',
  'page',
  'event',
  'Order Completed',
  '$identify',
  '$create_alias',
  'alias',
  'userId',
  'messageId',
  'uuid',
  'distinct_id',
  '$insert_id',
  'time',
  'timestamp',
  'sentAt',
  'traits',
  'groupId',
  'properties',
  '$set',
  'context',
  'segment',
  'batch',
  'api_key',
  'writeKey',
  'token',
  'specversion',
  '1.0',
  'id',
  'source',
  'subject',
  'data',
  'data_base64',
  'traceparent',
  '__proto__',
  'constructor',
  'toString',
  '',
);

const leaf = fc.oneof(
  word,
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.constant(null),
  fc.boolean(),
);

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(word, tie('value')), { maxLength: 8 })
      .map((members) => Object.fromEntries(members)),
  ),
}));

const body = fc.oneof(
  value,
  fc.array(value, { maxLength: 3 }),
  fc.array(value, { maxLength: 3 }).map((batch) => ({ batch, context: { page: 1 } })),
);

test.for(endpoints)(
  'whatever JSON comes, events come out or a refusal: %s',
  ([, endpoint, call]) => {
    fc.assert(
      fc.property(body, (sent) => {
        const message = Buffer.from(JSON.stringify(sent));
        try {
          const { events } = endpoint.decode(call, message, 1000);
          for (const event of events) {
            // What is kept of it is an event of the contract, or as much as there was.
            const kept: unknown = JSON.parse(Buffer.from(event.original()).toString());
            expect(kept === undefined).toBe(false);
            expect(Object.getPrototypeOf(event.properties)).toBe(Object.prototype);
          }
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  },
);

const segmentBatch = segmentEndpoints.at(-1)!;

function eventOf(call: object) {
  const [, endpoint, endpointCall] = segmentBatch;
  return endpoint.decode(endpointCall, Buffer.from(JSON.stringify({ batch: [call] })), 10)
    .events[0]!;
}

test('nothing that a call says is lost', () => {
  const call = {
    type: 'page',
    messageId: 'm-1',
    anonymousId: 7,
    name: 'Home',
    category: 'Docs',
    properties: { name: 'Start', url: 'https://x.example/' },
    context: { ip: '203.0.113.9' },
    integrations: { All: false },
    channel: 'server',
  };
  expect(eventOf(call)).toMatchObject({
    eventName: 'page_viewed',
    anonymousId: '7',
    properties: { name: 'Start', url: 'https://x.example/', category: 'Docs' },
    context: {
      ip: '203.0.113.9',
      segment: { messageId: 'm-1', name: 'Home', integrations: { All: false }, channel: 'server' },
    },
    fault: undefined,
  });
});

test('a context that has the name already keeps what it has', () => {
  const { context } = eventOf({
    type: 'track',
    event: 'x',
    context: { segment: 1 },
    channel: 'server',
  });
  expect(context).toEqual({ segment: 1, segment_call: { channel: 'server' } });
});

test.each([
  ['12345678901234567890', '12345678901234567890'],
  ['9007199254740993', '9007199254740993'],
  ['9007199254740994', '9007199254740994'],
  ['1e2', '100'],
  ['-0', '0'],
  ['7.0', '7'],
])('an id that is the number %s is the text of its digits', (sent, digits) => {
  const [, endpoint, call] = segmentBatch;
  const text = `{"batch":[{"type":"track","event":"Order Completed","userId":${sent}}]}`;
  const [event] = endpoint.decode(call, Buffer.from(text), 10).events;
  expect(event!.userId).toBe(digits);
  expect(JSON.parse(Buffer.from(event!.original()).toString())).toMatchObject({ user_id: digits });
});

test.each(['7.5', '12345678901234567890.5', '1e300', '1e-20'])(
  'an id that is the number %s is refused',
  (sent) => {
    const [, endpoint, call] = segmentBatch;
    const text = `{"batch":[{"type":"track","event":"Order Completed","userId":${sent}}]}`;
    const [event] = endpoint.decode(call, Buffer.from(text), 10).events;
    expect([event!.userId, event!.fault?.code]).toEqual(['', 'invalid_field']);
  },
);
