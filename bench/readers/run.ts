import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

import { sendAll } from '../destinations/stored-events.ts';
import { forkWorker, natsUrlOf, startGate, stopChild, unpin, type Gate } from '../processes.ts';
import { endedChildrenCpuSeconds, ownCpuSeconds } from '../script/cpu.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';

/*
 * npm run bench:readers [-- --rounds 3] [--events 100000] [--only reconcile] [--beside FOLDER]
 *
 * What the commands cost that read the whole log: `reconcile` with a destination that is asked (SQLite),
 * and `schemas try`. Each runs whole, from its start to its end, over a log of the same events. CPU is that
 * of the command, of the gate and of nats-server together.
 *
 * `--beside FOLDER`: another checkout reads a log of its own, in turn. Exit code 1: a command takes
 * more CPU than there. Needs Linux.
 */
const rounds = numberAfter('--rounds', 3);
const events = numberAfter('--events', 100_000);
const beside = valueAfter('--beside');
/** Times less CPU, the start of the command included. */
const floor = 1;
const token = `hgo_${'0'.repeat(40)}`;

interface Side {
  readonly name: string;
  /** Its checkout. */
  readonly root: string;
  readonly gate: Gate;
  readonly env: Readonly<Record<string, string>>;
}

/** In seconds; all but the first are CPU. */
interface Cost {
  readonly time: number;
  readonly command: number;
  readonly gate: number;
  readonly nats: number;
}

const cpuOf = ({ command, gate, nats }: Cost): number => command + gate + nats;

const folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-readers-'));
const draft = path.join(folder, 'draft.json');
writeFileSync(draft, '{"type":"object","properties":{"total":{"type":"number"}}}');
const commands: Readonly<Record<string, (gate: Gate) => string[]>> = {
  reconcile: () => ['reconcile', '--json'],
  'schemas try': ({ adminPort }) => [
    'schemas',
    'try',
    'order_completed',
    '--file',
    draft,
    '--json',
    '--admin',
    `http://127.0.0.1:${adminPort}`,
  ],
};
const started: Gate[] = [];
const sides: Side[] = [];
try {
  const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
  sides.push(await fill('this', here));
  if (beside !== undefined) sides.push(await fill('beside', path.resolve(beside)));
  for (const name of valueAfter('--only')?.split(',') ?? Object.keys(commands)) {
    await compare(name, commands[name]!);
  }
} finally {
  for (const gate of started) await gate.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Starts a gate, and stores events that a destination has. */
async function fill(name: string, root: string): Promise<Side> {
  const bench = path.join(root, 'bench');
  const config = path.join(folder, `${name}.yaml`);
  // JSON is YAML too.
  const tree = {
    destinations: { held: { type: 'sqlite', path: path.join(folder, `${name}.db`) } },
  };
  writeFileSync(config, JSON.stringify(tree), { mode: 0o600 });
  const settings = {
    HEADGATE_DURABILITY: 'async',
    HEADGATE_LOG_STORAGE_BYTES_MAX: '16GiB',
    HEADGATE_ADMIN_TOKEN: token,
    HEADGATE_CONFIG: config,
    HEADGATE_SCHEMAS_DIR: path.join(root, 'schemas'),
  };
  const gate = await startGate({ ...settings, HEADGATE_ROLES: 'gate' }, bench);
  started.push(gate);
  for (const id of [gate.processId, gate.nats.processId]) unpin(id);
  await sendAll(gate.port, events);
  const env = { ...settings, HEADGATE_NATS_URL: natsUrlOf(gate) };
  await deliverAll(gate, bench, env);
  return { name, root, gate, env };
}

/** In a process that ends: nothing else works while a command is measured. */
async function deliverAll(gate: Gate, bench: string, env: Record<string, string>): Promise<void> {
  const { user, password, port } = gate.nats;
  const worker = forkWorker(bench, { ...env, HEADGATE_DATA_DIR: path.join(folder, 'worker') });
  const connection = await connect({ servers: `127.0.0.1:${port}`, user, pass: password });
  try {
    const { consumers } = await jetstreamManager(connection);
    // Earlier releases have one stream of events, with another name.
    const info = () =>
      consumers.info('EVENTS_0', 'held').catch(() => consumers.info('EVENTS', 'held'));
    for (let left = events; left > 0; await sleep(200)) {
      if (worker.exitCode !== null) throw new Error(`the worker ended with ${worker.exitCode}`);
      left = await info().then(
        ({ num_pending: pending, num_ack_pending: unsettled }) => pending + unsettled,
        () => events,
      );
    }
  } finally {
    await connection.close();
    await stopChild(worker);
  }
}

async function compare(name: string, command: (gate: Gate) => string[]): Promise<void> {
  const costs = sides.map((): Cost[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, side] of sides.entries()) {
      const cost = await run(side, command(side.gate));
      // The first fills the cache of compiled code.
      if (round > 0) costs[index]!.push(cost);
    }
  }
  const figures = costs.map((some) => ({
    time: median(some.map(({ time }) => time)),
    cpu: median(some.map(cpuOf)),
  }));
  for (const [index, { time, cpu }] of figures.entries()) {
    const us = (seconds: number): string => ((seconds * 1e6) / events).toFixed(1);
    const part = (of: keyof Cost): string => us(median(costs[index]!.map((cost) => cost[of])));
    console.log(
      `${name}, ${sides[index]!.name}: ${time.toFixed(2)} s, CPU ${us(cpu)} us an event ` +
        `(command ${part('command')}, gate ${part('gate')}, nats-server ${part('nats')})`,
    );
  }
  const [mine, other] = figures;
  if (mine === undefined || other === undefined) return;
  const less = other.cpu / mine.cpu;
  const isLow = less < floor;
  console.log(
    `${name}: ${less.toFixed(2)} times less CPU, ${(other.time / mine.time).toFixed(2)} times faster` +
      (isLow ? `; floor ${floor} of CPU: LOW` : ''),
  );
  if (isLow) process.exitCode = 1;
}

/** Runs a command of a checkout. */
async function run({ root, gate, env }: Side, args: readonly string[]): Promise<Cost> {
  const cpuNow = (): readonly [number, number, number] => [
    endedChildrenCpuSeconds(process.pid),
    ownCpuSeconds(gate.processId),
    ownCpuSeconds(gate.nats.processId),
  ];
  const before = cpuNow();
  const began = performance.now();
  const child = spawn(process.execPath, [path.join(root, 'src', 'cli', 'main.ts'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [text, faults] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (faults += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const time = (performance.now() - began) / 1_000;
  if (code !== 0) throw new Error(`${args[0]} ended with ${String(code)}: ${faults}`);
  if (!text.includes(String(events)))
    throw new Error(`${args[0]} did not read all events: ${text}`);
  const [command, ofGate, nats] = cpuNow().map((seconds, index) => seconds - before[index]!) as [
    number,
    number,
    number,
  ];
  return { time, command, gate: ofGate, nats };
}
