import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

import { isPartitionStream } from '../../src/jetstream/topology.ts';
import type { Chance } from '../crash/kill-plan.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';
import { createChaosDisk, type ChaosDisk } from './disk.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Network } from './network.ts';
import { startNodes, type Nodes } from './nodes.ts';
import { prepareProgram, type Program } from './program.ts';
import { startReceiver, type Receiver } from './receiver.ts';

/** `embedded`: one process with its own nats-server. `cluster`: a gate, a worker and three nodes. */
export type WorldKind =
  | 'cluster'
  | 'cluster-on-disks'
  | 'embedded'
  | 'embedded-on-disk'
  | 'embedded-small-log'
  | 'embedded-small-log-aside'
  | 'embedded-small-disk'
  | 'embedded-faked-clock';

/** Everything that a scenario may break. */
export interface World {
  readonly kind: WorldKind;
  readonly folder: string;
  readonly chance: Chance;
  readonly gate: Program;
  /** The same as `gate` where the server is embedded. */
  readonly worker: Program;
  readonly receiver: Receiver;
  /** Of the scenario that runs. */
  ledger: Ledger;
  readonly cluster: { readonly network: Network; readonly nodes: Nodes } | undefined;
  /** Of the embedded server and its destinations. */
  readonly disk: ChaosDisk | undefined;
  readLogKeys(): Promise<string[]>;
  readWarehouse(): (readonly [string, string])[];
  countWarehouse(): number;
  /** Ends every process. Keeps the folder if something was wrong. */
  close(keep: boolean): Promise<void>;
}

export interface WorldOptions {
  readonly kind: WorldKind;
  readonly chance: Chance;
  readonly binary: string;
  /** For the kinds with a cluster. */
  readonly network: Network | undefined;
  /** Of the log. */
  readonly partitions: number;
}

const mebibyte = 1024 * 1024;

