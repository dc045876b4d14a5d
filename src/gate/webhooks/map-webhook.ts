import type { IncomingHttpHeaders } from 'node:http';

import type {
  WebhookPlace,
  WebhookProperties,
  WebhookProvider,
  WebhookSource,
} from '../../config/webhook-source.ts';
import { ServiceError } from '../../errors.ts';
import { idempotencyKeyOf } from '../../event/event-id.ts';
import type { IncomingEvent } from '../../event/incoming-event.ts';
import { parsePointer, valueAt } from '../../event/json/json-pointer.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import { defineMember } from '../../event/json/parse-json.ts';
import { decodeVendor, readVendorBody, type Translate } from '../decode/vendor/decode-vendor.ts';
import { flatEvent, idOf, timeOf } from '../decode/vendor/vendor-members.ts';
import type { SignedWebhook } from './verify-webhook.ts';

/**
 * Makes an event of a verified webhook. Throws a ServiceError: `unmapped_webhook`, or
 * `malformed_request` when it cannot be read or has no id. An error in the event alone is its fault, and
 * its verdict reports it.
 */
export type MapWebhook = (webhook: SignedWebhook) => IncomingEvent;

/** Where each provider has the type and the id; a place of the configuration comes before these. */
const providerPlaces: Readonly<
  Record<
    WebhookProvider,
    { readonly type: readonly string[]; readonly deliveryId: readonly string[] }
  >
> = {
  standard: { type: ['/type'], deliveryId: ['header:webhook-id', 'header:svix-id'] },
  stripe: { type: ['/type'], deliveryId: ['/id'] },
  github: { type: ['header:x-github-event'], deliveryId: ['header:x-github-delivery'] },
  shopify: { type: ['header:x-shopify-topic'], deliveryId: ['header:x-shopify-webhook-id'] },
  hmac: { type: ['/type'], deliveryId: [] },
};

/** Ids and types are words. They are kept with the event. */
const wordCharactersMax = 256;

export function createMapWebhook(source: WebhookSource): MapWebhook {
  const places = providerPlaces[source.provider];
  const typePlaces = source.type.length > 0 ? source.type : places.type;
  const idPlaces = source.deliveryId.length > 0 ? source.deliveryId : places.deliveryId;
  const isGithub = source.provider === 'github' && source.type.length === 0;
  const findEvent = createEventFinder(source);
  return ({ headers, body }) => {
    const parsed = readVendorBody(body);
    const { value } = parsed;
    if (!isJsonObject(value)) {
      throw new ServiceError('malformed_request', 'The body must be a JSON object.');
    }
    // Ids beyond 2^53 have all their digits there.
    const digits = isJsonObject(parsed.exact) ? parsed.exact : value;
    const word = findText(headers, digits, typePlaces).slice(0, wordCharactersMax);
    const type = isGithub ? withAction(word, value) : word;
    const target = findEvent(type);
    if (target === undefined) {
      throw new ServiceError('unmapped_webhook', `No event is mapped to the type "${type}".`);
    }
    const deliveryId = findText(headers, digits, idPlaces);
    if (deliveryId === '' || deliveryId.length > wordCharactersMax) {
      throw new ServiceError(
        'malformed_request',
        `The webhook has no id of at most ${wordCharactersMax} characters at ${idPlaces.join(', ')}.`,
      );
    }
    const { provider } = source;
    const context = { webhook: { provider, type, delivery_id: deliveryId } };
    const translate: Translate = (sent) => {
      const first = (places: readonly WebhookPlace[]) => findFirst(headers, sent, places);
      return {
        event: flatEvent({
          event_name: target.eventName,
          user_id: idOf(first(source.userId)),
          anonymous_id: idOf(first(source.anonymousId)),
          idempotency_key: idempotencyKeyOf(provider, deliveryId),
          occurred_at: timeOf(first(source.occurredAt)),
          properties: propertiesOf(headers, sent, target.properties ?? source.properties),
          context,
        }),
      };
    };
    return decodeVendor(parsed, { translate });
  };
}

/** `issues` with the action `opened` is `issues.opened`; `push` has no action. */
function withAction(word: string, { action }: JsonObject): string {
  return typeof action === 'string' ? `${word}.${action}`.slice(0, wordCharactersMax) : word;
}

function createEventFinder(
  source: WebhookSource,
): (type: string) => WebhookSource['events'][number] | undefined {
  const whole = new Map(source.events.map((event) => [event.type, event]));
  const open = source.events
    .filter(({ type }) => type.endsWith('*'))
    .map((event) => ({ event, head: event.type.slice(0, -1) }))
    .sort((left, right) => right.head.length - left.head.length);
  return (type) => whole.get(type) ?? open.find(({ head }) => type.startsWith(head))?.event;
}

const headerPrefix = 'header:';

/** Undefined: there is nothing. */
function findAt(
  headers: IncomingHttpHeaders,
  sent: JsonObject,
  place: WebhookPlace,
): JsonValue | undefined {
  if (place.startsWith(headerPrefix)) {
    const header = headers[place.slice(headerPrefix.length).toLowerCase()];
    return typeof header === 'string' && header !== '' ? header : undefined;
  }
  return valueAt(sent, parsePointer(place) ?? []) ?? undefined;
}

/** What the first of these places has that has something. */
function findFirst(
  headers: IncomingHttpHeaders,
  sent: JsonObject,
  places: readonly WebhookPlace[],
): JsonValue | undefined {
  for (const place of places) {
    const found = findAt(headers, sent, place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Empty: there is none, or it is no text and no whole number. */
function findText(
  headers: IncomingHttpHeaders,
  sent: JsonObject,
  places: readonly WebhookPlace[],
): string {
  const found = idOf(findFirst(headers, sent, places));
  return typeof found === 'string' ? found : '';
}

/** A place that has nothing is left out: whether it may be missing is for the schema to say. */
function propertiesOf(
  headers: IncomingHttpHeaders,
  sent: JsonObject,
  from: WebhookProperties,
): JsonValue | undefined {
  if (typeof from === 'string') return findAt(headers, sent, from);
  const properties: JsonObject = {};
  for (const [name, place] of Object.entries(from)) {
    const found = findAt(headers, sent, place);
    if (found !== undefined) defineMember(properties, name, found);
  }
  return properties;
}
