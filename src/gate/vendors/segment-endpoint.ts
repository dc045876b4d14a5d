import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { readTime } from '../../event/time/time-text.ts';
import type { Verdict } from '../../event/verdict.ts';
import { nestingMax, nestsDeeper } from '../decode/event-draft.ts';
import { problem } from '../answer/problem.ts';
import { checkContentType, reply, type Exchange } from '../exchange.ts';
import { failureOfVerdict, type Failure } from '../answer/failure.ts';
import { answerBatch } from '../answer/vendor-answer.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import {
  decodeVendor,
  decodeVendorBatch,
  memberOf,
  readVendorBatch,
  readVendorRequest,
  type Translation,
} from '../decode/vendor/decode-vendor.ts';
import {
  contextWith,
  flatEvent,
  type Placed,
  VendorMembers,
  vendorCallOf,
  idOf,
  keyOf,
  propertiesWith,
} from '../decode/vendor/vendor-members.ts';
import { MissingKeys } from '../decode/vendor/missing-keys.ts';
import { batchContext } from '../decode/decode-json.ts';
import { snakeName } from '../decode/vendor/vendor-names.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import type { KeyInBody } from '../intake/key-search/find-key.ts';
import type { Endpoint, EndpointRow } from '../serve-request.ts';
import { restResult } from '../answer/verdict-json.ts';
import {
  callNames,
  isCall,
  segmentCalls,
  type CallForm,
  type SegmentCall,
} from './segment-calls.ts';

/*
 * Segment's HTTP tracking API, which its own SDKs and RudderStack's speak.
 * https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
 */

/** Segment's own limits, decompressed: of one event, and of a request with several. */
export const segmentEventBytesMax = 32 * 1024;
export const segmentBatchBytesMax = 500 * 1024;

const keyInBody: KeyInBody = { places: [['writeKey']] };

const json = 'application/json';
/**
 * RudderStack's SDK uses it for compressed JSON, and browsers for what they send when a page
 * closes.
 */
const mediaTypes = [json, 'application/x-www-form-urlencoded', 'text/plain'];

/**
 * `type` is the path's, or the call's own in a batch. Of its request a call takes nothing but what
 * `besides` has: see `besidesOf`.
 */
function translateCall(
  sent: JsonObject,
  pathType: SegmentCall | undefined,
  { integrations, request }: Besides,
): Translation {
  const members = new VendorMembers({ ...integrations, ...sent });
  members.take('writeKey');
  members.putRequest(request);
  const type = pathType ?? sent['type'];
  if (isCall(type)) members.take('type');
  const form: CallForm = isCall(type) ? segmentCalls[type] : segmentCalls.track;
  const eventName = form.eventName ?? nameOf(members);
  const placed: Placed = { moved: [], copied: [] };
  const within = type === 'identify' ? takeTraits(members, placed) : takeProperties(members, form);
  const time = members.takeFirst('timestamp', 'originalTimestamp');
  const fields = {
    event_name: eventName,
    user_id: idOf(members.take('userId')),
    anonymous_id: idOf(members.take('anonymousId')),
    idempotency_key: keyOf('segment', messageIdOf(members)),
    occurred_at: time,
    properties: propertiesWith(within, form.added, members, placed),
  };
  const [context, rest] = [members.take('context'), members.rest()];
  const event = flatEvent({ ...fields, context: contextWith(context, 'segment', rest) });
  const { event: sentName, messageId } = sent;
  const call = vendorCallOf(
    { system: 'segment', call: isCall(type) ? type : 'track' },
    { eventName: sentName, messageId, placed, context, rest },
  );
  // Whoever sends both times has corrected the first by the second.
  const isCorrected = time !== undefined && rest['originalTimestamp'] !== undefined;
  const clock = isCorrected ? { exact: true } : undefined;
  if (isCall(type)) return { event, time, call, clock };
  const message = `type must be one of ${callNames.join(', ')}.`;
  return {
    event,
    time,
    call,
    clock,
    fault: {
      code: 'invalid_field',
      message,
      violations: [{ path: '/type', code: 'enum', message }],
    },
  };
}

const { isRawJSON: isRawJson } = JSON as unknown as { isRawJSON(value: unknown): boolean };

/** An exact number is an object too. */
const isTraits = (value: JsonValue | undefined): value is JsonObject =>
  value !== undefined && isJsonObject(value) && !isRawJson(value);

