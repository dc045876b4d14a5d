import { setTimeout as sleep } from 'node:timers/promises';

import { readBacklog } from '../../src/jetstream/consume/backlog.ts';
import {
  readPartitions,
  type PartitionStatus,
} from '../../src/jetstream/server/partitions/change-partitions.ts';
import { createLeaderSpread } from '../../src/jetstream/server/partitions/spread-leaders.ts';
import { openReplicated, startNatsCluster } from '../../test/nats-cluster.ts';
import { destination } from './programs.ts';

const pollMs = 200;
const minutesMax = 10;

/** A log of several partitions on three real nats-servers, whose leaders are spread. */
export interface ClusterLog extends AsyncDisposable {
  /** nats-0, nats-1, nats-2. */
  readonly nodeProcessIds: readonly number[];
  /** Names one node, counted from the leader of the first partition, which is 0. */
  url(node: number): string;
  readPartitions(): Promise<readonly PartitionStatus[]>;
  /** What the nodes have sent to each other since their start: bytes of messages, without those of TCP. */
  routedBytes(): Promise<number>;
  /** Waits until the destination has settled all but `left` events. */
  untilSettled(left?: number): Promise<void>;
}

export interface ClusterLogOptions {
  readonly partitions: number;
  readonly storageBytesMax: number;
  /** A nats-server program; by default the one that the service finds. */
  readonly binary: string | undefined;
}

export async function startClusterLog(options: ClusterLogOptions): Promise<ClusterLog> {
  const { partitions, storageBytesMax, binary } = options;
  const cluster = await startNatsCluster({ binary });
  try {
    await cluster.waitUntilFormed();
    const topology = { partitions, storageBytesMax, dedupWindowMs: 600_000 };
    const log = await openReplicated(cluster.address(), topology);
    const spread = createLeaderSpread({
      log,
      onMoved: () => {},
      onTrouble: () => {},
      pauseMs: 500,
    });
    await spread.run();
    await spread.stop();
    const parts = async () => (await readPartitions(log)).parts;
    const first = Number(/^nats-(\d)$/.exec((await parts())[0]!.leader ?? '')?.[1] ?? 0);
    return {
      nodeProcessIds: cluster.nodes.map(({ child }) => child.pid!),
      url: (node) => cluster.url((first + node) % cluster.nodes.length),
      readPartitions: parts,
      routedBytes: async () => {
        const nodes = await Promise.all(
          cluster.nodes.map(({ monitor }) => readRoutedBytes(monitor)),
        );
        return nodes.reduce((sum, bytes) => sum + bytes, 0);
      },
      untilSettled: async (left = 0) => {
        const deadline = performance.now() + minutesMax * 60_000;
        for (;;) {
          const waiting = (await readBacklog(log, destination))?.waiting;
          if (waiting !== undefined && waiting <= left) return;
          if (performance.now() > deadline) throw new Error(`${waiting} events were not delivered`);
          await sleep(pollMs);
        }
      },
      [Symbol.asyncDispose]: async () => {
        await log.close();
        await cluster[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function readRoutedBytes(monitor: string): Promise<number> {
  const { routes } = (await (await fetch(`${monitor}/routez`)).json()) as {
    readonly routes: readonly { readonly out_bytes: number }[];
  };
  return routes.reduce((sum, { out_bytes: bytes }) => sum + bytes, 0);
}
