import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { isPartitionStream } from '../../src/jetstream/topology.ts';
import { readPage } from '../documentation/markdown.ts';
import { freeze } from '../frozen-process.ts';
import { createChaosDisk, type ChaosDisk } from './disk.ts';
import type { Network } from './network.ts';
import { waitOrThrow } from './wait.ts';

const password = 'n0123456789abcdef';
const formTimeoutMs = 90_000;
const diskBytes = 1024 * 1024 * 1024;

/** One of three nats-servers, each on an address of its own, with deploy/kubernetes/nats.conf. */
export interface ChaosNode {
  readonly disk: ChaosDisk | undefined;
  start(): void;
  freeze(): Promise<void>;
  thaw(): void;
  /** Resolves when it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Deletes its store. It has ended. */
  wipe(): void;
  isHealthy(): Promise<boolean>;
}

export interface Nodes {
  readonly all: readonly ChaosNode[];
  /** For `nats.url`. */
  readonly url: string;
  readonly user: { readonly servers: string[]; readonly user: string; readonly pass: string };
  /** Every node healthy, and the leader sees the others. */
  waitUntilFormed(): Promise<void>;
  /** The number of the node that leads the first partition; undefined if no node says so. */
  leader(): Promise<number | undefined>;
  /** What each node's replicas of the partitions have, one text for each node: equal once they agree. */
  replicas(): Promise<string[]>;
}

export interface NodesOptions {
  readonly network: Network;
  readonly folder: string;
  readonly binary: string;
  /** Each node's store on a file system of its own. */
  readonly onDisks: boolean;
}

export async function startNodes(options: NodesOptions): Promise<Nodes> {
  const { network } = options;
  const all: ChaosNode[] = [];
  for (const index of [0, 1, 2]) all.push(await prepareNode(options, index));
  for (const node of all) node.start();
  const addresses = all.map((_node, index) => network.addressOf(index));
  const streams = (address: string) => readJsz(`http://${address}:8222`);
  return {
    all,
    url: addresses.map((address) => `nats://headgate:${password}@${address}:4222`).join(','),
    user: {
      servers: addresses.map((address) => `${address}:4222`),
      user: 'headgate',
      pass: password,
    },
    waitUntilFormed: async () => {
      await waitOrThrow(
        'the cluster is formed',
        async () => {
          const healthy = await Promise.all(all.map((node) => node.isHealthy()));
          const found = await Promise.all(addresses.map(streams));
          return healthy.every(Boolean) && found.some(isFormed);
        },
        formTimeoutMs,
      );
    },
    leader: async () => {
      const found = await Promise.all(addresses.map(streams));
      const leader = found.map((jsz) => partitionsOf(jsz)[0]?.cluster?.leader).find(Boolean);
      return leader === undefined ? undefined : Number(leader.slice('nats-'.length));
    },
    replicas: async () => {
      const found = await Promise.all(addresses.map(streams));
      return found.map((jsz) => {
        const states = partitionsOf(jsz).map(({ name, state }) => {
          return `${name}: ${state.messages} up to ${state.last_seq}`;
        });
        return states.join(', ') || 'none';
      });
    },
  };
}

async function prepareNode(options: NodesOptions, index: number): Promise<ChaosNode> {
  const { network, folder, binary } = options;
  const store = path.join(folder, `node-${index}`);
  mkdirSync(store, { recursive: true });
  const disk = options.onDisks ? await createChaosDisk(store, diskBytes) : undefined;
  const file = path.join(folder, `node-${index}.conf`);
  const conf = readPage('deploy/kubernetes/nats.conf')
    .replace('store_dir: /data', `store_dir: ${store}/js`)
    .replace(/max_file_store: .*/, 'max_file_store: 900MB')
    .replaceAll(
      /nats-(\d)\.nats:6222/g,
      (_whole, other: string) => `${network.addressOf(Number(other))}:6222`,
    );
  writeFileSync(file, conf);
  const [program, ...args] = network.enter(index);
  const log = path.join(folder, `node-${index}.log`);
  let child: ChildProcess | undefined;
  return {
    disk,
    start: () => {
      const env = {
        PATH: process.env['PATH'] ?? '',
        POD_NAME: `nats-${index}`,
        NATS_PASSWORD: password,
      };
      child = spawn(program!, [...args, binary, '-c', file, '-l', log], { env, stdio: 'ignore' });
    },
    freeze: () => freeze(child!.pid!),
    thaw: () => void child!.kill('SIGCONT'),
    kill: async (signal) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'close');
    },
    wipe: () => rmSync(path.join(store, 'js'), { recursive: true, force: true }),
    isHealthy: () =>
      fetch(`http://${network.addressOf(index)}:8222/healthz`, {
        signal: AbortSignal.timeout(2_000),
      })
        .then(async (answer) => (await answer.arrayBuffer()) !== undefined && answer.ok)
        .catch(() => false),
  };
}

interface Jsz {
  /** The leader alone lists the others. */
  readonly meta_cluster?: {
    readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[];
  };
  readonly account_details?: readonly { readonly stream_detail?: readonly StreamDetail[] }[];
}

interface StreamDetail {
  readonly name: string;
  readonly cluster?: { readonly leader?: string };
  readonly state: { readonly messages: number; readonly last_seq: number };
}

async function readJsz(monitor: string): Promise<Jsz> {
  const signal = AbortSignal.timeout(2_000);
  return fetch(`${monitor}/jsz?streams=true`, { signal })
    .then((answer) => answer.json() as Promise<Jsz>)
    .catch(() => ({}));
}

function isFormed(jsz: Jsz): boolean {
  const replicas = jsz.meta_cluster?.replicas ?? [];
  return replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
}

function partitionsOf(jsz: Jsz): StreamDetail[] {
  return (jsz.account_details ?? [])
    .flatMap(({ stream_detail: streams }) => streams ?? [])
    .filter(({ name }) => isPartitionStream(name))
    .toSorted((left, right) => left.name.localeCompare(right.name));
}
