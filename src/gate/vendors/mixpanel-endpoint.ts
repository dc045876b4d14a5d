import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';

import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { Verdict } from '../../event/verdict.ts';
import { checkContentType, mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import { retryAfterSeconds, type Failure } from '../answer/failure.ts';
import { vendorOutcome } from '../answer/vendor-answer.ts';
import {
  decodeVendorBatch,
  readVendorBatch,
  type VendorBody,
  type Translation,
} from '../decode/decode-vendor.ts';
import {
  contextWith,
  flatEvent,
  VendorMembers,
  idOf,
  keyOf,
  timeOf,
} from '../decode/vendor-members.ts';
import { snakeName } from '../decode/vendor-names.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { textOf } from '../decode/decode-json.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import type { Endpoint, EndpointCall, EndpointRow } from '../serve-request.ts';

/*
 * Mixpanel's `/track` and `/import`: JSON, or `data=` in base64 as a form or a query, which is how its
 * SDK for Node sends. https://developer.mixpanel.com/reference/import-events
 */

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

/** Members that Mixpanel or its SDK adds. They describe the sending, and go into `context`. */
function isOwnProperty(name: string): boolean {
  return name.startsWith('$') || name.startsWith('mp_') || name === 'ip';
}

function translateEvent(sent: JsonObject): Translation {
  const { properties: sentProperties, event: sentName, ...others } = sent;
  const members = new VendorMembers(others);
  let properties = sentProperties ?? undefined;
  if (isJsonObject(sentProperties)) {
    const own: [string, JsonValue][] = [];
    for (const [name, value] of Object.entries(sentProperties)) {
      if (name === 'token') continue;
      if (isOwnProperty(name) || name === 'distinct_id' || name === 'time')
        members.put(name, value);
      else own.push([name, value]);
    }
    properties = Object.fromEntries(own);
  }
  const name = typeof sentName === 'string' ? snakeName(sentName) : sentName;
  if (name !== sentName) members.put('event', sentName!);
  const id = members.take('$insert_id');
  if (id !== undefined && keyOf('mixpanel', id) !== id) members.put('$insert_id', id);
  return {
    event: flatEvent({
      event_name: name,
      ...identityOf(members),
      idempotency_key: keyOf('mixpanel', id) ?? randomUUID(),
      occurred_at: timeOf(members.take('time')),
      properties,
      context: contextWith(members.take('context'), 'mixpanel', members.rest()),
    }),
  };
}

const devicePrefix = '$device:';

function identityOf(members: VendorMembers): Record<string, JsonValue | undefined> {
  const distinctId = idOf(members.take('distinct_id'));
  const userId = idOf(members.take('$user_id'));
  const deviceId = idOf(members.take('$device_id'));
  if (typeof distinctId === 'string' && distinctId.startsWith(devicePrefix)) {
    const device = deviceId ?? distinctId.slice(devicePrefix.length);
    return { user_id: userId, anonymous_id: device };
  }
  return { user_id: userId ?? distinctId, anonymous_id: deviceId };
}

function decodeEvents(body: VendorBody, batchEventsMax: number): IncomingBatch {
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
  return {
    events: decodeVendorBatch(events, translateEvent, batchEventsMax),
    context: undefined,
    sentAt: '',
    validateOnly: false,
    inBody: { writeKey: tokenOf(events.value as JsonValue[]), traceparent: '' },
  };
}

/** A request has one producer. Throws a ServiceError `malformed_request`. */
function tokenOf(events: readonly JsonValue[]): string {
  const tokens = new Set<string>();
  for (const event of events) {
    const properties = isJsonObject(event) ? event['properties'] : undefined;
    const token = isJsonObject(properties) ? properties['token'] : undefined;
    if (typeof token === 'string') tokens.add(token);
  }
  if (tokens.size > 1) {
    throw new ServiceError(
      'malformed_request',
      'The events have different tokens. Send those of each token in a request of their own.',
    );
  }
  return [...tokens][0] ?? '';
}

function queryOf(exchange: Exchange): URLSearchParams {
  return new URLSearchParams(queryTextOf(exchange));
}

function queryTextOf({ call: { url } }: Exchange): string {
  const query = url.indexOf('?');
  return query === -1 ? '' : url.slice(query + 1);
}

/** `data` of a form or a query, given as bytes. Throws a ServiceError `malformed_request`. */
function dataOf(bytes: Buffer): Buffer {
  const encoded = textOf(bytes);
  const data = new URLSearchParams(encoded).get('data');
  if (data === null) {
    throw new ServiceError(
      'malformed_request',
      'The parameter "data" is missing: JSON, or base64 of it.',
    );
  }
  // Escapes that are no UTF-8 become U+FFFD, and the event another one than was sent.
  if (data.includes('\ufffd') && !/%EF%BF%BD|\ufffd/i.test(encoded)) {
    throw new ServiceError('malformed_request', 'The parameter "data" is not UTF-8.');
  }
  const text = data.trimStart();
  if (text.startsWith('[') || text.startsWith('{')) return Buffer.from(text);
  // A plus that was not escaped is a space by now.
  return Buffer.from(text.replaceAll(' ', '+'), 'base64');
}

/** The SDK for Node sends an event by GET. */
function textOfQuery(exchange: Exchange): Buffer | undefined {
  return exchange.call.method === 'GET'
    ? dataOf(Buffer.from(queryTextOf(exchange), 'latin1'))
    : undefined;
}

function unpackEvents(
  exchange: Exchange,
  body: Buffer,
  bytesMax: number,
): Buffer | Promise<Buffer> {
  const inQuery = textOfQuery(exchange);
  if (inQuery !== undefined) return inQuery;
  const read = readerOf(mediaTypeOf(exchange));
  const message = unpackBody(exchange, body, bytesMax);
  return message instanceof Promise ? message.then(read) : read(message);
}

function readerOf(type: string): (message: Buffer) => Buffer {
  if (type === form) {
    return dataOf;
  }
  return (message) => message;
}

/** Answers in the form that the caller expects: the SDK for Node wants `1`, other callers JSON. */
function replyInForm(exchange: Exchange, http: number, body: MixpanelAnswer): void {
  const headers: Record<string, string> = {};
  if (http === 503) headers['retry-after'] = '1';
  const isDone = http === 200;
  if (isDone && queryOf(exchange).get('verbose') === '0') {
    reply(exchange, http, { ...headers, 'content-type': 'text/plain' }, '1');
    return;
  }
  // `/import` answers JSON with the status as a text; all else gets 1 for done and 0 for not.
  const inWords = mediaTypeOf(exchange) === json && !queryOf(exchange).has('verbose');
  const status = inWords ? (STATUS_CODES[http] ?? '') : Number(isDone);
  const text = JSON.stringify({ code: http, status, ...body });
  reply(exchange, http, { ...headers, 'content-type': json }, text);
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

const eventsEndpoint: Endpoint = {
  keyInBody: {
    places: [
      ['[]', 'properties', 'token'],
      ['properties', 'token'],
    ],
    isForm: (exchange) => exchange.call.method !== 'GET' && mediaTypeOf(exchange) === form,
    textBesides: textOfQuery,
  },
  begin: (exchange) =>
    exchange.call.method === 'GET' ? undefined : checkContentType(exchange, [json, form]),
  unpack: unpackEvents,
  decode: (_call, message, batchEventsMax) =>
    decodeEvents(readVendorBatch(message, undefined, batchEventsMax), batchEventsMax),
  answer: (exchange, _call, verdicts) => {
    const { status, counts } = vendorOutcome(verdicts);
    const http = status === 200 && counts.rejected > 0 ? 400 : status;
    replyInForm(exchange, http, answerOf(verdicts, counts.accepted + counts.duplicates));
    return 0;
  },
  refuse: (exchange, _call, failure) => refuse(exchange, failure),
};

const call: EndpointCall = {
  rpc: 'BatchTrack',
  door: 'mixpanel',
  codec: 'json',
  contentType: json,
};

/** By path, which is Mixpanel's own. Its SDK for Node sends a single event by GET. */
export const mixpanelEndpoints: readonly EndpointRow[] = [
  ['/track', eventsEndpoint, call],
  ['/import', eventsEndpoint, call],
];
