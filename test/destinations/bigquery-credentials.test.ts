import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { createBigqueryDestination } from '../../src/destinations/bigquery/bigquery.ts';
import { bigquerySettings, removeJournals } from '../clouds/bigquery-far-side.ts';
import { deliveryOfEvent, never } from './deliveries.ts';

const written: unknown[] = [];

beforeAll(() => {
  vi.stubEnv('HOME', '/nowhere');
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  for (const method of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((...values) => void written.push(values));
  }
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  removeJournals();
});

async function deliverOne(endpoint: string | null): Promise<unknown> {
  const ports = { port: 65_535, httpPort: 65_535 };
  const settings = bigquerySettings(ports, 'analytics', { endpoint, storage_endpoint: endpoint });
  const destination = createBigqueryDestination('w', settings);
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
  expect(await deliverOne('http://127.0.0.1:65535')).toMatchObject({
    kind: 'retry',
    fault: 'destination',
    reason: expect.stringContaining('ECONNREFUSED'),
  });
});