function takeProperties(members: VendorMembers, form: CallForm): JsonValue | undefined {
  return form.properties === undefined ? undefined : members.take(form.properties);
}

/**
 * The traits of an identify call. RudderStack's SDK for Python puts them into `context`, those for Node
 * there too: a copy that stayed there would be personal data that no schema removes. Traits that say
 * more than the call's own stay. In the context of other calls the SDKs put the traits of the person,
 * which are not the call's.
 */
function takeTraits(members: VendorMembers, placed: Placed): JsonValue | undefined {
  const own = members.take('traits');
  const isEmpty = own === undefined || (isTraits(own) && Object.keys(own).length === 0);
  const context = members.takeObject('context');
  if (context === undefined) return own;
  const { traits, ...others } = context;
  const isTaken = isTraits(traits) && (isEmpty || isCopy(traits, own));
  const left = isTaken ? others : context;
  if (Object.keys(left).length > 0) members.put('context', left);
  if (isTaken) (isEmpty ? placed.moved : placed.copied).push('context.traits');
  return isTaken ? traits : own;
}

/** What nests deeper than an event may is rejected, and too deep to be written. */
function isCopy(one: JsonValue, other: JsonValue): boolean {
  const isShallow = !nestsDeeper(one, nestingMax) && !nestsDeeper(other, nestingMax);
  return isShallow && JSON.stringify(one) === JSON.stringify(other);
}

/** The original name stays with the event if the event is named differently. */
function nameOf(members: VendorMembers): JsonValue | undefined {
  const sent = members.take('event');
  if (typeof sent !== 'string') return sent;
  const name = snakeName(sent);
  if (name !== sent) members.put('event', sent);
  return name;
}

/** Likewise for the id, so that the event can be found by the id that other systems know. */
function messageIdOf(members: VendorMembers): JsonValue | undefined {
  const id = members.take('messageId');
  if (id !== undefined && keyOf('segment', id) !== id) members.put('messageId', id);
  return id;
}

function inBody(value: JsonValue): NonNullable<IncomingBatch['inBody']> {
  const key = isJsonObject(value) ? value['writeKey'] : undefined;
  return { writeKey: typeof key === 'string' ? key : '', traceparent: '' };
}

function decodeSingle(message: Buffer, type: SegmentCall): IncomingBatch {
  const body = readVendorRequest(message);
  if (!isJsonObject(body.value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object: one call.');
  }
  const sentAt = body.value['sentAt'];
  const translate = (sent: JsonObject): Translation =>
    translateCall(withoutSentAt(sent), type, alone);
  const missingKeys = new MissingKeys('segment', (sent) => translate(sent).event);
  return {
    events: [decodeVendor(body, { translate, missingKeys })],
    context: undefined,
    sentAt: timeOf(sentAt),
    validateOnly: false,
    inBody: inBody(body.value),
  };
}

/** `sentAt` belongs to the request, and differs on each attempt. */
function withoutSentAt(sent: JsonObject): JsonObject {
  if (timeOf(sent['sentAt']) === '') return sent;
  const { sentAt: _sentAt, ...others } = sent;
  return others;
}

function timeOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? (readTime(value) ?? '') : '';
}

