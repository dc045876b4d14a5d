import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { connectToServer } from '../../src/jetstream/connection.ts';
import {
  startEmbeddedServer,
  type EmbeddedServer,
} from '../../src/jetstream/server/embedded-server.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { findOpenFiles, lockStore } from '../../src/jetstream/server/store-lock.ts';

/*
 * A killed process leaves its lock and its nats-server behind. The holders are separate processes,
 * killed with SIGKILL.
 */

const serverFolder = fileURLToPath(new URL('../../src/jetstream/server/', import.meta.url));

let folder: string;
let holders: ChildProcess[] = [];
let servers: EmbeddedServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'headgate-left-'));
});

afterEach(async () => {
  for (const holder of holders) holder.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.stop()));
  holders = [];
  servers = [];
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

/** Runs module text in a separate process and resolves to the first line that it prints. */
async function hold(text: string): Promise<{ holder: ChildProcess; line: string }> {
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', text], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: serverFolder,
    env: { PATH: process.env['PATH'] },
  });
  holders.push(holder);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: holder.stdout! }).once('line', resolve);
    holder.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
  });
  return { holder, line };
}

async function killed(holder: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  await ended;
}

async function startServer(): Promise<EmbeddedServer> {
  const binary = await findServerBinary({
    named: undefined,
    searchPath: process.env['PATH'] ?? '',
  });
  const server = await startEmbeddedServer({
    binary: binary.path,
    storeDir: path.join(folder, 'nats'),
    onRestart: () => {},
  });
  servers.push(server);
  return server;
}

async function withStream<T>(
  server: EmbeddedServer,
  use: (name: string) => Promise<T>,
): Promise<T> {
  const connection = await connectToServer({
    address: server.address,
    name: 'test',
    onStatus: () => {},
  });
  try {
    const manager = await jetstreamManager(connection);
    const names: string[] = [];
    for await (const name of manager.streams.names()) names.push(name);
    if (!names.includes('KEPT')) await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    await jetstream(connection).publish('kept', 'x');
    const { state } = await manager.streams.info('KEPT');
    return await use(String(state.messages));
  } finally {
    await connection.close();
  }
}