export async function openWorld(options: WorldOptions): Promise<World> {
  const { kind, network } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-chaos-'));
  const receiver = await startReceiver();
  const isCluster = kind.startsWith('cluster');
  const onDisks = kind === 'cluster-on-disks';
  const nodes = isCluster
    ? await startNodes({ network: network!, folder, binary: options.binary, onDisks })
    : undefined;
  await nodes?.waitUntilFormed();
  const disk =
    kind === 'embedded-on-disk'
      ? await createChaosDisk(path.join(folder, 'disk'), 1024 * mebibyte)
      : undefined;
  const smallDisk = kind === 'embedded-small-disk' ? mountSmallDisk(folder) : undefined;
  const warehouse = path.join(disk?.folder ?? folder, 'warehouse.db');
  const yaml = yamlOf(warehouse, receiver.port);
  const env = envOf(options, folder, nodes);
  const gateFolder = disk?.folder ?? smallDisk;
  const gate = await prepareProgram({
    folder,
    name: 'gate',
    yaml,
    env: { ...env, ...(isCluster && { HEADGATE_ROLES: 'gate' }) },
    ...(gateFolder !== undefined && { dataDir: path.join(gateFolder, 'data') }),
  });
  const worker = isCluster
    ? await prepareProgram({
        folder,
        name: 'worker',
        yaml,
        env: { ...env, HEADGATE_ROLES: 'deliver' },
      })
    : gate;
  gate.start();
  if (worker !== gate) worker.start();
  await Promise.all([gate.waitUntilReady(), worker.waitUntilReady()]);
  const world: World = {
    kind,
    folder,
    chance: options.chance,
    gate,
    worker,
    receiver,
    ledger: createLedger(),
    cluster: nodes === undefined ? undefined : { network: network!, nodes },
    disk,
    readLogKeys: () => readLogKeys(nodes?.user ?? embeddedUser(gate)),
    readWarehouse: () =>
      ask(warehouse, 'SELECT event_id, idempotency_key FROM events').map(
        (row) => [String(row['event_id']), String(row['idempotency_key'])] as const,
      ),
    countWarehouse: () => Number(ask(warehouse, 'SELECT count(*) AS n FROM events')[0]?.['n'] ?? 0),
    close: async (keep) => {
      for (const node of nodes?.all ?? []) await node.kill('SIGKILL');
      await Promise.all([gate.kill('SIGKILL'), worker.kill('SIGKILL')]);
      for (const processId of gate.servers()) process.kill(processId, 'SIGKILL');
      await receiver.close();
      for (const node of nodes?.all ?? []) await node.disk?.unmount();
      await disk?.unmount();
      if (smallDisk !== undefined) execFileSync('umount', ['-l', smallDisk]);
      if (!keep) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  receiver.onTaken = () => world.ledger.deliveries.beat();
  return world;
}

function mountSmallDisk(folder: string): string {
  const mounted = path.join(folder, 'small');
  mkdirSync(mounted);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${256 * mebibyte}`, 'tmpfs', mounted]);
  return mounted;
}

function yamlOf(warehouse: string, port: number): string {
  return `destinations:
  warehouse: { type: sqlite, path: "${warehouse}", ack_wait: 2s }
  crm:
    type: webhook
    url: "http://127.0.0.1:${port}/hooks"
    secret: "${webhookSecret}"
    allow_private_addresses: true
    batch_events: 20
    ack_wait: 2s
    timeout: 1s
    retry: { attempts: 100, base: 50ms, cap: 500ms }
`;
}

/** Debian's; it fakes the clock of the gate's process and not that of nats-server, a static program. */
export const faketimeLibrary = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

export const clockFile = (folder: string): string => path.join(folder, 'clock');

function envOf(
  options: WorldOptions,
  folder: string,
  nodes: Nodes | undefined,
): Record<string, string> {
  const { kind } = options;
  const sizes = {
    'embedded-small-log': '96MiB',
    'embedded-small-log-aside': '96MiB',
    'embedded-small-disk': '128MiB',
  };
  const size = sizes[kind as keyof typeof sizes] as string | undefined;
  return {
    HEADGATE_LOG_STORAGE_BYTES_MAX: size ?? '512MiB',
    HEADGATE_LOG_PARTITIONS: String(options.partitions),
    // What arrives within this time fits into the small log.
    ...(kind.startsWith('embedded-small-log') && {
      HEADGATE_LOG_RETENTION_MIN: '4s',
      HEADGATE_LOG_DEDUP_WINDOW: '4s',
    }),
    ...(kind === 'embedded-small-log-aside' && { HEADGATE_LOG_ASIDE_BYTES_MAX: '38MiB' }),
    ...(nodes === undefined
      ? { HEADGATE_NATS_SERVER_BIN: options.binary }
      : { HEADGATE_NATS_URL: nodes.url }),
    ...(kind === 'embedded-faked-clock' && {
      LD_PRELOAD: faketimeLibrary,
      FAKETIME_TIMESTAMP_FILE: clockFile(folder),
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }),
  };
}

interface User {
  readonly servers: string | string[];
  readonly user: string;
  readonly pass: string;
}

function embeddedUser(gate: Program): User {
  const file = path.join(gate.dataDir, 'nats', 'client.json');
  const { url, user, password } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  return { servers: url!, user: user!, pass: password! };
}

const keyLength = 36;

/** Of every partition. */
async function readLogKeys(user: User): Promise<string[]> {
  const connection = await connect({ ...user, servers: user.servers });
  try {
    const keys: string[] = [];
    const { streams } = await jetstreamManager(connection);
    for await (const name of streams.names()) {
      if (isPartitionStream(name)) keys.push(...(await readStreamKeys(connection, name)));
    }
    return keys;
  } finally {
    await connection.close();
  }
}

/** The key is the end of the message id. */
async function readStreamKeys(connection: NatsConnection, stream: string): Promise<string[]> {
  const consumer = await jetstream(connection).consumers.get(stream, { headers_only: true });
  const keys: string[] = [];
  let { num_pending: left } = await consumer.info();
  if (left === 0) return keys;
  for await (const message of await consumer.consume({ max_messages: 5_000 })) {
    keys.push((message.headers?.get('Nats-Msg-Id') ?? '').slice(-keyLength));
    left = message.info.pending;
    if (left === 0) break;
  }
  return keys;
}

function ask(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}
