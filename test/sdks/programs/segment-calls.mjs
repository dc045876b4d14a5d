/** Makes the calls by @segment/analytics-node. */
import { end, fail, loadSdk, order, readArguments, settle } from './program.mjs';

const { url, key, calls } = readArguments();
const { Analytics } = await loadSdk('@segment/analytics-node');
const analytics = new Analytics({ writeKey: key, host: url, path: '/v1/segment/batch' });
// Its errors name the event or, for a batch, nothing.
analytics.on('error', (error) => fail(calls, error, error.ctx?.event));

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
for (const { call, marker, isGood } of calls) {
  analytics[call](make[call](marker, isGood), (error) => settle(marker, error));
}
await analytics.closeAndFlush();
end(calls);
