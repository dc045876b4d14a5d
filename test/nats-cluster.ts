import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Log } from '../src/jetstream/log.ts';
import { openLog } from '../src/jetstream/open-log.ts';
import type { ServerAddress } from '../src/jetstream/server/embedded-server.ts';
import { findServerBinary } from '../src/jetstream/server/server-binary.ts';
import type { TopologyOptions } from '../src/jetstream/topology.ts';
import { until } from './delivery/rig.ts';
import { readPage } from './documentation/markdown.ts';

const nodes = [0, 1, 2];
const password = 'n0123456789abcdef';

export interface ClusterNode {
  readonly child: ChildProcess;
  /** `127.0.0.1:<port>` for clients. */
  readonly address: string;
  /** The base URL of its monitoring port. */
  readonly monitor: string;
}

/** Three nats-servers on loopback ports, with the committed deploy/kubernetes/nats.conf. */
export interface NatsCluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** Names the given nodes; all without arguments. */
  url(...some: readonly number[]): string;
  /** The same for `connectToServer` and `openLog`. */
  address(...some: readonly number[]): ServerAddress;
  /** Resolves when every node is healthy and the leader of the cluster knows the others. */
  waitUntilFormed(timeoutMs?: number): Promise<void>;
}

export interface NatsClusterOptions {
  /** Changes the configuration of each node: 0, 1, 2. */
  readonly edit?: (conf: string, node: number) => string;
  /** A nats-server program; by default the one that the service finds. */
  readonly binary?: string | undefined;
}

/** A log on a cluster, or on one of its nodes, of three replicas. The caller closes it. */
export function openReplicated(
  address: ServerAddress,
  more: Partial<TopologyOptions> = {},
): Promise<Log> {
  return openLog({
    address,
    durability: 'replicated',
    streamsDir: undefined,
    topology: {
      dedupWindowMs: 120_000,
      storageBytesMax: 256 * 1024 * 1024,
      replicas: 3,
      ...more,
    },
    publishTimeoutMs: 10_000,
    onStatus: () => {},
  });
}

/** Starts the nodes and returns at once: they still have to find each other. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-cluster-'));
  const ports = await freePorts(9);
  const [clients, routes, monitors] = [0, 3, 6].map((from) => ports.slice(from, from + 3));
  const binary =
    options.binary ??
    (
      await findServerBinary({
        named: process.env['HEADGATE_NATS_SERVER_BIN'],
        searchPath: process.env['PATH'] ?? '',
      })
    ).path;
  const started: ClusterNode[] = [];
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
    const file = path.join(folder, `${node}.conf`);
    await writeFile(file, options.edit?.(conf, node) ?? conf);
    const env = { POD_NAME: `nats-${node}`, NATS_PASSWORD: password };
    started.push({
      child: spawn(binary, ['-c', file, '-l', path.join(folder, `${node}.log`)], {
        env,
        stdio: 'ignore',
      }),
      address: `127.0.0.1:${clients![node]}`,
      monitor: `http://127.0.0.1:${monitors![node]}`,
    });
  }
  return {
    nodes: started,
    url: (...some) =>
      (some.length === 0 ? nodes : some)
        .map((node) => `nats://headgate:${password}@${started[node]!.address}`)
        .join(','),
    address: (...some) => ({
      servers: (some.length === 0 ? nodes : some).map((node) => started[node]!.address),
      user: 'headgate',
      password,
    }),
    waitUntilFormed: async (timeoutMs = 60_000) => {
      await until(
        () => Promise.all(started.map(({ monitor }) => readFormation(monitor))),
        (found) =>
          found.every(({ isHealthy }) => isHealthy) && found.some(({ isFormed }) => isFormed),
        timeoutMs,
      );
    },
    [Symbol.asyncDispose]: async () => {
      for (const { child } of started) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** Of /jsz; the leader alone lists the others. */
interface MetaCluster {
  readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[];
}

/** What the startup probe asks; and the leader must know the others, or it places no replicas. */
async function readFormation(monitor: string): Promise<{ isHealthy: boolean; isFormed: boolean }> {
  const read = async (what: string): Promise<Response | undefined> =>
    fetch(`${monitor}/${what}`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  const figures = (await (await read('jsz'))?.json()) as
    | { readonly meta_cluster?: MetaCluster }
    | undefined;
  const replicas = figures?.meta_cluster?.replicas ?? [];
  return {
    isHealthy: (await read('healthz'))?.ok === true,
    isFormed:
      replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline),
  };
}

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
