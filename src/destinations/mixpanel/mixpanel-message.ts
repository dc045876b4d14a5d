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

/** What a message is: it decides the endpoint. */
export type MixpanelKind = 'event' | 'alias' | 'person' | 'group';

export interface MixpanelMessage {
  readonly kind: MixpanelKind;
  readonly body: JsonObject;
  /** By which Mixpanel names the event in its answer. */
  readonly id: string;
}

/**
 * A message of Mixpanel's ingestion API. Without the project's token everything is an event, because only
 * `/import` takes requests without it. `time` is RFC 3339.
 */
export function mixpanelMessageOf(
  event: StoredEvent,
  time: string,
  token: string | undefined,
): MixpanelMessage {
  const sent = sentCallOf(event, 'mixpanel');
  const call = event.vendorCall?.call;
  if (token !== undefined) {
    if (call === 'identify') return personUpdate(event, sent, token);
    if (call === 'group_identify') return groupUpdate(event, sent, token);
    if (call === 'alias') return aliasOf(event, sent, token);
  }
  const isNamed = call === 'track' || call === undefined;
  const name = isNamed ? (event.vendorCall?.eventName ?? event.eventName) : event.eventName;
  const id = insertIdOf(event, sent);
  return { kind: 'event', body: { event: name, ...eventOf(event, sent, time, id) }, id };
}

const insertId = /^[A-Za-z0-9-]{1,36}$/;

function insertIdOf({ eventId }: StoredEvent, sent: SentCall | undefined): string {
  const messageId = sent?.call.messageId ?? '';
  return insertId.test(messageId) ? messageId : eventId;
}

function eventOf(
  event: StoredEvent,
  sent: SentCall | undefined,
  time: string,
  $insert_id: string,
): JsonObject {
  const { properties = {} } = event;
  // An update that leaves as an event has all of its values among the properties.
  const notSent = ['event', '$insert_id', '$user_id', '$device_id', 'set_once', '$set_once'];
  const rest = withoutRequest(sent?.rest ?? {}, ...notSent);
  const isOwn = ([name]: readonly [string, JsonValue]): boolean =>
    name.startsWith('$') || name.startsWith('mp_') || name === 'ip' || name === 'distinct_id';
  const members = Object.entries(rest);
  return {
    ...Object.fromEntries(members.filter((member) => !isOwn(member))),
    properties: {
      ...properties,
      ...present({ ip: addressOf(event) }),
      time: Date.parse(time),
      ...identityOf(event, sent),
      $insert_id,
      ...Object.fromEntries(members.filter(isOwn)),
    },
  };
}

/** The ids under the names that they came under, where an SDK of Mixpanel sent the event. */
function identityOf(event: StoredEvent, sent: SentCall | undefined): JsonObject {
  const { userId, anonymousId } = event;
  if (sent === undefined) {
    return present({
      distinct_id: personOf(event),
      $user_id: userId,
      $device_id: anonymousId,
    });
  }
  const { moved = [] } = sent.call;
  const [hasUser, hasDevice] = [moved.includes('$user_id'), moved.includes('$device_id')];
  const device = anonymousId === undefined ? undefined : `$device:${anonymousId}`;
  return present({
    distinct_id: userId ?? device,
    $user_id: hasUser ? userId : undefined,
    $device_id: hasDevice ? anonymousId : undefined,
  });
}

/** Without an address Mixpanel takes the gate's for that of the person. */
const noAddress = '0';

function personUpdate(
  event: StoredEvent,
  sent: SentCall | undefined,
  token: string,
): MixpanelMessage {
  const rest = withoutRequest(sent?.rest ?? {}, 'set_once', '$set_once', '$user_id', '$device_id');
  return {
    kind: 'person',
    id: event.eventId,
    body: {
      $token: token,
      $distinct_id: identityOf(event, sent)['distinct_id'] ?? personOf(event),
      $ip: addressOf(event) ?? noAddress,
      ...timeOf(event, sent),
      ...updateOf(sent, event.properties ?? {}),
      ...rest,
    },
  };
}

const groupPlaces = { $group_key: 'group_type', $group_id: 'group_id' } as const;

function groupUpdate(
  event: StoredEvent,
  sent: SentCall | undefined,
  token: string,
): MixpanelMessage {
  const { properties = {} } = event;
  const { members, properties: traits } =
    sent === undefined
      ? {
          members: present({
            $group_key: properties['group_type'],
            $group_id: properties['group_id'],
          }),
          properties: without(properties, 'group_type', 'group_id'),
        }
      : putBack(sent, groupPlaces);
  const rest = withoutRequest(sent?.rest ?? {}, 'set_once', '$set_once');
  return {
    kind: 'group',
    id: event.eventId,
    body: { $token: token, ...members, ...timeOf(event, sent), ...updateOf(sent, traits), ...rest },
  };
}

/** Seconds, where the update had a time of its own: Mixpanel applies updates in the order of it. */
function timeOf({ occurredAt }: StoredEvent, sent: SentCall | undefined): JsonObject {
  const isOwn = sent !== undefined && occurredAt !== undefined;
  return isOwn ? { $time: Math.floor(Date.parse(occurredAt) / 1000) } : {};
}

/** `$set` and `$set_once`, by what the gate kept of them. */
function updateOf(sent: SentCall | undefined, properties: JsonObject): JsonObject {
  const names = sent?.rest['set_once'];
  const onceNames: readonly JsonValue[] = Array.isArray(names) ? names : [];
  const pick = (isOnce: boolean): JsonObject =>
    Object.fromEntries(
      Object.entries(properties).filter(([name]) => onceNames.includes(name) === isOnce),
    );
  const set = pick(false);
  const setOnce = { ...membersOf(sent?.rest['$set_once']), ...pick(true) };
  const isOnce = Object.keys(setOnce).length > 0;
  return {
    ...((Object.keys(set).length > 0 || !isOnce) && { $set: set }),
    ...(isOnce && { $set_once: setOnce }),
  };
}

function aliasOf(event: StoredEvent, sent: SentCall | undefined, token: string): MixpanelMessage {
  const { properties = {} } = event;
  const others = withoutRequest(sent?.rest ?? {}, 'event', '$insert_id');
  return {
    kind: 'alias',
    id: event.eventId,
    body: {
      event: '$create_alias',
      properties: {
        ...without(properties, 'previous_id'),
        ...present({ alias: properties['previous_id'] }),
        distinct_id: personOf(event),
        token,
        ...others,
      },
    },
  };
}
