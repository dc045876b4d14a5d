/** Makes the calls by analytics-node or @rudderstack/rudder-sdk-node, which began as a copy of it. */
import { end, loadSdk, order, readArguments, settle } from './program.mjs';

const { url, key, isGzip, calls } = readArguments();
const loaded = await loadSdk(process.env['SDK_NAME']);
const Analytics = loaded.default?.default ?? loaded.default;
const isRudder = process.env['SDK_NAME'].startsWith('@rudderstack');
const options = {
  flushAt: 20,
  flushInterval: 500,
  gzip: isGzip,
  // Without it, RudderStack's ends the program with an error after which it gives up.
  errorHandler: () => {},
};
const analytics = !isRudder
  ? new Analytics(key, { ...options, host: url, path: '/v1/segment/batch' })
  : process.env['SDK_VERSION'].startsWith('1.')
    ? new Analytics(key, `${url}/v1/segment/v1/batch`, options)
    : new Analytics(key, { ...options, dataPlaneUrl: `${url}/v1/segment` });

const page = { url: 'https://x.example/' };
const make = {
  track: (userId, isGood) => ({
    userId,
    event: 'Order Completed',
    properties: order(userId, isGood),
  }),
  identify: (userId) => ({ userId, traits: { plan: 'team' } }),
  page: (userId) => ({ userId, name: 'Home', properties: page }),
  screen: (userId) => ({ userId, name: 'Cart' }),
  group: (userId) => ({ userId, groupId: 'g1', traits: { seats: 3 } }),
  alias: (userId) => ({ userId, previousId: 'a1' }),
};
const settled = calls.map(
  ({ call, marker, isGood }) =>
    new Promise((resolve) => {
      analytics[call](make[call](marker, isGood), (error) => {
        settle(marker, error);
        resolve();
      });
    }),
);
await analytics.flush();
await Promise.all(settled);
end(calls);
