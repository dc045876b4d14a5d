import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Durability } from '../src/config/config.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
} from '../src/jetstream/server/embedded-server.ts';
import type { Log } from '../src/jetstream/log.ts';
import { openLog } from '../src/jetstream/open-log.ts';
import { findServerBinary } from '../src/jetstream/server/server-binary.ts';
import type { TopologyOptions } from '../src/jetstream/topology.ts';

export interface RealLog extends AsyncDisposable {
  readonly log: Log;
  readonly server: EmbeddedServer;
  /** Opens another connection to the same log, as another process would, with other settings. */
  open(more?: Partial<TopologyOptions>): Promise<Log>;
  /** kill -9; the embedded server starts it again by itself, on the same port and store. */
  killServer(): void;
}

export interface RealLogOptions extends Partial<TopologyOptions> {
  /** `async` unless the test is about the disk. */
  readonly durability?: Durability;
  readonly publishTimeoutMs?: number;
}

/** A nats-server of its own, with its store in a folder of its own, and the log on it. */
export async function startRealLog(options: RealLogOptions = {}): Promise<RealLog> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-test-'));
  const storageBytesMax = options.storageBytesMax ?? 256 * 1024 * 1024;
  const binary = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const server = await startEmbeddedServer({
    binary: binary.path,
    storeDir: path.join(folder, 'nats'),
    onRestart: () => {},
  });
  const open = (more: Partial<TopologyOptions> = {}): Promise<Log> =>
    openLog({
      address: server.address,
      durability: options.durability ?? 'async',
      streamsDir: server.streamsDir,
      topology: {
        dedupWindowMs: options.dedupWindowMs ?? 120_000,
        ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
        storageBytesMax,
        rejectedBytesMax: options.rejectedBytesMax,
        asideBytesMax: options.asideBytesMax,
        replicas: options.replicas ?? 1,
        ...more,
      },
      publishTimeoutMs: options.publishTimeoutMs ?? 2_000,
      onStatus: () => {},
    });
  const opened: Log[] = [];
  const openAndKeep = async (more?: Partial<TopologyOptions>): Promise<Log> => {
    const log = await open(more);
    opened.push(log);
    return log;
  };
  const release = async (): Promise<void> => {
    await Promise.allSettled(opened.map((log) => log.close()));
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const log = await openAndKeep();
    return {
      log,
      server,
      open: openAndKeep,
      killServer: () => process.kill(server.processId()!, 'SIGKILL'),
      [Symbol.asyncDispose]: release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The URL of a server, with its user and password. */
export function urlWithLogin({ servers, user, password }: EmbeddedServer['address']): string {
  const url = new URL(`nats://${servers[0]!.replace(/^.*:\/\//, '')}`);
  url.username = user ?? '';
  url.password = password ?? '';
  return url.href;
}
