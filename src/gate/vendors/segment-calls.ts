import type { JsonValue } from '../../event/json/json.ts';

/** How each call becomes an event: its name, and where its properties are. */
export interface CallForm {
  /** Undefined if the call names its event itself. */
  readonly eventName: string | undefined;
  readonly properties: 'properties' | 'traits' | undefined;
  /** Members of the call that become properties: the property's name, and the member's. */
  readonly added: readonly (readonly [name: string, from: string])[];
}

const pageMembers = [
  ['name', 'name'],
  ['category', 'category'],
] as const;

export const segmentCalls = {
  track: { eventName: undefined, properties: 'properties', added: [] },
  identify: { eventName: 'user_identified', properties: 'traits', added: [] },
  page: { eventName: 'page_viewed', properties: 'properties', added: pageMembers },
  screen: { eventName: 'screen_viewed', properties: 'properties', added: pageMembers },
  group: { eventName: 'group_joined', properties: 'traits', added: [['group_id', 'groupId']] },
  alias: {
    eventName: 'user_aliased',
    properties: undefined,
    added: [['previous_id', 'previousId']],
  },
} as const satisfies Record<string, CallForm>;

export type SegmentCall = keyof typeof segmentCalls;

export const callNames = Object.keys(segmentCalls) as SegmentCall[];

export function isCall(type: JsonValue | undefined): type is SegmentCall {
  return typeof type === 'string' && Object.hasOwn(segmentCalls, type);
}
