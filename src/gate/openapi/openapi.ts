import type { Limits } from '../../config/config.ts';
import { errorEntry } from '../../errors.ts';
import {
  answer,
  batchSchema,
  json,
  mixpanelSchema,
  ownBatchCodes,
  posthogResultsSchema,
  problems,
  problemSchema,
  singleCodes,
  withMember,
  type Answers,
} from './answers.ts';
import { vendorOperations, vendorSchemas, type Operation } from './vendors.ts';
import { jsonObject, messageSchemas, refTo, type Schema } from './messages.ts';
import { webhookPath } from '../webhooks/webhook-endpoint.ts';

/*
 * The document at `/openapi.json`: OpenAPI 3.1 of every endpoint that speaks JSON. The messages come from
 * the proto, the refusals from the table of errors, the limits from the configuration; the tests hold
 * each answer of each endpoint against it.
 */

export const openApiPath = '/openapi.json';

const ndjson = 'application/x-ndjson';

/** For NDJSON, whose lines have no place for it beside them. */
const historicalParameter = {
  name: 'historical',
  in: 'query',
  required: false,
  schema: { type: 'boolean' },
} as const;

function ownOperations(): readonly Operation[] {
  const refusals = problems(ownBatchCodes);
  const batchAnswers = (stored: string, status: 200 | 202): Answers => ({
    ...refusals,
    [status]: answer(stored, refTo('BatchResult')),
    207: answer('Mixed.', refTo('BatchResult'), { retryAfter: true }),
    422: answer('All rejected.', refTo('BatchResult')),
  });
  const batchBody = { [json]: refTo('BatchTrackRequest'), [ndjson]: { type: 'string' } };
  const unavailable = refusals['503'] as { content: object };
  return [
    {
      path: '/v1/track',
      method: 'post',
      id: 'track',
      tag: 'events',
      summary: 'Takes one event.',
      request: { [json]: refTo('Event') },
      answers: {
        202: answer('Stored, now or before.', refTo('EventResult')),
        ...problems(singleCodes),
      },
    },
    {
      path: '/v1/batch',
      method: 'post',
      id: 'batch',
      tag: 'events',
      summary: 'Takes events; a verdict for each.',
      parameters: [historicalParameter],
      request: batchBody,
      answers: {
        ...batchAnswers('All stored, now or before.', 202),
        503: {
          ...unavailable,
          content: { [json]: { schema: refTo('BatchResult') }, ...unavailable.content },
        },
      },
    },
    {
      path: '/v1/validate',
      method: 'post',
      id: 'validate',
      tag: 'events',
      summary: 'Validates what either of the two takes, and stores nothing.',
      request: {
        [json]: { anyOf: [refTo('Event'), refTo('BatchTrackRequest')] },
        [ndjson]: { type: 'string' },
      },
      answers: batchAnswers('All would be stored.', 200),
    },
    webhookOperation(),
    {
      path: openApiPath,
      method: 'get',
      id: 'openapi',
      tag: 'events',
      summary: 'This document.',
      answers: { 200: answer('OpenAPI 3.1.', { type: 'object', required: ['openapi', 'paths'] }) },
    },
  ];
}

/** The signature stands in the place of a key. */
function webhookOperation(): Operation {
  // A rejected event is kept, so it is answered 202.
  const codes = singleCodes.filter(
    (code) =>
      code === 'not_stored' || (code !== 'unauthenticated' && errorEntry(code).scope !== 'event'),
  );
  return {
    path: `${webhookPath}{source}`,
    method: 'post',
    id: 'webhook',
    tag: 'webhooks',
    summary: 'Takes a signed webhook of another system, as the source is configured.',
    parameters: [{ name: 'source', in: 'path', required: true, schema: { type: 'string' } }],
    request: { [json]: jsonObject },
    answers: {
      ...problems([...codes, 'invalid_signature', 'stale_webhook', 'not_found']),
      202: answer(
        'Stored, now or before; `rejected`: kept, not stored; or `unmapped`: nothing was kept.',
        {
          anyOf: [refTo('EventResult'), refTo('UnmappedWebhook')],
        },
      ),
    },
  };
}

const unmappedSchema: Schema = {
  type: 'object',
  required: ['status', 'code', 'message', 'correlation_id'],
  properties: {
    status: { const: 'unmapped' },
    code: { const: 'unmapped_webhook' },
    message: { type: 'string' },
    correlation_id: { type: 'string' },
  },
};

