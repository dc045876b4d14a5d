import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

import { beforeEach, expect, onTestFinished, test } from 'vitest';

import type { Outcome } from '../../src/destinations/destination.ts';
import { createPostgresDestination } from '../../src/destinations/postgres/postgres.ts';
import { deliveryOfEvent, never } from './deliveries.ts';
import { askPostgres, postgresSettings } from './postgres-far-side.ts';
import { startPostgres, whyNoPostgres } from './postgres-server.ts';

const missing = whyNoPostgres();

beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
});

/** What stands before PostgreSQL: it breaks a connection on which COPY comes, or passes nothing on from then on. */
async function startProxy(port: number, isSilent: boolean): Promise<number> {
  const proxy = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => [near, far].forEach((each) => each.destroy()));
    }
    far.pipe(near);
    near.on('data', (bytes: Buffer) => {
      if (!bytes.includes('COPY ')) far.write(bytes);
      else if (!isSilent) near.destroy();
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  return (proxy.address() as AddressInfo).port;
}

test.each(['breaks', 'falls silent'])(
  'a proxy that %s on COPY costs one attempt, not all of them',
  async (how) => {
    const server = await startPostgres();
    onTestFinished(() => server.close());
    const port = await startProxy(server.port, how !== 'breaks');
    const url = server.url.replace(`:${server.port}/`, `:${port}/`);
    const settings = postgresSettings(server, { tables: 'per_event', timeout: 1_000, url });
    const schema = { type: 'object', properties: { total: { type: 'integer' } } };
    const contracts = [{ name: 'order_completed', schemas: [schema] }];
    const destination = createPostgresDestination('w', settings, { contracts: () => contracts });
    onTestFinished(() => destination.close());
    const outcomes: Outcome['kind'][] = [];
    for (let total = 0; total < 3; total += 1) {
      const delivery = deliveryOfEvent({ schemaVersion: 1, properties: { total } });
      const [outcome] = await destination.deliver([delivery], never);
      outcomes.push(outcome!.kind);
    }
    expect(outcomes).toEqual(['retry', 'delivered', 'retry']);
    const rows = await askPostgres(server, 'SELECT total::int FROM order_completed');
    expect(rows).toEqual([{ total: 1 }]);
  },
);
