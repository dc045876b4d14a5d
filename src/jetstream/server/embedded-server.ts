import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../errors.ts';
import { followFrozenStreams } from './frozen-streams.ts';
import { stopOrphan, rememberServer } from './orphaned-server.ts';
import { serverMemory, type ServerEnv, type ServerMemory } from './server-memory.ts';
import { serverProcessors } from './server-processors.ts';
import { privateFile, privateFolder } from './store-lock.ts';
import { thawStreams } from './thaw-streams.ts';

/** The largest message. A rejected request is kept whole, and a request body is at most 4 MiB. */
const payloadBytesMax = 8 * 1024 * 1024;

/**
 * Larger than any `log.storage_bytes_max`, so that only the limits of the streams apply; these add
 * up to `log.storage_bytes_max`. If the server's limit was below the streams' current limits, the
 * server would refuse to lower theirs, and the gate could not start on a disk that has become
 * fuller.
 */
const fileStoreBytesMax = 2048 * 1024 ** 4;

/**
 * nats-server reads its store before it listens: the whole dedup window, and the messages that its
 * index does not include yet. 1,500,000 events of 1 KB took 4.5 s here, so 10 minutes of 10,000 a
 * second take about 20 s; this timeout is thirty times that.
 */
const startTimeoutMs = 600_000;
/** How often a slow start is reported. */
const slowStartMs = 10_000;
const restartDelayMs = 200;
/** How long nats-server may take to write its state before it is killed. */
const stopTimeoutMs = 10_000;

/** How to reach a NATS server. */
export interface ServerAddress {
  /** host:port, or a URL. */
  readonly servers: string[];
  readonly user?: string;
  readonly password?: string;
}

export interface EmbeddedServer {
  readonly address: ServerAddress;
  readonly processId: () => number | undefined;
  /** The folder in which JetStream keeps the streams of its only account. */
  readonly streamsDir: string;
  /**
   * The streams that take no messages since a write failed, such as on a full disk. The server is
   * started again by itself once its disk has room.
   */
  frozenStreams(): ReadonlySet<string>;
  stop(): Promise<void>;
}

export interface EmbeddedServerOptions {
  readonly binary: string;
  /** `<data>/nats`. */
  readonly storeDir: string;
  /** Called when the server ended by itself and is being restarted. */
  readonly onRestart: (reason: string) => void;
  /** Called every ten seconds while the server still reads its store. */
  readonly onSlowStart?: (waitedMs: number) => void;
  /**
   * If it has no GOGC, GOMEMLIMIT or GOMAXPROCS, the server gets ours (server-memory.ts,
   * server-processors.ts). Default: empty.
   */
  readonly env?: ServerEnv;
}

/**
 * Runs nats-server as a child of this process on a free loopback port, and restarts it when it ends
 * by itself. The caller holds the lock of the data directory. Rejects with a StartError when
 * nats-server does not start.
 *
 * The child has its own process group: Ctrl-C in a terminal reaches only this process, and the log
 * stays up until the drain is complete. The server requires a password, because other users of the
 * machine can reach the port. Each start creates a new one, in a file that only its owner can read.
 *
 * States: starting -> running -> (ended -> starting)* -> stopping -> stopped. `stop` is safe in
 * each.
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  mkdirSync(options.storeDir, { recursive: true, mode: privateFolder });
  // The real path identifies an orphan; the data directory may be reachable by several paths.
  const storeDir = realpathSync(options.storeDir);
  await stopOrphan(storeDir);

  const password = randomBytes(24).toString('base64url');
  const configFile = path.join(storeDir, 'nats-server.conf');
  const logFile = path.join(storeDir, 'nats-server.log');
  const frozen = followFrozenStreams(logFile);
  const memory = serverMemory(serverProcessors(options.env ?? {}));
  let port = -1;
  let child: ChildProcess | undefined;
  let stopping = false;
  let endReason: string | undefined;

  const launch = async (): Promise<void> => {
    writeConfig(configFile, { port, password, storeDir, logFile });
    const started = spawnServer(options.binary, configFile, storeDir, memory.env);
    child = started;
    try {
      remember(started, storeDir, options.binary, memory);
      port = await readPort(started, storeDir, logFile, options.onSlowStart);
    } catch (error) {
      // A late server still uses the store, and a second server would destroy it.
      await endChild(started, 'SIGKILL');
      throw error;
    }
    started.once('exit', (code, signal) => {
      if (stopping) return;
      options.onRestart(endReason ?? `nats-server ended by itself (${signal ?? `code ${code}`})`);
      endReason = undefined;
      frozen.forget();
      void relaunch(launch, () => stopping, options.onRestart);
    });
  };

  // A second Ctrl-C or an uncaught error ends this process without `stop`.
  const stopChild = (): void => void child?.kill('SIGINT');
  process.once('exit', stopChild);
  try {
    await launch();
  } catch (error) {
    process.removeListener('exit', stopChild);
    throw error;
  }
  const stopThawing = thawStreams({
    storeDir,
    frozenStreams: frozen.read,
    restart: (reason) => {
      endReason = reason;
      void endChild(child!, 'SIGINT');
    },
  });
  const address = { servers: [`127.0.0.1:${port}`], user: 'headgate', password };
  const clientFile = writeClientFile(storeDir, address);
  return {
    address,
    processId: () => child?.pid,
    streamsDir: path.join(storeDir, 'jetstream', '$G', 'streams'),
    frozenStreams: frozen.read,
    stop: async () => {
      stopping = true;
      stopThawing();
      // SIGTERM would drain clients first. SIGINT stops the server at once and writes its state.
      if (child !== undefined) await endChild(child, 'SIGINT');
      process.removeListener('exit', stopChild);
      rmSync(clientFile, { force: true });
    },
  };
}

/** Tries until a launch succeeds. Never rejects. */
async function relaunch(
  launch: () => Promise<void>,
  isStopping: () => boolean,
  onFailure: (reason: string) => void,
): Promise<void> {
  for (;;) {
    await sleep(restartDelayMs);
    if (isStopping()) return;
    try {
      await launch();
      return;
    } catch (error) {
      onFailure((error as Error).message);
    }
  }
}

