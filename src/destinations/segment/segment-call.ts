import type { JsonObject } from '../../event/json/json.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import type { VendorCallKind } from '../../event/vendor-call.ts';
import {
  present,
  putBack,
  sentCallOf,
  textIn,
  without,
  withoutRequest,
  type SentCall,
} from '../vendors/sent-call.ts';

/** A call of Segment's protocol, which RudderStack speaks as well. `time` is RFC 3339. */
export function segmentCallOf(event: StoredEvent, time: string): JsonObject {
  const sent = sentCallOf(event, 'segment');
  return sent === undefined ? callOf(event, time) : sentAgain(event, sent, time);
}

/** What every call has. */
function envelopeOf(event: StoredEvent, type: string, time: string): JsonObject {
  const { userId, anonymousId } = event;
  return present({ type, messageId: event.eventId, userId, anonymousId, timestamp: time });
}

/** Members of a call, and the properties that the gate makes of them. */
const places = {
  name: 'name',
  category: 'category',
  groupId: 'group_id',
  previousId: 'previous_id',
} as const;

/** Where the traits of RudderStack's SDKs stand. */
const contextTraits = 'context.traits';

function sentAgain(event: StoredEvent, sent: SentCall, time: string): JsonObject {
  const { call, rest } = sent;
  const { eventName, messageId = event.eventId, moved = [], copied = [] } = call;
  const { members, properties } = putBack(sent, places);
  const isTrack = call.call === 'track';
  const within = moved.includes(contextTraits) ? undefined : withinOf(call.call);
  const inContext = within === undefined || copied.includes(contextTraits);
  const context =
    call.call === 'identify' && inContext ? { ...sent.context, traits: properties } : sent.context;
  return {
    ...withoutRequest(rest, 'messageId', ...(isTrack ? ['event', 'type'] : [])),
    ...envelopeOf(event, call.call, time),
    messageId,
    ...members,
    ...(isTrack && { event: eventName ?? event.eventName }),
    ...(within !== undefined && { [within]: properties }),
    ...(context !== undefined && { context }),
  };
}

/** The member that holds what are properties here. An alias has none. */
function withinOf(call: VendorCallKind): 'properties' | 'traits' | undefined {
  if (call === 'alias') return undefined;
  return call === 'identify' || call === 'group' ? 'traits' : 'properties';
}

/** An event that came in another way. */
function callOf(event: StoredEvent, time: string): JsonObject {
  const { properties = {}, context, vendorCall } = event;
  const envelope = (type: string): JsonObject => envelopeOf(event, type, time);
  const rest = present({ context });
  switch (vendorCall?.call) {
    case 'identify':
      return { ...envelope('identify'), traits: properties, ...rest };
    case 'page':
    case 'screen': {
      const name = textIn(properties, 'name');
      return { ...envelope(vendorCall.call), ...present({ name }), properties, ...rest };
    }
    case 'group':
    case 'group_identify': {
      const groupId = properties['group_id'];
      const traits = without(properties, 'group_id');
      return { ...envelope('group'), ...present({ groupId }), traits, ...rest };
    }
    case 'alias':
      return {
        ...envelope('alias'),
        ...present({ previousId: properties['previous_id'] }),
        ...rest,
      };
    default: {
      const name = vendorCall?.eventName ?? event.eventName;
      return { ...envelope('track'), event: name, properties, ...rest };
    }
  }
}
