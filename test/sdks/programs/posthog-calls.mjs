/** Makes the calls by posthog-node. */
import { end, fail, loadSdk, order, readArguments, settle } from './program.mjs';

const { url, key, isGzip, calls } = readArguments();
const { PostHog } = await loadSdk('posthog-node');
const posthog = new PostHog(key, {
  host: url,
  flushAt: 100,
  // Behind a limit, the SDK's own.
  ...(process.env.SDK_OWN_PACE === undefined && { fetchRetryDelay: 200 }),
  disableCompression: !isGzip,
});
posthog.on?.('error', (error) => {
  const isAboutFlags = String(error?.response?.url).includes('/flags');
  const about = calls.filter(({ call }) => !isAboutFlags || call === 'flags');
  fail(about, error);
});

const make = {
  track: (distinctId, isGood) =>
    posthog.capture({
      distinctId,
      event: 'Order Completed',
      properties: order(distinctId, isGood),
    }),
  identify: (distinctId) => posthog.identify({ distinctId, properties: { plan: 'team' } }),
  page: (distinctId) =>
    posthog.capture({
      distinctId,
      event: '$pageview',
      properties: { $current_url: 'https://x.example/' },
    }),
  screen: (distinctId) =>
    posthog.capture({ distinctId, event: '$screen', properties: { $screen_name: 'Cart' } }),
  group: (groupKey) =>
    posthog.groupIdentify({ groupType: 'company', groupKey, properties: { seats: 3 } }),
  alias: (distinctId) => posthog.alias({ distinctId, alias: 'a1' }),
  flags: askFlag,
  decide: askFlag,
};

async function askFlag(distinctId) {
  const value = await posthog.getFeatureFlag('new-checkout', distinctId, {
    sendFeatureFlagEvents: false,
  });
  settle(distinctId, undefined, `getFeatureFlag returned ${String(value)}`);
}

// In its newer protocol, the pause before it sends again does not keep a program alive.
const alive = setInterval(() => {}, 1000);
for (const one of calls) {
  try {
    await make[one.call](one.marker, one.isGood);
  } catch (error) {
    fail([one], error);
  }
}
try {
  await (posthog.shutdownAsync ?? posthog.shutdown).call(posthog, 20_000);
} catch (error) {
  fail(calls, error);
}
clearInterval(alive);
end(calls);
