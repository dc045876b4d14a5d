import { errorCodes, errorEntry, type ErrorCode } from '../../errors.ts';
import { refTo, type Schema } from './messages.ts';

/** An answer by status, as OpenAPI describes it. */
export type Answers = Readonly<Record<string, object>>;

export const json = 'application/json';
const problemJson = 'application/problem+json';

const correlationHeader = {
  'x-correlation-id': {
    description: 'The one of the request, else a new one; in the log and with the event too.',
    schema: { type: 'string' },
  },
};

const retryAfterHeader = {
  'retry-after': {
    description: 'Seconds to wait before the same request is sent again.',
    schema: { type: 'string', pattern: '^[0-9]+$' },
  },
};

export function answer(
  description: string,
  schema: Schema,
  { type = json, retryAfter = false }: { type?: string; retryAfter?: boolean } = {},
): object {
  return {
    description,
    headers: { ...correlationHeader, ...(retryAfter && retryAfterHeader) },
    content: { [type]: { schema } },
  };
}

/** What any endpoint can answer to a request as a whole. */
const anyRequest: readonly ErrorCode[] = [
  'unauthenticated',
  'malformed_request',
  'request_too_large',
  'unsupported_media_type',
  'unsupported_encoding',
  'method_not_allowed',
  'request_timeout',
  'overloaded',
  'limit_reached',
  'shutting_down',
  'internal',
];

const anyBatch: readonly ErrorCode[] = [...anyRequest, 'empty_batch', 'too_many_events'];

/** Of our own batch: what stands beside its events is held to the contract. */
export const ownBatchCodes: readonly ErrorCode[] = [...anyBatch, 'unknown_field'];
export const vendorBatchCodes = anyBatch;

/** The verdict on its one event is the answer to the request. */
export const singleCodes: readonly ErrorCode[] = [
  ...anyRequest,
  ...errorCodes.filter((code) => errorEntry(code).scope === 'event'),
];

/** Every code that an endpoint may answer with, by status: one problem document each. */
export function problems(codes: readonly ErrorCode[]): Answers {
  return byStatus(codes, (there) => ({
    schema: {
      allOf: [refTo('Problem'), { properties: { code: { enum: there } } }],
    },
    type: problemJson,
  }));
}

export function byStatus(
  codes: readonly ErrorCode[],
  body: (codes: readonly ErrorCode[], status: number) => { schema: Schema; type?: string },
): Answers {
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { http } = errorEntry(code);
    statuses.set(http, [...(statuses.get(http) ?? []), code]);
  }
  return Object.fromEntries(
    [...statuses]
      .sort(([one], [other]) => one - other)
      .map(([status, there]) => {
        const { schema, type } = body(there, status);
        const retryAfter = there.every((code) => errorEntry(code).retryable);
        const description = there
          .map((code) => `\`${code}\`: ${errorEntry(code).text}`)
          .join('\n\n');
        return [String(status), answer(description, schema, { ...(type && { type }), retryAfter })];
      }),
  );
}

/** RFC 9457, as answer/problem.ts writes it. */
export const problemSchema: Schema = {
  type: 'object',
  required: [
    'type',
    'title',
    'status',
    'detail',
    'code',
    'violations',
    'help',
    'retryable',
    'correlation_id',
  ],
  properties: {
    type: { type: 'string', pattern: '^urn:headgate:error:[a-z_]+$' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong and how to fix it.' },
    code: { type: 'string', description: 'Stable, and explained in docs/reference/errors.md.' },
    violations: { type: 'array', items: refTo('Violation') },
    help: { type: 'string' },
    retryable: { type: 'boolean', description: 'The same request may succeed later.' },
    correlation_id: { type: 'string' },
    idempotency_key: { type: 'string', description: 'Of the one event of the request.' },
    event_id: { type: 'string' },
    message: { type: 'string', description: 'Of the Segment endpoints only: the same as detail.' },
  },
};

const count: Schema = { type: 'integer', minimum: 0 };

/** As `restBatch` of verdict-json.ts writes it. */
export const batchSchema: Schema = {
  type: 'object',
  required: ['results', 'accepted', 'duplicates', 'rejected', 'retry'],
  properties: {
    results: {
      type: 'array',
      items: refTo('EventResult'),
      description: 'One for each event, in the order of the request.',
    },
    accepted: count,
    duplicates: count,
    rejected: count,
    retry: count,
  },
};

/** The members of a batch's answer, and one that a vendor's SDK looks for. */
export function withMember(name: string, schema: Schema, base: Schema): Schema {
  return {
    type: 'object',
    required: [name, ...(base['required'] as string[])],
    properties: { [name]: schema, ...(base['properties'] as object) },
  };
}

export const mixpanelSchema: Schema = {
  type: 'object',
  required: ['code', 'status', 'error'],
  properties: {
    code: { type: 'integer', description: 'The HTTP status.' },
    status: { type: ['integer', 'string'], description: '1 or 0; in words for /import in JSON.' },
    error: { type: ['string', 'null'] },
    num_records_imported: count,
    failed_records: {
      type: 'array',
      items: {
        type: 'object',
        required: ['index', 'idempotency_key', 'field', 'code', 'message', 'retry'],
        properties: {
          index: count,
          idempotency_key: { type: 'string' },
          field: { type: 'string' },
          code: { type: 'string' },
          message: { type: 'string' },
          retry: { type: 'boolean' },
        },
      },
    },
  },
};

export const posthogResultsSchema: Schema = {
  type: 'object',
  required: ['results'],
  properties: {
    results: {
      type: 'object',
      description: 'By `uuid`.',
      additionalProperties: {
        type: 'object',
        required: ['result'],
        properties: {
          result: { enum: ['ok', 'warning', 'drop', 'retry'] },
          details: { type: 'string' },
        },
      },
    },
  },
};