function decodeBatch(message: Buffer, batchEventsMax: number): IncomingBatch {
  const body = readVendorBatch(message, 'batch', batchEventsMax);
  const { value } = body;
  if (!isJsonObject(value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object with "batch".');
  }
  const { besides, context } = besidesOf(value, body.exact);
  const contentOf = (sent: JsonObject): JsonObject =>
    translateCall(withoutSentAt(sent), undefined, alone).event;
  const rules = {
    translate: (sent: JsonObject) => translateCall(withoutSentAt(sent), undefined, besides),
    missingKeys: new MissingKeys('segment', contentOf),
    eventBytesMax: message.length > segmentEventBytesMax ? segmentEventBytesMax : Infinity,
  };
  return {
    events: decodeVendorBatch(memberOf(body, 'batch'), rules, batchEventsMax),
    context,
    sentAt: timeOf(value['sentAt']) || timeOf(value['timestamp']) || sentAtOfCalls(value['batch']),
    validateOnly: false,
    inBody: inBody(value),
  };
}

/** RudderStack's SDKs say it with each call, once for all of a request. */
function sentAtOfCalls(calls: JsonValue | undefined): string {
  if (!Array.isArray(calls)) return '';
  const [first, ...others] = calls.map((call) => (isJsonObject(call) ? call['sentAt'] : undefined));
  return others.every((sentAt) => sentAt === first) ? timeOf(first) : '';
}

/** What a batch has for its calls besides `context`, which the gate merges under each call's own. */
interface Besides {
  /** Empty, or with the member `integrations`, which counts where the call has none. */
  readonly integrations: JsonObject;
  /** What means nothing to a call, whatever its name. */
  readonly request: JsonObject;
}

const alone: Besides = { integrations: {}, request: {} };

/** The protocol has no other members for the calls. The times and the key are the request's own. */
function besidesOf(
  value: JsonObject,
  exact: JsonValue | undefined,
): { besides: Besides; context: JsonObject | undefined } {
  const members = new VendorMembers(value);
  for (const name of ['batch', 'writeKey']) members.take(name);
  for (const name of ['sentAt', 'timestamp']) {
    if (timeOf(value[name]) !== '') members.take(name);
  }
  const context = members.takeObject('context');
  const integrations = flatEvent({ integrations: members.take('integrations') });
  const exactContext = isJsonObject(exact) ? exact['context'] : undefined;
  return {
    besides: { integrations, request: members.rest() },
    context: context && batchContext(context, exactContext),
  };
}

function singleEndpoint(type: SegmentCall): Endpoint {
  return {
    keyInBody,
    bytesMax: segmentEventBytesMax,
    begin: (exchange) => checkContentType(exchange, mediaTypes),
    unpack: unpackBody,
    decode: (_call, message) => decodeSingle(message, type),
    answer: (exchange, _call, verdicts) => {
      const verdict = verdicts[0]!;
      const failure = failureOfVerdict(verdict);
      if (failure !== undefined) return refuse(exchange, failure, verdict);
      const result = restResult(verdict).slice(1);
      reply(exchange, 200, { 'content-type': json }, `{"success":true,${result}`);
      return 0;
    },
    refuse: (exchange, _call, failure) => refuse(exchange, failure),
  };
}

/**
 * With `message`: without it, SDKs for Python (RudderStack's, and older ones of Segment) take a refusal for an outage
 * and repeat the request for minutes.
 */
function refuse(exchange: Exchange, failure: Failure, verdict?: Verdict): number {
  return problem(exchange, failure, verdict, undefined, { message: failure.message });
}

const batchEndpoint: Endpoint = {
  keyInBody,
  bytesMax: segmentBatchBytesMax,
  begin: (exchange) => checkContentType(exchange, mediaTypes),
  unpack: unpackBody,
  decode: (_call, message, batchEventsMax) => decodeBatch(message, batchEventsMax),
  answer: (exchange, _call, verdicts) =>
    answerBatch(exchange, verdicts, ({ rejected, retry }) => ({
      success: rejected === 0 && retry === 0,
    })),
  refuse: (exchange, _call, failure) => refuse(exchange, failure),
};

const call = { door: 'segment', codec: 'json', contentType: json, sendsAll: true } as const;

/** Below the prefixes. */
const rows: readonly EndpointRow[] = [
  ...callNames.map((type): EndpointRow => [type, singleEndpoint(type), { ...call, rpc: 'Track' }]),
  ['batch', batchEndpoint, { ...call, rpc: 'BatchTrack' }],
];

const prefix = '/v1/segment/';

/** By path. */
export const segmentEndpoints: readonly EndpointRow[] = rowsBelow(prefix, rows);

/** Other names of the calls: Segment's short ones, and what its SDK for Java calls a batch. */
const otherNames: Readonly<Record<string, SegmentCall | 'batch'>> = {
  t: 'track',
  i: 'identify',
  p: 'page',
  s: 'screen',
  g: 'group',
  a: 'alias',
  b: 'batch',
  import: 'batch',
};

const otherRows = Object.entries(otherNames).map(([name, call]): EndpointRow => {
  const [, ...served] = rows.find((row) => row[0] === call)!;
  return [name, ...served];
});

/** The same, where most of Segment's SDKs find them: they put `/v1/batch` behind what they are given. */
export const segmentAliases: readonly EndpointRow[] = [
  ...rowsBelow(`${prefix}v1/`, rows),
  ...rowsBelow(prefix, otherRows),
  ...rowsBelow(`${prefix}v1/`, otherRows),
];

function rowsBelow(start: string, below: readonly EndpointRow[]): readonly EndpointRow[] {
  return below.map(([name, ...served]) => [`${start}${name}`, ...served]);
}
