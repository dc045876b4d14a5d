import { cloudEventsDoor, cloudEventsPath } from './cloudevents/cloudevents-endpoint.ts';
import type { Exchange } from './exchange.ts';
import { mixpanelDoors } from './vendors/mixpanel-endpoint.ts';
import { posthogDoors } from './vendors/posthog-endpoint.ts';
import { segmentAliases, segmentDoors } from './vendors/segment-endpoint.ts';
import type { Door, DoorCall } from './serve-request.ts';

export interface ForeignDoor {
  /** By the headers of a request, where a path has more than one door. */
  readonly enter: (exchange: Exchange) => { readonly door: Door; readonly call: DoorCall };
  readonly methods: readonly string[];
}

type Entry = readonly [path: string, door: ForeignDoor];

/** The doors for events in the form of another system, by path. */
export const foreignDoors: ReadonlyMap<string, ForeignDoor> = new Map<string, ForeignDoor>([
  ...[...segmentDoors, ...segmentAliases, ...posthogDoors].map(
    ([path, door, call]): Entry => [path, { enter: () => ({ door, call }), methods: ['POST'] }],
  ),
  ...mixpanelDoors.map(
    ([path, door, call]): Entry => [path, { enter: () => ({ door, call }), methods: ['POST', 'GET'] }],
  ),
  [cloudEventsPath, { enter: cloudEventsDoor, methods: ['POST'] }],
]);
