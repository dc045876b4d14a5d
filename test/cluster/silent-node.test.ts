import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { consumedStreams } from '../../src/jetstream/topology.ts';
import { until } from '../delivery/rig.ts';
import { freeze } from '../frozen-process.ts';
import { startNatsCluster, type NatsCluster } from '../nats-cluster.ts';
import { natsStream } from '../nats-stream.ts';
import { startRealService, type RealService } from '../real-service.ts';

const ackGapMsMax = 10_000;
const deliveryGapMsMax = 15_000;

/** The times at which something happened, and the longest time without it. */
function createPulse() {
  const times: number[] = [];
  return {
    beat: () => void times.push(performance.now()),
    count: () => times.length,
    longestGapMs: (fromMs: number): number => {
      const since = [fromMs, ...times.filter((time) => time >= fromMs), performance.now()];
      return Math.max(...since.slice(1).map((time, index) => time - since[index]!));
    },
  };
}

/** Producers that send one event after another, and their acknowledgements. */
function startProducers(url: string, onAck: () => void) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const produce = async (): Promise<void> => {
    while (!signal.aborted) {
      const answer = await fetch(`${url}/v1/track`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          event_name: 'order_completed',
          user_id: 'u-1',
          idempotency_key: crypto.randomUUID(),
          properties: { order_id: 'A-1', total: 1, currency: 'EUR' },
        }),
      }).catch(() => undefined);
      if (answer?.status === 202) onAck();
      await answer?.arrayBuffer().catch(() => {});
      await sleep(20);
    }
  };
  const running = Promise.all(Array.from({ length: 4 }, produce));
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Makes one node the leader of every stream and consumer that an event passes. */
async function leadFrom(cluster: NatsCluster, real: RealService, node: number): Promise<void> {
  const { connection } = clientsForTests(real.service.log);
  const preferred = JSON.stringify({ placement: { preferred: `nats-${node}` } });
  const leaders = async (): Promise<string[]> => {
    const found: string[] = [];
    const { monitor } = cluster.nodes[node]!;
    const answer = await fetch(`${monitor}/jsz?streams=true&consumers=true`);
    const { account_details: accounts } = (await answer.json()) as {
      account_details: { stream_detail: Detail[] }[];
    };
    for (const stream of accounts.flatMap(({ stream_detail: details }) => details)) {
      if (stream.name === 'EVENTS_0' || stream.name === 'PROBE') found.push(stream.cluster.leader);
      for (const consumer of stream.consumer_detail ?? []) {
        if (consumer.stream_name === 'EVENTS_0') found.push(consumer.cluster.leader);
      }
    }
    return found;
  };
  const api = '$JS.API';
  await until(
    async () => {
      for (const what of ['STREAM.LEADER.STEPDOWN.EVENTS_0', 'STREAM.LEADER.STEPDOWN.PROBE']) {
        await connection.request(`${api}.${what}`, preferred, { timeout: 5_000 }).catch(() => {});
      }
      for (const stream of consumedStreams) {
        const subject = `${api}.CONSUMER.LEADER.STEPDOWN.${natsStream(stream)}.crm`;
        await connection.request(subject, preferred, { timeout: 5_000 }).catch(() => {});
      }
      await sleep(500);
      return leaders();
    },
    (found) => found.length >= 3 && found.every((leader) => leader === `nats-${node}`),
    20_000,
  );
}

interface Detail {
  readonly name: string;
  readonly stream_name?: string;
  readonly cluster: { readonly leader: string };
  readonly consumer_detail?: Detail[];
}

test('a node that stops answering is left by publishers and consumers within seconds', async () => {
  await using cluster = await startNatsCluster();
  const delivered = createPulse();
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      delivered.beat();
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await cluster.waitUntilFormed();
  await using real = await startRealService({
    // One node alone: both connections are on it, and learn of the others from it.
    env: { HEADGATE_NATS_URL: cluster.url(0) },
    yaml: `destinations:\n  crm: { type: webhook, url: "http://127.0.0.1:${port}/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private_addresses: true }\n`,
  });
  await leadFrom(cluster, real, 0);
  const acked = createPulse();
  const producers = startProducers(real.url, acked.beat);
  try {
    await until(delivered.count, (count) => count > 20, 20_000);
    const frozenAt = performance.now();
    const silent = cluster.nodes[0]!.child.pid!;
    await freeze(silent);
    const readiness = { whileUnavailable: 0, whenRecovered: 0 };
    await sleep(3_000);
    readiness.whileUnavailable = (await fetch(`${real.adminUrl}/readyz`)).status;
    await until(
      () => acked.longestGapMs(performance.now() - 2_000) < 1_000,
      (isSteady) => isSteady,
      60_000,
    ).catch(() => {});
    await until(
      () => delivered.longestGapMs(performance.now() - 2_000) < 1_000,
      (isSteady) => isSteady,
      60_000,
    ).catch(() => {});
    readiness.whenRecovered = (await fetch(`${real.adminUrl}/readyz`)).status;
    const gaps = {
      ackMs: acked.longestGapMs(frozenAt),
      deliveryMs: delivered.longestGapMs(frozenAt),
    };
    process.kill(silent, 'SIGCONT');
    console.log(gaps, readiness);
    expect(gaps.ackMs).toBeLessThan(ackGapMsMax);
    expect(gaps.deliveryMs).toBeLessThan(deliveryGapMsMax);
    expect(readiness).toEqual({ whileUnavailable: 503, whenRecovered: 200 });
  } finally {
    await producers.stop();
    server.closeAllConnections();
    server.close();
  }
}, 120_000);
