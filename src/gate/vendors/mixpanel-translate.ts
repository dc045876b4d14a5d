import { isJsonObject, type JsonObject, type JsonValue } from '../../event/json/json.ts';
import type { Translation } from '../decode/vendor/decode-vendor.ts';
import {
  contextWith,
  flatEvent,
  type Placed,
  VendorMembers,
  vendorCallOf,
  idOf,
  keyOf,
  propertiesWith,
  timeOf,
} from '../decode/vendor/vendor-members.ts';
import { snakeName } from '../decode/vendor/vendor-names.ts';

/** The event by which Mixpanel's SDKs say that two ids are one person. */
const aliasEvent = '$create_alias';

/** Members that Mixpanel or its SDK adds. They describe the sending, and go into `context`. */
function isOwnProperty(name: string): boolean {
  return name.startsWith('$') || name.startsWith('mp_') || name === 'ip';
}

/** An event of `/track` and `/import` in the names of the contract. */
export function translateMixpanelEvent(sent: JsonObject): Translation {
  const { properties: sentProperties, event: sentName, ...others } = sent;
  const members = new VendorMembers(others);
  let properties: JsonValue | undefined = sentProperties ?? undefined;
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
  const isAlias = sentName === aliasEvent;
  if (isAlias && isJsonObject(properties)) {
    const { alias, ...others } = properties;
    if (alias !== undefined) members.put('alias', alias);
    properties = others;
  }
  const placed: Placed = { moved: [], copied: [] };
  if (isAlias) properties = propertiesWith(properties, [['previous_id', 'alias']], members, placed);
  const name = isAlias
    ? 'user_aliased'
    : typeof sentName === 'string'
      ? snakeName(sentName)
      : sentName;
  if (name !== sentName) members.put('event', sentName!);
  const id = members.take('$insert_id');
  if (id !== undefined && keyOf('mixpanel', id) !== id) members.put('$insert_id', id);
  const time = members.take('time');
  const fields = {
    event_name: name,
    ...identityOf(members, placed),
    idempotency_key: keyOf('mixpanel', id),
    occurred_at: timeOf(time),
    properties,
  };
  const [context, rest] = [members.take('context'), members.rest()];
  return {
    time,
    event: flatEvent({ ...fields, context: contextWith(context, 'mixpanel', rest) }),
    call: vendorCallOf(
      { system: 'mixpanel', call: isAlias ? 'alias' : 'track' },
      { eventName: sentName, messageId: id, placed, context, rest },
    ),
  };
}

const devicePrefix = '$device:';

function identityOf(
  members: VendorMembers,
  placed: Placed,
  idName: 'distinct_id' | '$distinct_id' = 'distinct_id',
): Record<string, JsonValue | undefined> {
  const distinctId = idOf(members.take(idName));
  const userId = idOf(members.take('$user_id'));
  const deviceId = idOf(members.take('$device_id'));
  if (userId !== undefined) placed.moved.push('$user_id');
  if (deviceId !== undefined) placed.moved.push('$device_id');
  if (typeof distinctId === 'string' && distinctId.startsWith(devicePrefix)) {
    const device = deviceId ?? distinctId.slice(devicePrefix.length);
    return { user_id: userId, anonymous_id: device };
  }
  // Only one of two ids of a person has a place in the contract.
  const isOther = userId !== undefined && distinctId !== undefined && userId !== distinctId;
  if (isOther) members.put(idName, distinctId);
  return { user_id: userId ?? distinctId, anonymous_id: deviceId };
}

/** Operations of Mixpanel on a profile that no event of ours expresses. */
const otherOperations = ['$add', '$append', '$union', '$remove', '$unset', '$delete'] as const;

/** An update of a person (`/engage`): `user_identified`, as Segment's identify. */
export function translateMixpanelPerson(sent: JsonObject): Translation {
  const members = new VendorMembers(sent);
  members.take('$token');
  const properties = members.takeUpdate();
  const time = members.take('$time');
  const placed: Placed = { moved: [], copied: [] };
  const fields = {
    event_name: 'user_identified',
    ...identityOf(members, placed, '$distinct_id'),
    occurred_at: timeOf(time),
    properties,
  };
  return withFault(sent, { ...withContext(fields, 'identify', members, placed), time });
}

/**
 * An update of a group (`/groups`): `group_identified`. It has no person, and gets an
 * anonymous id such as `$company_Acme`, the one that PostHog's SDKs send with theirs.
 */
export function translateMixpanelGroup(sent: JsonObject): Translation {
  const members = new VendorMembers(sent);
  members.take('$token');
  const properties = members.takeUpdate();
  const [type, id] = [sent['$group_key'], idOf(sent['$group_id'])];
  const added = [
    ['group_type', '$group_key'],
    ['group_id', '$group_id'],
  ] as const;
  const time = members.take('$time');
  const placed: Placed = { moved: [], copied: [] };
  const fields = {
    event_name: 'group_identified',
    anonymous_id: typeof type === 'string' && typeof id === 'string' ? `$${type}_${id}` : undefined,
    occurred_at: timeOf(time),
    properties: propertiesWith(properties, added, members, placed),
  };
  return withFault(sent, { ...withContext(fields, 'group_identify', members, placed), time });
}

function withContext(
  fields: Readonly<Record<string, JsonValue | undefined>>,
  call: 'identify' | 'group_identify',
  members: VendorMembers,
  placed: Placed,
): Translation {
  const rest = members.rest();
  return {
    event: flatEvent({ ...fields, context: contextWith(undefined, 'mixpanel', rest) }),
    call: vendorCallOf({ system: 'mixpanel', call }, { placed, context: undefined, rest }),
  };
}

function withFault(sent: JsonObject, translation: Translation): Translation {
  const other = otherOperations.find((name) => Object.hasOwn(sent, name));
  const isSet = isJsonObject(sent['$set'] ?? null) || isJsonObject(sent['$set_once'] ?? null);
  if (isSet && other === undefined) return translation;
  const message =
    other === undefined
      ? 'An update of a profile must have "$set" or "$set_once", an object.'
      : `The operation ${other} of a profile is not taken: only $set and $set_once are.`;
  const violations = [{ path: other === undefined ? '' : `/${other}`, code: 'operation', message }];
  return { ...translation, fault: { code: 'invalid_field', message, violations } };
}
