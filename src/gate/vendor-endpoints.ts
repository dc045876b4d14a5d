import { cloudEventsEndpoint, cloudEventsPath } from './cloudevents/cloudevents-endpoint.ts';
import type { Exchange } from './exchange.ts';
import { mixpanelEndpoints } from './vendors/mixpanel-endpoint.ts';
import { posthogEndpoints } from './vendors/posthog-endpoint.ts';
import { segmentAliases, segmentEndpoints } from './vendors/segment-endpoint.ts';
import type { Endpoint, EndpointCall } from './serve-request.ts';

export interface VendorEndpoint {
  /** By the headers of a request, where a path has more than one door. */
  readonly enter: (exchange: Exchange) => { readonly door: Endpoint; readonly call: EndpointCall };
  readonly methods: readonly string[];
}

type Entry = readonly [path: string, door: VendorEndpoint];

/** The doors for events in the form of another system, by path. */
export const vendorEndpoints: ReadonlyMap<string, VendorEndpoint> = new Map<string, VendorEndpoint>(
  [
    ...[...segmentEndpoints, ...segmentAliases, ...posthogEndpoints].map(
      ([path, door, call]): Entry => [path, { enter: () => ({ door, call }), methods: ['POST'] }],
    ),
    ...mixpanelEndpoints.map(([path, door, call]): Entry => [
      path,
      { enter: () => ({ door, call }), methods: ['POST', 'GET'] },
    ]),
    [cloudEventsPath, { enter: cloudEventsEndpoint, methods: ['POST'] }],
  ],
);
