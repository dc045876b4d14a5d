import { Analytics } from '@segment/analytics-node';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import Mixpanel from 'mixpanel';
import { PostHog } from 'posthog-node';

/*
 * Every call of the vendors' SDKs for Node. The same calls go to a stand-in of the vendor directly and,
 * through the gate and the vendor's destination, to the same stand-in.
 */

/** Where an SDK sends. */
export interface Target {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string;
  /** The SDK is pointed at the gate, whose paths for Segment begin with `/v1/segment`. */
  readonly isGate: boolean;
}

const day = 86_400_000;
/** One for all runs of a test, so that both ways send the same. */
export const yesterday = new Date(Math.floor(Date.now() / 1000) * 1000 - day + 123);
export const twoYearsAgo = new Date(yesterday.getTime() - 730 * day);

const order = { order_id: 'A1', total: 12.5, currency: 'EUR' };

export async function callSegment({ url, key, isGate }: Target): Promise<void> {
  const analytics = new Analytics({
    writeKey: key,
    host: url,
    path: isGate ? '/v1/segment/batch' : '/v1/batch',
    flushAt: 50,
  });
  const errors: unknown[] = [];
  analytics.on('error', (error) => errors.push(error));
  const integrations = { All: false, Mixpanel: true };
  const context = {
    ip: '203.0.113.9',
    campaign: { name: 'spring', source: 'mail', medium: 'mail' },
    groupId: 'g1',
  };
  analytics.track({ userId: 'u1', event: 'Order Completed', properties: order });
  analytics.track({
    userId: 'u1',
    anonymousId: 'a1',
    event: 'order_completed',
    properties: order,
    timestamp: yesterday,
    messageId: 'my-own-id-1',
    context,
    integrations,
  });
  analytics.track({
    anonymousId: 'a1',
    event: 'Order Completed',
    properties: order,
    timestamp: twoYearsAgo,
  });
  analytics.identify({ userId: 'u1', anonymousId: 'a1', traits: { plan: 'team' }, integrations });
  analytics.identify({ userId: 'u1', traits: {} });
  analytics.page({
    userId: 'u1',
    name: 'Home',
    category: 'Docs',
    properties: { url: 'https://x.example/', title: 'Home' },
  });
  analytics.page({ userId: 'u1' });
  analytics.screen({ userId: 'u1', name: 'Cart', category: 'Shop', properties: { items: 3 } });
  analytics.group({ userId: 'u1', groupId: 'g1', traits: { seats: 3 } });
  analytics.alias({ userId: 'u1', previousId: 'a1' });
  await analytics.closeAndFlush();
  if (errors.length > 0) throw new Error(`Segment's SDK: ${JSON.stringify(errors)}`);
}

export async function callRudderstack({ url, key, isGate }: Target): Promise<void> {
  const analytics = new RudderAnalytics(key, {
    dataPlaneUrl: isGate ? `${url}/v1/segment` : url,
    flushAt: 50,
    gzip: false,
    logLevel: 'silly',
  });
  const integrations = { All: true };
  const context = { ip: '203.0.113.9', traits: { plan: 'team' } };
  analytics.track({ userId: 'u1', event: 'Order Completed', properties: order });
  analytics.track({
    userId: 'u1',
    anonymousId: 'a1',
    event: 'Order Completed',
    properties: order,
    timestamp: yesterday,
    messageId: 'my-own-id-1',
    context,
    integrations,
  } as never);
  analytics.identify({ userId: 'u1', traits: { plan: 'team' } });
  analytics.identify({ userId: 'u1', context: { traits: { plan: 'team' } } });
  analytics.page({
    userId: 'u1',
    name: 'Home',
    category: 'Docs',
    properties: { url: 'https://x.example/' },
  });
  analytics.screen({ userId: 'u1', name: 'Cart', properties: { items: 3 } });
  analytics.group({ userId: 'u1', groupId: 'g1', traits: { seats: 3 } });
  analytics.alias({ userId: 'u1', previousId: 'a1' });
  await new Promise<void>((resolve, reject) => {
    analytics.flush((error?: Error) => (error ? reject(error) : resolve()));
  });
}

