import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { stringify } from 'yaml';

import { findTool, type Tool } from './tools.ts';

/** A program that runs until it is stopped, with a folder of its own. */
export interface RunningTool extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly address: string;
}

export interface Prometheus extends RunningTool {
  /** The answer of `/api/v1/<path>`; rejects with what Prometheus says is wrong. */
  ask<Data>(path: string, parameters?: Readonly<Record<string, string>>): Promise<Data>;
}

interface ToolOptions {
  readonly tool: Tool;
  readonly config: object;
  /** Beside the configuration: name to content. */
  readonly files?: Readonly<Record<string, string>>;
  readonly argumentsOf: (folder: string, address: string) => string[];
  /** Before it starts: puts into the folder what it is to find. */
  readonly prepare?: (folder: string) => Promise<void>;
}

const startMsMax = 60_000;

async function startTool(options: ToolOptions): Promise<RunningTool> {
  const folder = await mkdtemp(path.join(tmpdir(), `headgate-${options.tool}-`));
  await writeFile(path.join(folder, 'config.yaml'), stringify(options.config));
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await writeFile(path.join(folder, name), content);
  }
  await options.prepare?.(folder);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(findTool(options.tool)!, options.argumentsOf(folder, address), {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${String(chunk)}`.slice(-4000)));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, 10_000);
    await ended;
    clearTimeout(timer);
    process.removeListener('exit', kill);
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  const deadline = performance.now() + startMsMax;
  while (!(await isReady(address))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${options.tool} did not become ready:\n${said}`);
    }
    await sleep(50);
  }
  return { address, [Symbol.asyncDispose]: stop };
}

async function isReady(address: string): Promise<boolean> {
  return fetch(`http://${address}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/**
 * Files of the configuration (rules) are given beside it and named in it. `prepareData` may put blocks
 * of an earlier time into its data folder.
 */
export async function startPrometheus(
  config: object,
  files: Readonly<Record<string, string>> = {},
  prepareData: (dataFolder: string) => Promise<void> = async () => {},
): Promise<Prometheus> {
  const running = await startTool({
    tool: 'prometheus',
    config,
    files,
    prepare: (folder) => prepareData(path.join(folder, 'data')),
    argumentsOf: (folder, address) => [
      `--config.file=${folder}/config.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--rules.alert.resend-delay=1s',
      '--log.level=warn',
    ],
  });
  return {
    ...running,
    ask: async <Data>(what: string, parameters: Readonly<Record<string, string>> = {}) => {
      const query = new URLSearchParams(parameters).toString();
      const answer = await fetch(`http://${running.address}/api/v1/${what}?${query}`);
      const body = (await answer.json()) as { status: string; error?: string; data: Data };
      if (body.status !== 'success') throw new Error(body.error);
      return body.data;
    },
  };
}

export async function startAlertmanager(config: object): Promise<RunningTool> {
  return startTool({
    tool: 'prometheus-alertmanager',
    config,
    argumentsOf: (folder, address) => [
      `--config.file=${folder}/config.yaml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=${address}`,
      // It looks for nobody.
      '--cluster.listen-address=',
      '--log.level=warn',
    ],
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
