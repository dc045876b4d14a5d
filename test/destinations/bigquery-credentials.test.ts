import { afterAll, expect, test } from 'vitest';

import { createBigqueryDestination } from '../../src/destinations/bigquery/bigquery.ts';
import { bigquerySettings, removeJournals } from '../clouds/bigquery-far-side.ts';
import { deliverOne, withoutCredentials } from './google-credentials.ts';

const written = withoutCredentials();
afterAll(removeJournals);

function deliverTo(endpoint: string | null): Promise<unknown> {
  const ports = { port: 65_535, httpPort: 65_535 };
  const settings = bigquerySettings(ports, 'analytics', { endpoint, storage_endpoint: endpoint });
  return deliverOne(createBigqueryDestination('w', settings));
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
  expect(await deliverTo('http://127.0.0.1:65535')).toMatchObject({
    kind: 'retry',
    fault: 'destination',
    reason: expect.stringContaining('ECONNREFUSED'),
  });
});