function ownSchemas({ batchEventsMax }: Limits): Record<string, Schema> {
  const messages = messageSchemas();
  const { properties, ...batch } = messages['BatchTrackRequest']! as { properties: object };
  const success = { type: 'boolean', description: 'Nothing was rejected, nothing is `retry`.' };
  return {
    ...messages,
    BatchTrackRequest: {
      ...batch,
      properties: {
        ...properties,
        events: { type: 'array', minItems: 1, maxItems: batchEventsMax, items: refTo('Event') },
      },
    },
    BatchResult: batchSchema,
    Problem: problemSchema,
    UnmappedWebhook: unmappedSchema,
    ...vendorSchemas,
    SegmentResult: withMember('success', { const: true }, messages['EventResult']!),
    SegmentBatch: withMember('success', success, batchSchema),
    PostHogBatch: withMember('status', { enum: [0, 1] }, batchSchema),
    PostHogResults: posthogResultsSchema,
    MixpanelAnswer: mixpanelSchema,
  };
}

const tags = ['events', 'webhooks', 'segment', 'posthog', 'mixpanel', 'cloudevents'];

/** The document as text. `auth` off: no key is asked for. */
export function openApiDocument(limits: Limits, auth: 'off' | 'keys'): string {
  const paths: Record<string, Record<string, object>> = {};
  const shared = createSharedAnswers();
  for (const operation of [...ownOperations(), ...vendorOperations()]) {
    const described = describe({ ...operation, answers: shared.refer(operation.answers) }, auth);
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described };
  }
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Headgate',
      version: '1',
      summary: 'Takes events, validates each by its contract, and stores it before it answers.',
      description: limitsText(limits),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      schemas: ownSchemas(limits),
      responses: shared.responses,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'The write key is the user.' },
        writeKey: { type: 'apiKey', in: 'header', name: 'x-write-key' },
      },
    },
  };
  return JSON.stringify(document);
}

/**
 * The document as its answers share it: each would otherwise hold a copy until its caller has read
 * it. Made at its first use, as most gates never serve it.
 */
export function createOpenApi(...settings: Parameters<typeof openApiDocument>): () => Buffer {
  let document: Buffer | undefined;
  return () => (document ??= Buffer.from(openApiDocument(...settings)));
}

/** Most endpoints refuse with the same answers: each is in the document once. */
function createSharedAnswers() {
  const responses: Record<string, object> = {};
  const names = new Map<string, string>();
  const nameOf = (status: string, described: object): string => {
    const text = JSON.stringify(described);
    const known = names.get(text);
    if (known !== undefined) return known;
    const sameStatus = Object.keys(responses).filter((name) => name.startsWith(`Answer${status}`));
    const name = `Answer${status}${sameStatus.length === 0 ? '' : `_${sameStatus.length + 1}`}`;
    names.set(text, name);
    responses[name] = described;
    return name;
  };
  const refer = (answers: Answers): Answers => {
    const entries = Object.entries(answers).map(([status, described]) => [
      status,
      { $ref: `#/components/responses/${nameOf(status, described)}` },
    ]);
    return Object.fromEntries(entries) as Answers;
  };
  return { responses, refer };
}

function limitsText({ requestBytesMax, batchEventsMax, eventBytesMax }: Limits): string {
  return (
    `Bodies may be gzip, br, deflate or zstd, and at most ${requestBytesMax} bytes decompressed; a batch has ` +
    `at most ${batchEventsMax} events, and an event takes at most ${eventBytesMax} bytes as stored.`
  );
}

/** Where the write key may stand in the body, which OpenAPI has no word for. */
const keyInBodyTags = new Set(['segment', 'posthog', 'mixpanel']);

function describe(operation: Operation, auth: 'off' | 'keys'): object {
  const { id, tag, summary, parameters, request, answers } = operation;
  const isOpen = auth === 'off' || tag === 'webhooks' || operation.path === openApiPath;
  const keyInBody = keyInBodyTags.has(tag) ? [{}] : [];
  const content = Object.entries(request ?? {}).map(([type, schema]) => [type, { schema }]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    security: isOpen ? [{}] : [{ bearer: [] }, { basic: [] }, { writeKey: [] }, ...keyInBody],
    ...(parameters !== undefined && { parameters }),
    ...(request !== undefined && {
      requestBody: { required: true, content: Object.fromEntries(content) },
    }),
    responses: answers,
  };
}
