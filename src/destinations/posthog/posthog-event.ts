import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import {
  membersOf,
  present,
  putBack,
  sentCallOf,
  without,
  withoutRequest,
  type SentCall,
} from '../vendors/sent-call.ts';
import { addressOf, personOf } from '../vendors/vendor.ts';

/** An event of PostHog's capture API. `time` is RFC 3339. */
export function posthogEventOf(event: StoredEvent, time: string): JsonObject {
  const sent = sentCallOf(event, 'posthog');
  return sent === undefined ? eventOf(event, time) : sentAgain(event, sent, time);
}

/** Members of an event, and the properties that the gate makes of them. */
const places = {
  $current_url: 'url',
  $title: 'title',
  $referrer: 'referrer',
  $screen_name: 'name',
  $group_type: 'group_type',
  $group_key: 'group_id',
  alias: 'previous_id',
} as const;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function sentAgain(event: StoredEvent, sent: SentCall, time: string): JsonObject {
  const { call, rest } = sent;
  const { eventName = event.eventName, messageId = '' } = call;
  const { members, properties } = putBack(sent, places);
  const kept = Object.entries(
    withoutRequest(rest, 'event', 'uuid', 'set_once', '$set_once', 'historical_migration'),
  );
  const isOwn = ([name]: readonly [string, JsonValue]): boolean => name.startsWith('$');
  return {
    ...Object.fromEntries(kept.filter((member) => !isOwn(member))),
    uuid: uuid.test(messageId) ? messageId : event.eventId,
    event: eventName,
    distinct_id: personOf(event),
    timestamp: time,
    properties: {
      ...withinOf(sent, properties),
      ...members,
      ...present({ ...anonymousIdOf(event), ...aliasedIdOf(event, sent) }),
      ...Object.fromEntries(kept.filter(isOwn)),
      ...libraryOf(event, rest),
    },
  };
}

/** Properties that were those of a person or a group, back in their member. */
function withinOf({ call, rest }: SentCall, properties: JsonObject): JsonObject {
  const isPerson = call.call === 'identify';
  const once = rest['$set_once'];
  if (!isPerson && call.call !== 'group_identify')
    return { ...properties, ...present({ $set_once: once }) };
  const own = call.own ?? [];
  const onceNames = isPerson && Array.isArray(rest['set_once']) ? rest['set_once'] : [];
  const entries = Object.entries(properties);
  const pick = (choose: (name: string) => boolean): JsonObject =>
    Object.fromEntries(entries.filter(([name]) => choose(name)));
  const set = pick((name) => !own.includes(name) && !onceNames.includes(name));
  const setOnce = {
    ...membersOf(once),
    ...pick((name) => !own.includes(name) && onceNames.includes(name)),
  };
  return {
    ...pick((name) => own.includes(name)),
    ...(Object.keys(set).length > 0 && { [isPerson ? '$set' : '$group_set']: set }),
    ...(Object.keys(setOnce).length > 0 && { $set_once: setOnce }),
  };
}

/** The id of the device, where the event has an id of a person as well. */
function anonymousIdOf({ userId, anonymousId }: StoredEvent) {
  return { $anon_distinct_id: userId === undefined ? undefined : anonymousId };
}

/** PostHog's SDKs say both ids of an alias beside each other. */
function aliasedIdOf(event: StoredEvent, { call }: SentCall) {
  return { distinct_id: call.call === 'alias' ? personOf(event) : undefined };
}

/** Without an address of the person PostHog takes the gate's for it. */
function libraryOf(event: StoredEvent, sent: JsonObject = {}): JsonObject {
  const address = sent['$ip'] ?? addressOf(event);
  return {
    $lib: sent['$lib'] ?? 'headgate',
    ...(address === undefined ? { $geoip_disable: true } : { $ip: address }),
  };
}

/** PostHog's name for the only type of groups that other vendors have. */
const groupType = 'company';

/** An event that came in another way. */
function eventOf(event: StoredEvent, time: string): JsonObject {
  const { properties = {}, vendorCall } = event;
  const asEvent = (name: string, own: JsonObject): JsonObject => ({
    uuid: event.eventId,
    event: name,
    distinct_id: personOf(event),
    timestamp: time,
    properties: { ...own, ...libraryOf(event) },
  });
  switch (vendorCall?.call) {
    case 'identify':
      return asEvent('$identify', { $set: properties, ...present(anonymousIdOf(event)) });
    case 'page': {
      const { url: $current_url, title: $title, referrer: $referrer } = properties;
      const others = without(properties, 'url', 'title', 'referrer');
      return asEvent('$pageview', { ...others, ...present({ $current_url, $title, $referrer }) });
    }
    case 'screen': {
      const others = without(properties, 'name');
      return asEvent('$screen', { ...others, ...present({ $screen_name: properties['name'] }) });
    }
    case 'group':
    case 'group_identify':
      return asEvent('$groupidentify', {
        $group_type: properties['group_type'] ?? groupType,
        ...present({ $group_key: properties['group_id'] }),
        $group_set: without(properties, 'group_type', 'group_id'),
      });
    case 'alias':
      return asEvent('$create_alias', {
        distinct_id: personOf(event),
        ...present({ alias: properties['previous_id'] }),
      });
    default:
      return asEvent(vendorCall?.eventName ?? event.eventName, properties);
  }
}
