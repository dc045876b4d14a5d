/** Makes the calls by mixpanel: each in a request of its own or, where there is only one kind, in a batch. */
import { end, fail, loadSdk, order, readArguments, settle } from './program.mjs';

const { url, key, calls } = readArguments();
const { default: Mixpanel } = await loadSdk('mixpanel');
const { hostname, port } = new URL(url);
const mixpanel = Mixpanel.init(key, {
  protocol: 'http',
  host: hostname,
  port,
  key: 'unused',
  keepAlive: false,
});

const time = Math.floor(Date.now() / 1000) - 60;
const event = (marker, isGood) => ({ distinct_id: marker, ...order(marker, isGood) });
const make = {
  track: (marker, isGood, done) => mixpanel.track('Order Completed', event(marker, isGood), done),
  import: (marker, isGood, done) =>
    mixpanel.import('Order Completed', time, event(marker, isGood), done),
  alias: (marker, _isGood, done) => mixpanel.alias(marker, 'a1', done),
  engage: (marker, _isGood, done) => mixpanel.people.set(marker, { plan: 'team' }, done),
  groups: (marker, _isGood, done) => mixpanel.groups.set('company', marker, { seats: 3 }, done),
};

const isBatch = calls.length > 1 && new Set(calls.map(({ call }) => call)).size === 1;
if (isBatch) {
  const events = calls.map(({ marker, isGood }) => ({
    event: 'Order Completed',
    properties: { ...event(marker, isGood), time },
  }));
  await new Promise((resolve) => {
    mixpanel.import_batch(events, (errors) => {
      if (errors) fail(calls, [errors].flat()[0]);
      else for (const { marker } of calls) settle(marker);
      resolve();
    });
  });
} else {
  const settled = calls.map(
    ({ call, marker, isGood }) =>
      new Promise((resolve) => {
        make[call](marker, isGood, (error) => {
          settle(marker, error);
          resolve();
        });
      }),
  );
  await Promise.all(settled);
}
end(calls);
