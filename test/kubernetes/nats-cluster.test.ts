import { once } from 'node:events';

import { expect, test } from 'vitest';

import { until } from '../delivery/rig.ts';
import { startNatsCluster } from '../nats-cluster.ts';
import { startRealService } from '../real-service.ts';

/** What KEDA's scaler looks for in /jsz. */
interface JetStreamFigures {
  readonly account_details: readonly {
    readonly name: string;
    readonly stream_detail: readonly {
      readonly name: string;
      readonly consumer_detail?: readonly { readonly name: string; readonly num_pending: number }[];
    }[];
  }[];
}

test('three nodes with deploy/kubernetes/nats.conf accept events, also with one node down', async () => {
  await using cluster = await startNatsCluster();
  await cluster.waitUntilFormed();
  const { monitor } = cluster.nodes[0]!;
  await using real = await startRealService({
    env: { HEADGATE_NATS_URL: cluster.url() },
    // It is away: what waits for it is what KEDA counts.
    yaml: 'destinations:\n  crm: { type: webhook, url: "http://127.0.0.1:9/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private_addresses: true }\n',
  });
  expect(real.config.durability).toBe('replicated');
  let sent = 0;
  const send = async (): Promise<number> => {
    sent += 1;
    const { status } = await fetch(`${real.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key: `0190b5f0-7c4e-7d60-9f0a-2f1d6c1f${String(sent).padStart(4, '0')}`,
        properties: { order_id: 'A-1', total: 1, currency: 'EUR' },
      }),
    });
    return status;
  };
  expect(await send()).toBe(202);

  const query = 'acc=$G&streams=true&consumers=true&config=true';
  const figures = await until(
    async () => (await (await fetch(`${monitor}/jsz?${query}`)).json()) as JetStreamFigures,
    ({ account_details: accounts }) => accounts?.some(({ name }) => name === '$G'),
    20_000,
  );
  const streams = figures.account_details.find(({ name }) => name === '$G')!.stream_detail;
  const consumers = streams.find(({ name }) => name === 'EVENTS_0')!.consumer_detail!;
  expect(consumers).toContainEqual(
    expect.objectContaining({ name: 'crm', num_pending: expect.any(Number) }),
  );

  // Two are the quorum: it may take an election until the next event is taken.
  cluster.nodes[2]!.child.kill('SIGKILL');
  await once(cluster.nodes[2]!.child, 'close');
  await until(send, (status) => status === 202, 60_000);
}, 180_000);
