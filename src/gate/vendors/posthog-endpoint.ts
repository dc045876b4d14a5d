import { ServiceError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { VendorCallKind } from '../../event/vendor-call.ts';
import type { Verdict } from '../../event/verdict.ts';
import type { OwnClock } from '../../event/time/event-time.ts';
import { readTime } from '../../event/time/time-text.ts';
import { retryAfterOf } from '../answer/failure.ts';
import { refuseWithProblem } from '../answer/problem.ts';
import { checkContentType, reply } from '../exchange.ts';
import { answerBatch } from '../answer/vendor-answer.ts';
import {
  decodeVendorBatch,
  memberOf,
  readVendorBatch,
  type VendorBody,
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
import { snakeName } from '../decode/vendor/vendor-names.ts';
import type { IncomingBatch } from '../decode/incoming-batch.ts';
import { unpackBody } from '../intake/unpack-body.ts';
import type { Endpoint, EndpointCall, EndpointRow } from '../serve-request.ts';

/*
 * PostHog's capture API as its server SDKs speak it: `/batch/`, and the one whose answer has a result
 * for each event. https://posthog.com/docs/api/capture
 */

const json = 'application/json';

/** How PostHog's own events are named here, and which of their `$` properties become properties. */
interface OwnEvent {
  readonly call: VendorCallKind;
  readonly eventName: string;
  /** Whose members are properties; with `$set` those of `$set_once` are, too. */
  readonly within?: string;
  readonly added: readonly (readonly [name: string, from: string])[];
}

export const posthogEvents: Readonly<Record<string, OwnEvent>> = {
  $identify: { call: 'identify', eventName: 'user_identified', within: '$set', added: [] },
  $set: { call: 'identify', eventName: 'user_identified', within: '$set', added: [] },
  $create_alias: { call: 'alias', eventName: 'user_aliased', added: [['previous_id', 'alias']] },
  $groupidentify: {
    call: 'group_identify',
    eventName: 'group_identified',
    within: '$group_set',
    added: [
      ['group_type', '$group_type'],
      ['group_id', '$group_key'],
    ],
  },
  $pageview: {
    call: 'page',
    eventName: 'page_viewed',
    added: [
      ['url', '$current_url'],
      ['title', '$title'],
      ['referrer', '$referrer'],
    ],
  },
  $screen: { call: 'screen', eventName: 'screen_viewed', added: [['name', '$screen_name']] },
};

/** From `uuid` to the idempotency key. */
type ReadKey = (id: JsonValue | undefined) => JsonValue | undefined;

const derivedKey: ReadKey = (id) => keyOf('posthog', id);

/**
 * For the endpoint that answers by `uuid`: it must not accept an event under another name than its
 * caller waits for.
 */
const sameKey: ReadKey = (id) => id;

function ownEvent(name: JsonValue | undefined): OwnEvent | undefined {
  return typeof name === 'string' && Object.hasOwn(posthogEvents, name)
    ? posthogEvents[name]
    : undefined;
}

/**
 * A property whose name begins with `$` belongs to PostHog or its SDK, and goes into `context`. Of its
 * request an event takes `historical_migration`, which says that it is imported.
 */
function translateEvent(
  sent: JsonObject,
  readKey: ReadKey,
  { switches, request }: Besides,
): Translation {
  const { properties: sentProperties, ...envelope } = sent;
  const members = new VendorMembers({ ...switches, ...envelope });
  members.putRequest(request);
  const sentName = members.take('event');
  let properties = sentProperties ?? undefined;
  if (isJsonObject(sentProperties)) {
    const own: [string, JsonValue][] = [];
    for (const [name, value] of Object.entries(sentProperties)) {
      const isEnvelope = name.startsWith('$') || name === 'distinct_id';
      // `null` counts as absent: PostHog's SDK for PHP has it in an alias, beside the real id.
      if (isEnvelope && (envelope[name] ?? undefined) === undefined) {
        members.take(name);
        members.put(name, value);
      } else if (!isEnvelope || value !== envelope[name]) own.push([name, value]);
    }
    properties = Object.fromEntries(own);
  }
  for (const name of ['api_key', 'token']) members.take(name);
  const form = ownEvent(sentName);
  if (form?.eventName === 'user_aliased' && isJsonObject(properties)) {
    // The SDK puts it among the properties under a name that is PostHog's.
    const { alias, ...others } = properties;
    if (alias !== undefined) members.put('alias', alias);
    properties = others;
  }
  let own: string[] = [];
  if (form?.within !== undefined && (properties === undefined || isJsonObject(properties))) {
    own = Object.keys(properties ?? {});
    const within = form.within === '$set' ? members.takeUpdate() : members.takeObject(form.within);
    properties = { ...within, ...properties };
  }
  const time = members.take('timestamp');
  return translationOf({ sentName, form, properties, own, members, readKey, time });
}

interface SentEvent {
  readonly own: readonly string[];
  readonly sentName: JsonValue | undefined;
  readonly form: OwnEvent | undefined;
  readonly properties: JsonValue | undefined;
  readonly members: VendorMembers;
  readonly readKey: ReadKey;
  readonly time: JsonValue | undefined;
}

function translationOf(sent: SentEvent): Translation {
  const { sentName, form, properties, own, members, readKey, time } = sent;
  const name = form?.eventName ?? (typeof sentName === 'string' ? snakeName(sentName) : sentName);
  if (name !== sentName && sentName !== undefined) members.put('event', sentName);
  const id = members.take('uuid');
  const key = readKey(id);
  if (id !== undefined && key !== id) members.put('uuid', id);
  const distinctId = idOf(members.take('distinct_id'));
  const anonymousId = idOf(members.take('$anon_distinct_id'));
  // PostHog's SDKs mark with it that no person is behind the id.
  const isPersonlessEvent = isPersonless(members.rest());
  const placed: Placed = { moved: [], copied: [] };
  const fields = {
    event_name: name,
    user_id: isPersonlessEvent ? undefined : distinctId,
    anonymous_id: isPersonlessEvent ? distinctId : anonymousId,
    idempotency_key: key,
    occurred_at: time,
    properties: propertiesWith(properties, form?.added ?? [], members, placed),
  };
  const [context, rest] = [members.take('context'), members.rest()];
  return {
    event: flatEvent({ ...fields, context: contextWith(context, 'posthog', rest) }),
    time,
    call: vendorCallOf(
      { system: 'posthog', call: form?.call ?? 'track' },
      { eventName: sentName, messageId: id, placed, own, context, rest },
    ),
    clock: clockOf(time, rest),
  };
}

/** `offset` has the milliseconds since the event, for events without a time. */
function clockOf(time: JsonValue | undefined, rest: JsonObject): OwnClock | undefined {
  const { offset, $ignore_sent_at: ignoresSentAt } = rest;
  if (time === undefined) return typeof offset === 'number' ? { agoMs: offset } : undefined;
  return ignoresSentAt === true ? { exact: true } : undefined;
}

function isPersonless(rest: JsonObject): boolean {
  const { options } = rest;
  const said = isJsonObject(options) ? options['process_person_profile'] : undefined;
  return (rest['$process_person_profile'] ?? said) === false;
}

/** What a batch has for its events. */
interface Besides {
  /** Empty, or with the member `historical_migration`. */
  readonly switches: JsonObject;
  /** What means nothing to an event, whatever its name. */
  readonly request: JsonObject;
}

const alone: Besides = { switches: {}, request: {} };

function besidesOf(value: JsonObject): Besides {
  const members = new VendorMembers(value);
  for (const name of ['batch', 'api_key', 'token']) members.take(name);
  // They differ on each attempt.
  for (const name of ['sent_at', 'created_at']) {
    if (readTime(textIn(value, name)) !== undefined) members.take(name);
  }
  const switches = flatEvent({ historical_migration: members.take('historical_migration') });
  return { switches, request: members.rest() };
}

function textIn(value: JsonValue, ...names: readonly string[]): string {
  if (!isJsonObject(value)) return '';
  const found = names.map((name) => value[name]).find((member) => typeof member === 'string');
  return (found as string | undefined) ?? '';
}

/** A request has one producer. Throws a ServiceError `malformed_request`. */
function keyIn(value: JsonObject): string {
  const [key, token] = [textIn(value, 'api_key'), textIn(value, 'token')];
  if (key !== '' && token !== '' && key !== token) {
    throw new ServiceError(
      'malformed_request',
      'The request has two keys: "api_key" and "token" differ. Send one of them.',
    );
  }
  return key || token;
}

function decodeBatch(body: VendorBody, batchEventsMax: number, readKey: ReadKey): IncomingBatch {
  const { value, exact } = body;
  if (!isJsonObject(value)) {
    throw new ServiceError('malformed_request', 'The body must be a JSON object.');
  }
  // `/capture/` takes one event beside its key; a batch has them in `batch`.
  const isBatch = Object.hasOwn(value, 'batch');
  const besides = isBatch ? besidesOf(value) : alone;
  const events = isBatch
    ? memberOf(body, 'batch')
    : {
        value: [withoutSentAt(value)],
        exact: isJsonObject(exact) ? [withoutSentAt(exact)] : undefined,
      };
  const rules = {
    translate: (sent: JsonObject) => translateEvent(sent, readKey, besides),
    missingKeys: new MissingKeys('posthog', (sent) => translateEvent(sent, readKey, alone).event),
  };
  return {
    events: decodeVendorBatch(events, rules, batchEventsMax),
    context: undefined,
    sentAt: readTime(textIn(value, 'sent_at', 'created_at')) ?? '',
    validateOnly: false,
    historical: value['historical_migration'] === true,
    inBody: { writeKey: keyIn(value), traceparent: '' },
  };
}

/** The time of the request, which differs on each attempt. */
function withoutSentAt(value: JsonObject): JsonObject {
  const { sent_at: _sentAt, ...event } = value;
  return event;
}

const batchEndpoint: Endpoint = {
  keyInBody: { places: [['api_key'], ['token']] },
  begin: (exchange) => checkContentType(exchange, [json]),
  unpack: unpackBody,
  decode: (_call, message, batchEventsMax) =>
    decodeBatch(readVendorBatch(message, 'batch', batchEventsMax), batchEventsMax, derivedKey),
  answer: (exchange, _call, verdicts) =>
    answerBatch(exchange, verdicts, ({ rejected, retry }) => ({
      status: rejected === 0 && retry === 0 ? 1 : 0,
    })),
  refuse: refuseWithProblem,
};

/** By `uuid`: the SDK sends `retry` events again, and reports dropped ones to its program. */
const eventsEndpoint: Endpoint = {
  ...batchEndpoint,
  decode: (_call, message, batchEventsMax) =>
    decodeBatch(readVendorBatch(message, 'batch', batchEventsMax), batchEventsMax, sameKey),
  answer: (exchange, _call, verdicts) => {
    // If an id occurs twice, an event to send again must not be hidden by the other.
    const inOrder = [...verdicts].sort((one, other) => rankOf(one) - rankOf(other));
    const results = inOrder.map((verdict) => [verdict.idempotencyKey, resultOf(verdict)] as const);
    const body = JSON.stringify({ results: Object.fromEntries(results) });
    const retryAfter = retryAfterOf(verdicts);
    const headers = { 'content-type': json, ...(retryAfter && { 'retry-after': retryAfter }) };
    reply(exchange, 200, headers, body);
    return 0;
  },
};

function rankOf({ status }: Verdict): number {
  return status === 'retry' ? 2 : status === 'rejected' ? 1 : 0;
}

function resultOf({ status, error, warnings }: Verdict): object {
  if (error !== undefined) {
    const details = `${error.code}: ${error.message}`;
    return { result: status === 'retry' ? 'retry' : 'drop', details };
  }
  const [warning] = warnings;
  if (warning === undefined) return { result: 'ok' };
  return { result: 'warning', details: `${warning.code}: ${warning.message}` };
}

const call: EndpointCall = { rpc: 'BatchTrack', door: 'posthog', codec: 'json', contentType: json };
const batchCall: EndpointCall = { ...call, sendsAll: true };

/** By path, which is PostHog's own, with and without the slash at its end. */
export const posthogEndpoints: readonly EndpointRow[] = [
  ['/batch/', batchEndpoint, batchCall],
  ['/batch', batchEndpoint, batchCall],
  ['/capture/', batchEndpoint, batchCall],
  ['/capture', batchEndpoint, batchCall],
  ['/i/v1/analytics/events', eventsEndpoint, call],
];
