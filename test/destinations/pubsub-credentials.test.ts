import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { createPubsubDestination } from '../../src/destinations/pubsub/pubsub.ts';
import { pubsubSettings } from '../clouds/pubsub-far-side.ts';
import { deliveryOfEvent, never } from './deliveries.ts';

const written: unknown[] = [];

beforeAll(() => {
  vi.stubEnv('HOME', '/nowhere');
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  // Would lead events to an emulator, in the clear.
  vi.stubEnv('PUBSUB_EMULATOR_HOST', '127.0.0.1:2');
  for (const method of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((...values) => void written.push(values));
  }
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function deliverOne(endpoint: string | null): Promise<unknown> {
  const destination = createPubsubDestination('bus', pubsubSettings(1, 'events', { endpoint }));
  const [outcome] = await destination.deliver([deliveryOfEvent()], never);
  await destination.close();
  return outcome;
}

test.each([null, 'https://127.0.0.1:1'])(
  'without credentials it says so, at %s, and writes nothing to the console',
  async (endpoint) => {
    expect(await deliverOne(endpoint)).toMatchObject({
      kind: 'retry',
      fault: 'destination',
      reason: expect.stringContaining('Could not load the default credentials'),
    });
    expect(written).toEqual([]);
  },
);

test('over http:// it needs no credentials', async () => {
  expect(await deliverOne('http://127.0.0.1:1')).toMatchObject({
    kind: 'retry',
    fault: 'destination',
    status: 'UNAVAILABLE',
  });
});