function isRunning(processId: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${processId}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A thread that takes the lock of each folder at the same moment as the others, and reports which it got. */
const lockingTogether = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, folders, turns, threads } = workerData;
  import(module).then(({ lockStore }) => {
    const got = [];
    for (const [index, folder] of folders.entries()) {
      Atomics.add(turns, index, 1);
      while (Atomics.load(turns, index) < threads);
      try {
        lockStore(folder);
        got.push(index);
      } catch {}
    }
    parentPort.postMessage(got);
    // The end of a thread closes what it has open.
    setInterval(() => {}, 1000);
  });`;

describe('the lock of a data directory', () => {
  const holding = (): string =>
    `import { findOpenFiles, lockStore } from './store-lock.ts'; lockStore(${JSON.stringify(folder)});` +
    "console.log('held'); setInterval(() => {}, 1000);";

  test('keeps a second process out and names the owner, until the owner is killed', async () => {
    const { holder } = await hold(holding());
    expect(() => lockStore(folder)).toThrow(`held by another Headgate (process ${holder.pid})`);
    await killed(holder);
    const lock = lockStore(folder);
    expect(readFileSync(path.join(folder, 'headgate.pid'), 'utf8')).toBe(String(process.pid));
    await expect(hold(holding())).rejects.toThrow('ended with 1');
    lock.release();
    lock.release();
    const { line } = await hold(holding());
    expect(line).toBe('held');
  });

  test('is taken by exactly one of those that start at the same moment', async () => {
    const threads = 2;
    const folders = Array.from({ length: 50 }, (_one, index) => path.join(folder, `${index}`));
    const turns = new Int32Array(new SharedArrayBuffer(4 * folders.length));
    const module = new URL('../../src/jetstream/server/store-lock.ts', import.meta.url).href;
    const workerData = { module, folders, turns, threads };
    const all = Array.from(
      { length: threads },
      () => new Worker(lockingTogether, { eval: true, workerData }),
    );
    const said = await Promise.all(all.map((thread) => once(thread, 'message')));
    await Promise.all(all.map((thread) => thread.terminate()));
    const winners = said as [number[]][];
    expect(winners.flat(2).toSorted((one, other) => one - other)).toEqual([...folders.keys()]);
  });

  test('creates a directory that other users cannot read', () => {
    const made = path.join(folder, 'made', 'data');
    const lock = lockStore(made);
    lock.release();
    expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  test('closes a directory that other users can read, and leaves what its group may do', () => {
    const open = path.join(folder, 'open');
    mkdirSync(open);
    for (const [mode, closed] of [
      [0o755, 0o750],
      [0o777, 0o770],
      [0o701, 0o700],
      [0o750, 0o750],
      [0o700, 0o700],
    ] as const) {
      chmodSync(open, mode);
      const lock = lockStore(open);
      lock.release();
      expect([lock.wasOpen, statSync(open).mode & 0o777]).toEqual([mode !== closed, closed]);
    }
  });

  test('finds what the group can read, in a directory that it owns', () => {
    const mine = path.join(folder, 'mine');
    mkdirSync(mine, { mode: 0o700 });
    writeFileSync(path.join(mine, 'private'), '', { mode: 0o600 });
    expect(findOpenFiles(mine)).toEqual([]);
    writeFileSync(path.join(mine, 'readable'), '', { mode: 0o640 });
    symlinkSync('loop', path.join(mine, 'loop'));
    symlinkSync('nothing', path.join(mine, 'dangling'));
    expect(findOpenFiles(mine)).toEqual([path.join(mine, 'readable')]);
    chmodSync(mine, 0o750);
    expect(findOpenFiles(mine)).toEqual([mine, path.join(mine, 'readable')]);
    expect(findOpenFiles(path.join(mine, 'none'))).toEqual([]);
  });

  test('reports a directory that is not writable', () => {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    expect(() => lockStore(path.join(file, 'data'))).toThrow('cannot be written');
  });
});

describe('the embedded server', () => {
  test('restarts on the same port with its data after it was killed', async () => {
    const server = await startServer();
    const before = server.processId()!;
    expect(await withStream(server, async (count) => count)).toBe('1');
    process.kill(before, 'SIGKILL');
    await vi.waitFor(() => expect(server.processId()).not.toBe(before), { timeout: 10_000 });
    // The address is from the first start, so this works only if the port is the same.
    const count = await vi.waitFor(() => withStream(server, async (messages) => messages), {
      timeout: 10_000,
    });
    expect(Number(count)).toBeGreaterThanOrEqual(2);
    const after = server.processId()!;
    await server.stop();
    await server.stop();
    expect(isRunning(after)).toBe(false);
    expect(existsSync(path.join(folder, 'nats', 'client.json'))).toBe(false);
  });

  test('refuses a client without its password', async () => {
    const server = await startServer();
    const refused = connectToServer({
      address: { servers: server.address.servers },
      name: 'stranger',
      onStatus: () => {},
    });
    await expect(refused).rejects.toThrow(/cannot be reached/);
  });

  test('stops the server that a killed process left behind, and keeps its data', async () => {
    const text =
      "import { startEmbeddedServer } from './embedded-server.ts';" +
      "import { findServerBinary } from './server-binary.ts';" +
      "const binary = await findServerBinary({ named: undefined, searchPath: process.env.PATH ?? '' });" +
      `const server = await startEmbeddedServer({ binary: binary.path, storeDir: ${JSON.stringify(path.join(folder, 'nats'))},` +
      ' onRestart: () => {} });' +
      'console.log(JSON.stringify({ processId: server.processId(), address: server.address }));' +
      'setInterval(() => {}, 1000);';
    const { holder, line } = await hold(text);
    const orphan = JSON.parse(line) as { processId: number; address: EmbeddedServer['address'] };
    try {
      await withStream(orphan as unknown as EmbeddedServer, async () => {});
      await killed(holder);
      expect(isRunning(orphan.processId)).toBe(true);
      const server = await startServer();
      expect(isRunning(orphan.processId)).toBe(false);
      expect(await withStream(server, async (count) => count)).toBe('2');
    } finally {
      if (isRunning(orphan.processId)) process.kill(orphan.processId, 'SIGKILL');
    }
  });

  test('does not stop another process whose id is in the files', async () => {
    const { holder } = await hold("console.log('innocent'); setInterval(() => {}, 1000);");
    const first = await startServer();
    await first.stop();
    const recordFile = path.join(folder, 'nats', 'nats-server.json');
    writeFileSync(recordFile, JSON.stringify({ processId: holder.pid, binary: 'nats-server' }));
    writeFileSync(path.join(folder, 'nats', `nats-server_${holder.pid}.ports`), '{}');
    await startServer();
    expect(isRunning(holder.pid!)).toBe(true);
    expect(existsSync(path.join(folder, 'nats', `nats-server_${holder.pid}.ports`))).toBe(false);
  });

  test('reports why it does not start', async () => {
    const storeDir = path.join(folder, 'nats');
    const failed = startEmbeddedServer({
      binary: '/bin/false',
      storeDir,
      onRestart: () => {},
    });
    await expect(failed).rejects.toThrow(/nats-server did not start \(code 1\)/);
  });
});
