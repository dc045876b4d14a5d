import { STATUS_CODES } from 'node:http';

import { ServiceError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import { checkContentType, mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import { retryAfterSeconds, type Failure } from '../answer/failure.ts';
import { vendorOutcome } from '../answer/vendor-answer.ts';
import {
  decodeVendorBatch,
  readVendorBatch,
  type Translate,
  type VendorBatchBody,
} from '../decode/vendor/decode-vendor.ts';
import { MissingKeys } from '../decode/vendor/missing-keys.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { KeyScanner, type KeyPlace } from '../intake/key-search/key-scanner.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import type { Endpoint, EndpointCall, EndpointRow } from '../serve-request.ts';
import {
  dataOfForm,
  formType,
  isForm,
  isVerboseForm,
  queryOf,
  textOfQuery,
} from './mixpanel-form.ts';
import {
  translateMixpanelEvent,
  translateMixpanelGroup,
  translateMixpanelPerson,
} from './mixpanel-translate.ts';

/*
 * Mixpanel's `/track`, `/import`, `/engage` and `/groups`: JSON, or `data=` in base64 as a form or a query, which is how its
 * SDK for Node sends. https://developer.mixpanel.com/reference/import-events
 */

const json = 'application/json';

/** What the messages of an endpoint are. */
interface MixpanelMessages {
  readonly translate: Translate;
  readonly tokenPlaces: readonly KeyPlace[];
  /** The events may be of any time in the past. */
  readonly historical: boolean;
}

function decodeMessages(
  body: VendorBatchBody,
  { translate, historical }: MixpanelMessages,
  batchEventsMax: number,
): IncomingBatch {
  const { value, exact } = body;
  if (typeof value !== 'object' || value === null) {
    throw new ServiceError(
      'malformed_request',
      'The body must be an event, or an array of events.',
    );
  }
  const events = Array.isArray(value)
    ? body
    : { value: [value], exact: exact === undefined ? undefined : [exact] };
  const missingKeys = new MissingKeys('mixpanel', (sent) => translate(sent).event);
  return {
    events: decodeVendorBatch(events, { translate, missingKeys }, batchEventsMax),
    context: undefined,
    sentAt: '',
    validateOnly: false,
    historical,
  };
}

/**
 * A request has one producer. Looks at the text: where an event has two tokens, its parsed form has
 * one. Throws a ServiceError `malformed_request`.
 */
function tokenIn(text: string, tokenPlaces: readonly KeyPlace[]): string {
  const tokens = new Set<string>();
  const add = (token: string): boolean => {
    tokens.add(token);
    return false;
  };
  new KeyScanner(tokenPlaces, add).push(Buffer.from(text));
  if (tokens.size > 1) {
    throw new ServiceError(
      'malformed_request',
      'The events have different tokens. Send those of each token in a request of their own.',
    );
  }
  return [...tokens][0] ?? '';
}

function unpackEvents(
  exchange: Exchange,
  body: Buffer,
  bytesMax: number,
): Buffer | Promise<Buffer> {
  const inQuery = textOfQuery(exchange);
  if (inQuery !== undefined) return inQuery;
  if (queryOf(exchange).has('data')) {
    throw new ServiceError(
      'malformed_request',
      'The parameter "data" stands in the query of a POST, which has its events in the body. Send one of them.',
    );
  }
  const read = (message: Buffer): Buffer =>
    isForm(exchange) ? dataOfForm(exchange, message) : message;
  const message = unpackBody(exchange, body, bytesMax);
  return message instanceof Promise ? message.then(read) : read(message);
}

/** Answers in the form that the caller expects: the SDKs for Node and Java want `1`, others JSON. */
function replyInForm(exchange: Exchange, http: number, body: MixpanelAnswer): void {
  const headers: Record<string, string> = {};
  if (http === 503) headers['retry-after'] = '1';
  const isDone = http === 200;
  if (isDone && wantsOneDigit(exchange)) {
    reply(exchange, http, { ...headers, 'content-type': 'text/plain' }, '1');
    return;
  }
  // `/import` answers JSON with the status as a text; all else gets 1 for done and 0 for not.
  const inWords = mediaTypeOf(exchange) === json && !queryOf(exchange).has('verbose');
  const status = inWords ? (STATUS_CODES[http] ?? '') : Number(isDone);
  const text = JSON.stringify({ code: http, status, ...body });
  reply(exchange, http, { ...headers, 'content-type': json }, text);
}

/** `verbose` may stand in the query or in the form. Mixpanel's SDK for Java sends forms without it. */
function wantsOneDigit(exchange: Exchange): boolean {
  const verbose = queryOf(exchange).get('verbose');
  if (verbose !== null) return verbose === '0';
  return isForm(exchange) && !isVerboseForm(exchange);
}

interface MixpanelAnswer {
  readonly error: string | null;
  readonly num_records_imported: number;
  readonly failed_records: readonly object[];
}

function answerOf(verdicts: readonly Verdict[], stored: number): MixpanelAnswer {
  const failed = verdicts.filter(({ error }) => error !== undefined);
  const [first] = failed;
  return {
    error:
      first === undefined
        ? null
        : `${failed.length} not stored; ${first.error!.code}: ${first.error!.message}`,
    num_records_imported: stored,
    failed_records: failed.map(({ index, idempotencyKey, status, error }) => ({
      index,
      idempotency_key: idempotencyKey,
      field: error!.violations[0]?.path ?? '',
      code: error!.code,
      message: error!.message,
      retry: status === 'retry',
    })),
  };
}

function refuse(exchange: Exchange, failure: Failure): number {
  const headers: Record<string, string> = { 'content-type': json };
  const retryAfter = retryAfterSeconds(failure);
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  const body = { code: failure.http, status: 0, error: `${failure.code}: ${failure.message}` };
  reply(exchange, failure.http, headers, JSON.stringify(body));
  return failure.grpc;
}

function createEndpoint(messages: MixpanelMessages): Endpoint {
  const { tokenPlaces } = messages;
  return {
    keyInBody: { places: tokenPlaces, isForm, textBesides: textOfQuery },
    begin: (exchange) =>
      exchange.call.method === 'GET' ? undefined : checkContentType(exchange, [json, formType]),
    unpack: unpackEvents,
    decode: (_call, message, batchEventsMax) => {
      const body = readVendorBatch(message, undefined, batchEventsMax);
      const writeKey = tokenIn(body.text, tokenPlaces);
      const batch = decodeMessages(body, messages, batchEventsMax);
      return { ...batch, inBody: { writeKey, traceparent: '' } };
    },
    answer: (exchange, _call, verdicts) => {
      const { status, counts } = vendorOutcome(verdicts);
      const http = status === 200 && counts.rejected > 0 ? 400 : status;
      replyInForm(exchange, http, answerOf(verdicts, counts.accepted + counts.duplicates));
      return 0;
    },
    refuse: (exchange, _call, failure) => refuse(exchange, failure),
  };
}

const events = {
  translate: translateMixpanelEvent,
  tokenPlaces: [
    ['[]', 'properties', 'token'],
    ['properties', 'token'],
  ],
} as const;
const trackEndpoint = createEndpoint({ ...events, historical: false });
const importEndpoint = createEndpoint({ ...events, historical: true });

const profileTokens: readonly KeyPlace[] = [['[]', '$token'], ['$token']];
const personsEndpoint = createEndpoint({
  translate: translateMixpanelPerson,
  tokenPlaces: profileTokens,
  historical: false,
});
const groupsEndpoint = createEndpoint({
  translate: translateMixpanelGroup,
  tokenPlaces: profileTokens,
  historical: false,
});

const call: EndpointCall = {
  rpc: 'BatchTrack',
  door: 'mixpanel',
  codec: 'json',
  contentType: json,
  sendsAll: true,
  sendsOnce: true,
};

/** By path, which is Mixpanel's own. Its SDK for Node sends a single event by GET. */
export const mixpanelEndpoints: readonly EndpointRow[] = [
  ['/track', trackEndpoint, call],
  ['/import', importEndpoint, call],
  ['/engage', personsEndpoint, call],
  ['/groups', groupsEndpoint, call],
];
