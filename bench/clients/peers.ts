import { Analytics } from '@segment/analytics-node';
import { PostHog } from 'posthog-node';
import Rudder from '@rudderstack/rudder-sdk-node';

import { createHeadgateClient } from '../../client/src/index.ts';

/** A client to measure. All use their own defaults, except for the host. */
export interface Peer {
  /** Returns undefined if the call is done when it returns. */
  track(number: number): Promise<unknown> | undefined;
  close(): Promise<unknown>;
}

export const peerNames = [
  'headgate',
  'headgate, no fsync',
  'headgate, memory',
  'segment',
  'posthog',
  'rudderstack',
] as const;
export type PeerName = (typeof peerNames)[number];

function propertiesOf(number: number) {
  return { number, order_id: `A-${number}`, total: 49.9, currency: 'EUR', payment_method: 'card' };
}

export function openPeer(name: PeerName, url: string, directory: string): Peer {
  if (name === 'segment') return openSegment(url);
  if (name === 'posthog') return openPostHog(url);
  if (name === 'rudderstack') return openRudder(url);
  const client = createHeadgateClient({
    url,
    closeTimeoutMs: 60_000,
    spool:
      name === 'headgate, memory'
        ? { memory: true }
        : { directory, fsync: name === 'headgate' ? 'always' : 'none' },
    onTrouble: () => {},
  });
  return {
    track: (number) =>
      client.track({
        eventName: 'order_completed',
        userId: 'u-1',
        properties: propertiesOf(number),
      }),
    close: () => client.close(),
  };
}

function openSegment(host: string): Peer {
  const client = new Analytics({ writeKey: 'key', host });
  // Without a listener it prints every failed request.
  client.on('error', () => {});
  return {
    track: (number) =>
      void client.track({
        event: 'order_completed',
        userId: 'u-1',
        properties: propertiesOf(number),
      }),
    close: () => client.closeAndFlush({ timeout: 60_000 }),
  };
}

function openPostHog(host: string): Peer {
  const client = new PostHog('key', { host });
  client.on('error', () => {});
  return {
    track: (number) =>
      void client.capture({
        event: 'order_completed',
        distinctId: 'u-1',
        properties: propertiesOf(number),
      }),
    close: () => client.shutdown(60_000),
  };
}

function openRudder(url: string): Peer {
  const client = new Rudder('key', { dataPlaneUrl: url, logLevel: 'silent' });
  return {
    track: (number) =>
      void client.track({
        event: 'order_completed',
        userId: 'u-1',
        properties: propertiesOf(number),
      }),
    close: () => new Promise((resolve) => void client.flush(() => resolve(undefined))),
  };
}