export async function callPosthog({ url, key }: Target): Promise<void> {
  const posthog = new PostHog(key, { host: url, flushAt: 50, disableCompression: true });
  const errors: unknown[] = [];
  posthog.on('error', (error) => errors.push(error));
  posthog.capture({ distinctId: 'u1', event: 'Order Completed', properties: order });
  posthog.capture({
    distinctId: 'u1',
    event: 'order_completed',
    properties: { ...order, $ip: '203.0.113.9', $set: { plan: 'team' }, $set_once: { first: 1 } },
    timestamp: yesterday,
    groups: { company: 'acme' },
    uuid: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  });
  posthog.capture({
    distinctId: 'u1',
    event: 'Order Completed',
    properties: order,
    timestamp: twoYearsAgo,
  });
  posthog.capture({
    distinctId: 'd1',
    event: 'Order Completed',
    properties: { ...order, $process_person_profile: false },
  });
  posthog.capture({
    distinctId: 'u1',
    event: '$pageview',
    properties: { $current_url: 'https://x.example/', $title: 'Home', depth: 3 },
  });
  posthog.capture({ distinctId: 'u1', event: '$screen', properties: { $screen_name: 'Cart' } });
  posthog.identify({ distinctId: 'u1', properties: { plan: 'team' } });
  posthog.identify({
    distinctId: 'u1',
    properties: {
      $set: { plan: 'team' },
      $set_once: { plan: 'free', first: 1 },
      $anon_distinct_id: 'a1',
    },
  });
  posthog.groupIdentify({ groupType: 'company', groupKey: 'acme', properties: { seats: 3 } });
  posthog.alias({ distinctId: 'u1', alias: 'a1' });
  await posthog.shutdown(20_000);
  if (errors.length > 0) throw new Error(`PostHog's SDK: ${String(errors[0])}`);
}

export async function callMixpanel({ url, key }: Target): Promise<void> {
  const { hostname, port } = new URL(url);
  const mixpanel = Mixpanel.init(key, {
    protocol: 'http',
    host: hostname,
    port: Number(port),
    key: 'unused',
    keepAlive: false,
  } as never);
  const time = Math.floor(yesterday.getTime() / 1000);
  const done = (make: (callback: (error?: Error) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => make((error) => (error ? reject(error) : resolve())));
  await done((end) => mixpanel.track('Order Completed', { distinct_id: 'u1', ...order }, end));
  await done((end) =>
    mixpanel.track(
      'Order Completed',
      {
        distinct_id: 'u1',
        $insert_id: 'my-own-id-1',
        $device_id: 'd1',
        ip: '203.0.113.9',
        time,
        ...order,
      },
      end,
    ),
  );
  await done((end) =>
    mixpanel.import('Order Completed', twoYearsAgo, { distinct_id: 'u1', ...order }, end),
  );
  await done((end) =>
    mixpanel.import_batch(
      [
        { event: 'Order Completed', properties: { distinct_id: 'u1', time, ...order } },
        { event: 'order_completed', properties: { distinct_id: '$device:d1', time, ...order } },
      ],
      ((errors: Error[] | null) => end(errors?.[0])) as never,
    ),
  );
  await done((end) => mixpanel.alias('u1', 'a1', end));
  await done((end) => mixpanel.people.set('u1', { plan: 'team', $email: 'u@x.example' }, end));
  await done((end) => mixpanel.people.set_once('u1', { first: 1 }, end));
  await done((end) => mixpanel.groups.set('company', 'acme', { seats: 3 }, end));
  await done((end) => mixpanel.groups.set_once('company', 'acme', { since: 2020 }, end));
}
