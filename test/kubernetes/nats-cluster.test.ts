import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { until } from '../delivery/rig.ts';
import { readPage } from '../documentation/markdown.ts';
import { startRealService } from '../real-service.ts';

const nodes = [0, 1, 2];
const password = 'n0123456789abcdef';

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

interface Cluster {
  readonly url: string;
  /** Of the first node's port of figures. */
  readonly monitor: string;
  readonly children: readonly ChildProcess[];
}

/** Of /jsz; the leader alone lists the others. */
interface MetaCluster {
  readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[];
}

/** The committed nats.conf on three nodes, but for addresses and folders that are the pods'. */
async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-cluster-'));
  const ports = await freePorts(9);
  const [clients, routes, monitors] = [0, 3, 6].map((from) => ports.slice(from, from + 3));
  const binary = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  for (const node of nodes) {
    const conf = readPage('deploy/kubernetes/nats.conf')
      .replace('0.0.0.0:4222', `127.0.0.1:${clients![node]}`)
      .replace('0.0.0.0:6222', `127.0.0.1:${routes![node]}`)
      .replace('0.0.0.0:8222', `127.0.0.1:${monitors![node]}`)
      .replace('store_dir: /data', `store_dir: ${folder}/${node}`)
      .replaceAll(
        /nats-(\d)\.nats:6222/g,
        (_whole, other: string) => `127.0.0.1:${routes![Number(other)]}`,
      );
    await mkdir(path.join(folder, String(node)));
    await writeFile(path.join(folder, `${node}.conf`), conf);
    const env = { POD_NAME: `nats-${node}`, NATS_PASSWORD: password };
    children.push(
      spawn(binary.path, ['-c', path.join(folder, `${node}.conf`)], { env, stdio: 'ignore' }),
    );
  }
  // What the startup probe asks; and the leader must know the others, or it places nothing on three.
  const read = async (port: number, what: string): Promise<Response | undefined> =>
    fetch(`http://127.0.0.1:${port}/${what}`).catch(() => undefined);
  const isFormed = async (port: number): Promise<boolean> => {
    const answer = await read(port, 'jsz');
    const figures = (await answer?.json()) as { meta_cluster?: MetaCluster } | undefined;
    const replicas = figures?.meta_cluster?.replicas ?? [];
    return replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
  };
  await until(
    async () => ({
      healthy: await Promise.all(monitors!.map(async (port) => (await read(port, 'healthz'))?.ok)),
      formed: await Promise.all(monitors!.map(isFormed)),
    }),
    ({ healthy, formed }) => healthy.every(Boolean) && formed.some(Boolean),
    60_000,
  );
  const [first, ...others] = clients!.map((port) => `127.0.0.1:${port}`);
  const url = [
    `nats://headgate:${password}@${first}`,
    ...others.map((one) => `nats://${one}`),
  ].join(',');
  return { url, monitor: `http://127.0.0.1:${monitors![0]}`, children };
}

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
  const { url, monitor, children } = await startCluster();
  await using real = await startRealService({
    env: { HEADGATE_NATS_URL: url },
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
  children[2]!.kill('SIGKILL');
  await once(children[2]!, 'close');
  await until(send, (status) => status === 202, 60_000);
}, 180_000);
