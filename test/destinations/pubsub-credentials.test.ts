import { expect, test } from 'vitest';

import { createPubsubDestination } from '../../src/destinations/pubsub/pubsub.ts';
import { pubsubSettings } from '../clouds/pubsub-far-side.ts';
import { deliverOne, withoutCredentials } from './google-credentials.ts';

// The emulator would lead events there, in the clear.
const written = withoutCredentials({ PUBSUB_EMULATOR_HOST: '127.0.0.1:2' });

function deliverTo(endpoint: string | null): Promise<unknown> {
  return deliverOne(createPubsubDestination('bus', pubsubSettings(1, 'events', { endpoint })));
}

test.each([null, 'https://127.0.0.1:1'])(
  'without credentials it says so, at %s, and writes nothing to the console',
  async (endpoint) => {
    expect(await deliverTo(endpoint)).toMatchObject({
      kind: 'retry',
      fault: 'destination',
      reason: expect.stringContaining('Could not load the default credentials'),
    });
    expect(written).toEqual([]);
  },
);

test('over http:// it needs no credentials', async () => {
  expect(await deliverTo('http://127.0.0.1:1')).toMatchObject({
    kind: 'retry',
    fault: 'destination',
    status: 'UNAVAILABLE',
  });
});
