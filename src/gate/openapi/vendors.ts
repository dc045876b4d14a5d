import {
  answer,
  byStatus,
  vendorBatchCodes,
  json,
  problems,
  singleCodes,
  type Answers,
} from './answers.ts';
import { jsonObject, refTo, type Schema } from './messages.ts';
import { cloudEventsPath } from '../cloudevents/cloudevents-endpoint.ts';
import { batchedType, structuredType } from '../cloudevents/decode-cloudevent.ts';
import { segmentBatchBytesMax, segmentEventBytesMax } from '../vendors/segment-endpoint.ts';
import { segmentCalls } from '../vendors/segment-calls.ts';

/** One operation of the document, without what all of them have. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly parameters?: readonly object[];
  /** By media type. */
  readonly request?: Readonly<Record<string, Schema>>;
  readonly answers: Answers;
}

const id: Schema = { type: ['string', 'integer'] };

/** What is read of a vendor's call. The vendor's own documentation says the rest. */
const segmentCall: Schema = {
  type: 'object',
  properties: {
    type: { enum: Object.keys(segmentCalls) },
    messageId: { type: 'string' },
    userId: id,
    anonymousId: id,
    event: { type: 'string' },
    properties: jsonObject,
    traits: jsonObject,
    context: jsonObject,
    timestamp: { type: 'string', format: 'date-time' },
  },
};

const posthogEvent: Schema = {
  type: 'object',
  properties: {
    event: { type: 'string' },
    uuid: { type: 'string' },
    distinct_id: id,
    properties: jsonObject,
    timestamp: { type: 'string', format: 'date-time' },
  },
};

const mixpanelEvent: Schema = {
  type: 'object',
  properties: {
    event: { type: 'string' },
    properties: {
      type: 'object',
      properties: {
        token: { type: 'string' },
        distinct_id: id,
        time: { type: ['number', 'string'] },
        $insert_id: { type: 'string' },
      },
    },
  },
};

/** An update of a person or a group. */
const mixpanelProfile: Schema = {
  type: 'object',
  properties: {
    $token: { type: 'string' },
    $distinct_id: id,
    $group_key: { type: 'string' },
    $group_id: id,
    $time: { type: ['number', 'string'] },
    $set: jsonObject,
    $set_once: jsonObject,
  },
};

