import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { parse } from 'yaml';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import {
  freePort,
  generatorCore,
  pin,
  serverCore,
  startGate,
  startingOn,
  stopChild,
} from '../processes.ts';

/** What is measured: a server, with what an acknowledgement of it means. */
export interface Contender {
  /** `gate`, `go` or `rust`. */
  readonly server: string;
  /** Whether an acknowledged event survives a power cut. */
  readonly durability: 'fsync' | 'async';
}

export interface Running {
  readonly port: number;
  readonly processId: number;
  readonly natsProcessId: number;
  readonly nats: NatsConnection;
  stop(): Promise<void>;
}

/** The stream of events, in the gate and in its peers. */
export const stream = 'EVENTS_0';

const here = path.dirname(fileURLToPath(import.meta.url));
const schemas = path.join(here, '..', '..', 'schemas');

/** Starts a gate with a store of its own. */
export async function startGateContender(durability: Contender['durability']): Promise<Running> {
  await using started = new AsyncDisposableStack();
  const gate = await startGate({ HEADGATE_ROLES: 'gate', HEADGATE_DURABILITY: durability });
  started.defer(gate.stop);
  const { port, user, password, processId } = gate.nats;
  const nats = await connect({ port, user, pass: password });
  started.defer(() => nats.close());
  const running = started.move();
  return {
    port: gate.port,
    processId: gate.processId,
    natsProcessId: processId,
    nats,
    stop: () => running.disposeAsync(),
  };
}

/**
 * Starts a peer with a nats-server and a store of its own.
 *
 * @param settings of the stream, as the gate makes it.
 */
export async function startPeerContender(
  program: string,
  durability: Contender['durability'],
  settings: StreamConfig,
): Promise<Running> {
  await using started = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-peer-'));
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const natsPort = await freePort();
  const config = writeNatsConfig(folder, natsPort, durability);
  const natsServer = spawn(await natsBinary(), ['--config', config], { stdio: 'ignore' });
  started.defer(() => stopChild(natsServer));
  await waitForPort(natsPort);
  pin(natsServer.pid!, generatorCore);
  const nats = await connect({ port: natsPort });
  started.defer(() => nats.close());
  await (await jetstreamManager(nats)).streams.add(settings);

  const contracts = path.join(folder, 'contracts.json');
  writeFileSync(contracts, JSON.stringify(readContracts()));
  const port = await freePort();
  const [command, args] = startingOn(serverCore, [
    program,
    String(port),
    `nats://127.0.0.1:${natsPort}`,
    contracts,
  ]);
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.defer(() => stopChild(server));
  // It prints that it is ready.
  const isReady = await Promise.race([
    once(server.stdout, 'data').then(() => true),
    once(server, 'exit').then(() => false),
  ]);
  if (!isReady) throw new Error(`${program} did not start`);
  const running = started.move();
  return {
    port,
    processId: server.pid!,
    natsProcessId: natsServer.pid!,
    nats,
    stop: () => running.disposeAsync(),
  };
}

/** The settings of the gate's stream, for the streams of its peers. */
export async function streamSettings({ nats }: Running): Promise<StreamConfig> {
  const { config } = await (await jetstreamManager(nats)).streams.info(stream);
  return config;
}

/** How many events the stream holds. The gate's own heartbeat has another name. */
export async function countStored({ nats }: Running): Promise<number> {
  const manager = await jetstreamManager(nats);
  const info = await manager.streams.info(stream, {
    subjects_filter: 'headgate.events.0.default.order_completed',
  });
  return Object.values(info.state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
}

async function natsBinary(): Promise<string> {
  const searchPath = process.env['PATH'] ?? '';
  return (await findServerBinary({ named: undefined, searchPath })).path;
}

/** As the gate sets its own nats-server up, which cannot sync before it acknowledges: the gate does that. */
function writeNatsConfig(
  folder: string,
  port: number,
  durability: Contender['durability'],
): string {
  const file = path.join(folder, 'nats.conf');
  const lines = [
    'host: "127.0.0.1"',
    `port: ${port}`,
    'max_payload: 8MB',
    'max_pending: 64MB',
    'disable_sublist_cache: true',
    `jetstream { store_dir: ${JSON.stringify(folder)}, max_file_store: 1TB` +
      `${durability === 'fsync' ? ', sync_interval: always' : ''} }`,
    '',
  ];
  writeFileSync(file, lines.join('\n'));
  return file;
}

async function waitForPort(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await sleep(25);
  }
  throw new Error(`nats-server does not listen on port ${port}`);
}

interface Taxonomy {
  readonly events: Readonly<Record<string, { readonly active: number }>>;
}

/** The bench's contracts in one document, because a peer reads no YAML. */
function readContracts(): Record<string, { active: number; versions: Record<string, unknown> }> {
  const { events } = parse(readFileSync(path.join(schemas, 'taxonomy.yaml'), 'utf8')) as Taxonomy;
  return Object.fromEntries(
    Object.entries(events).map(([name, { active }]) => {
      const versions = readdirSync(path.join(schemas, name)).map((file) => [
        path.parse(file).name,
        JSON.parse(readFileSync(path.join(schemas, name, file), 'utf8')) as unknown,
      ]);
      return [name, { active, versions: Object.fromEntries(versions) as Record<string, unknown> }];
    }),
  );
}