/** For programs of this machine that read the log, such as `nats`. Returns the file. */
function writeClientFile(storeDir: string, { servers, user, password }: ServerAddress): string {
  const file = path.join(storeDir, 'client.json');
  const text = JSON.stringify({ url: `nats://${servers[0]}`, user, password });
  writeFileSync(file, `${text}\n`, { mode: privateFile });
  return file;
}

function writeConfig(
  file: string,
  values: { port: number; password: string; storeDir: string; logFile: string },
): void {
  const text = [
    '# Written by headgate at every start; changes here are lost.',
    'server_name: headgate',
    'host: "127.0.0.1"',
    `port: ${values.port}`,
    `ports_file_dir: ${JSON.stringify(values.storeDir)}`,
    `log_file: ${JSON.stringify(values.logFile)}`,
    'log_size_limit: 10MB',
    'log_max_num: 2',
    `max_payload: ${payloadBytesMax}`,
    `max_pending: ${64 * 1024 * 1024}`,
    // Each acknowledgement has a subject of its own: the server would cache what it never looks up again.
    'disable_sublist_cache: true',
    `authorization { user: headgate, password: ${JSON.stringify(values.password)} }`,
    'jetstream {',
    `  store_dir: ${JSON.stringify(values.storeDir)}`,
    `  max_file_store: ${fileStoreBytesMax}`,
    `  max_memory_store: ${64 * 1024 * 1024}`,
    '}',
    '',
  ].join('\n');
  // The file contains the password, and an older file may be readable for others.
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode: privateFile });
}

function spawnServer(
  binary: string,
  configFile: string,
  storeDir: string,
  env: ServerEnv,
): ChildProcess {
  const output = openSync(path.join(storeDir, 'nats-server.out'), 'w', privateFile);
  try {
    return spawn(binary, ['--config', configFile], {
      // It names its ports file after itself, and a binary may be called nats-server-2.15.1.
      argv0: 'nats-server',
      env,
      stdio: ['ignore', output, output],
      detached: true,
    });
  } finally {
    closeSync(output);
  }
}

function remember(
  { pid: processId }: ChildProcess,
  storeDir: string,
  binary: string,
  { bytesMax: memoryBytes }: ServerMemory,
): void {
  // A program that could not be started has no id; its error follows.
  if (processId !== undefined) rememberServer(storeDir, { processId, binary, memoryBytes });
}

/** Waits for the ports file, which nats-server writes when it listens. Returns its port. */
async function readPort(
  child: ChildProcess,
  storeDir: string,
  logFile: string,
  onSlowStart: (waitedMs: number) => void = () => {},
): Promise<number> {
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = signal ?? `code ${code}`));
  const portsFile = path.join(storeDir, `nats-server_${child.pid}.ports`);
  const startedAt = performance.now();
  let reports = 0;
  while (ended === undefined && performance.now() < startedAt + startTimeoutMs) {
    if (existsSync(portsFile)) {
      const ports = JSON.parse(readFileSync(portsFile, 'utf8') || '{}') as { nats?: string[] };
      const url = ports.nats?.[0];
      if (url !== undefined) return Number(new URL(url).port);
    }
    await sleep(20);
    const waitedMs = performance.now() - startedAt;
    if (waitedMs > (reports + 1) * slowStartMs) {
      reports += 1;
      onSlowStart(reports * slowStartMs);
    }
  }
  const output = path.join(storeDir, 'nats-server.out');
  const last = lastErrorLine(output) ?? lastErrorLine(logFile) ?? 'it did not report its port';
  throw new StartError(
    `nats-server did not start (${ended ?? 'timed out'}): ${last}. See ${logFile}.`,
  );
}

function lastErrorLine(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.findLast((line) => /\[(?:FTL|ERR)\]|nats-server:/.test(line))?.trim();
}

async function endChild(child: ChildProcess, signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}