const cloudEvent: Schema = {
  type: 'object',
  required: ['specversion', 'id', 'source', 'type'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', minLength: 1 },
    source: { type: 'string', minLength: 1 },
    type: { type: 'string', minLength: 1 },
    subject: { type: 'string' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { type: 'string' },
    data: jsonObject,
    userid: { type: 'string' },
    anonymousid: { type: 'string' },
    eventname: { type: 'string' },
    schemaversion: { type: ['integer', 'string'] },
    traceparent: { type: 'string' },
  },
};

export const vendorSchemas: Readonly<Record<string, Schema>> = {
  SegmentCall: segmentCall,
  PostHogEvent: posthogEvent,
  MixpanelEvent: mixpanelEvent,
  MixpanelProfile: mixpanelProfile,
  CloudEvent: cloudEvent,
};

function listOf(name: string): Schema {
  return { type: 'array', minItems: 1, items: refTo(name) };
}

/** A vendor's SDK must send the batch again if one of its events must be sent again. */
function batchAnswers(name: string): Answers {
  const refusals = problems(vendorBatchCodes);
  return {
    200: answer('Every event has its verdict; nothing need be sent again.', refTo(name)),
    ...refusals,
    503: {
      ...answer(
        'An event is `retry`, or nothing was looked at: send all of it again.',
        {},
        { retryAfter: true },
      ),
      content: {
        [json]: { schema: refTo(name) },
        ...(refusals['503'] as { content: object }).content,
      },
    },
  };
}

function segmentOperations(): Operation[] {
  const singles = Object.keys(segmentCalls).map((call): Operation => ({
    path: `/v1/segment/${call}`,
    method: 'post',
    id: `segment_${call}`,
    tag: 'segment',
    summary: `Segment's ${call}: at most ${segmentEventBytesMax} bytes.`,
    request: { [json]: refTo('SegmentCall') },
    answers: {
      200: answer('Stored, now or before.', refTo('SegmentResult')),
      ...problems(singleCodes),
    },
  }));
  const batch: Operation = {
    path: '/v1/segment/batch',
    method: 'post',
    id: 'segment_batch',
    tag: 'segment',
    summary: `Segment's batch: at most ${segmentBatchBytesMax} bytes.`,
    request: {
      [json]: {
        type: 'object',
        required: ['batch'],
        properties: {
          batch: listOf('SegmentCall'),
          context: jsonObject,
          writeKey: { type: 'string' },
          sentAt: { type: 'string' },
        },
      },
    },
    answers: batchAnswers('SegmentBatch'),
  };
  return [...singles, batch];
}

const posthogBatch: Schema = {
  type: 'object',
  required: ['batch'],
  properties: {
    api_key: { type: 'string' },
    batch: listOf('PostHogEvent'),
    sent_at: { type: 'string' },
  },
};

const posthogOperations: readonly Operation[] = [
  {
    path: '/batch/',
    method: 'post',
    id: 'posthog_batch',
    tag: 'posthog',
    summary: "PostHog's batch.",
    request: { [json]: posthogBatch },
    answers: batchAnswers('PostHogBatch'),
  },
  {
    path: '/capture/',
    method: 'post',
    id: 'posthog_capture',
    tag: 'posthog',
    summary: 'One event for PostHog.',
    request: { [json]: refTo('PostHogEvent') },
    answers: batchAnswers('PostHogBatch'),
  },
  {
    path: '/i/v1/analytics/events',
    method: 'post',
    id: 'posthog_events',
    tag: 'posthog',
    summary: 'Events for PostHog, with a result for each.',
    request: { [json]: posthogBatch },
    answers: {
      200: answer('A result for each event.', refTo('PostHogResults'), { retryAfter: true }),
      ...problems(vendorBatchCodes),
    },
  },
];

/** Mixpanel's clients look at the body, so each status has the same one. */
const mixpanelAnswers: Answers = {
  ...byStatus(vendorBatchCodes, () => ({ schema: refTo('MixpanelAnswer') })),
  200: {
    ...answer('All stored, now or before.', {}),
    content: {
      [json]: { schema: refTo('MixpanelAnswer') },
      'text/plain': { schema: { const: '1', description: 'Where the query says `verbose=0`.' } },
    },
  },
  400: answer('Some events are rejected, or the request cannot be taken.', refTo('MixpanelAnswer')),
  405: (problems(['method_not_allowed']) as Record<string, object>)['405']!,
};

const dataParameter = {
  name: 'data',
  in: 'query',
  required: true,
  description: 'An event or an array of them as JSON, or that in base64.',
  schema: { type: 'string' },
};

function mixpanelOperations(): Operation[] {
  return ['/track', '/import', '/engage', '/groups'].flatMap((path): Operation[] => {
    const shared = { path, tag: 'mixpanel', answers: mixpanelAnswers };
    const name = path.slice(1);
    const message = path === '/engage' || path === '/groups' ? 'MixpanelProfile' : 'MixpanelEvent';
    const body = { oneOf: [refTo(message), listOf(message)] };
    return [
      {
        ...shared,
        method: 'post',
        id: `mixpanel_${name}`,
        summary: `Mixpanel's ${path}.`,
        request: {
          [json]: body,
          'application/x-www-form-urlencoded': {
            type: 'object',
            required: ['data'],
            properties: { data: { type: 'string' } },
          },
        },
      },
      {
        ...shared,
        method: 'get',
        id: `mixpanel_${name}_get`,
        summary: `Mixpanel's ${path}, as its SDK for Node sends a single event.`,
        parameters: [dataParameter],
      },
    ];
  });
}

function cloudEventsOperation(): Operation {
  const single = problems(singleCodes);
  return {
    path: cloudEventsPath,
    method: 'post',
    id: 'cloudevents',
    tag: 'cloudevents',
    summary: 'CloudEvents 1.0: structured, batched, or binary with `ce-` headers.',
    request: {
      [structuredType]: refTo('CloudEvent'),
      [batchedType]: listOf('CloudEvent'),
      [json]: jsonObject,
    },
    answers: {
      ...single,
      ...problems([...new Set([...singleCodes, ...vendorBatchCodes])]),
      202: answer('Stored, now or before.', {
        anyOf: [refTo('EventResult'), refTo('BatchResult')],
      }),
      207: answer('Of a batch some are stored and some rejected.', refTo('BatchResult')),
      422: either('422', single, 'Rejected; of a batch all.'),
      503: either('503', problems([...singleCodes]), 'Send all of it again.'),
    },
  };
}

function either(status: string, refusals: Answers, description: string): object {
  const refusal = refusals[status] as { content: object };
  return {
    ...refusal,
    description,
    content: { ...refusal.content, [json]: { schema: refTo('BatchResult') } },
  };
}

export function vendorOperations(): readonly Operation[] {
  return [
    ...segmentOperations(),
    ...posthogOperations,
    ...mixpanelOperations(),
    cloudEventsOperation(),
  ];
}
