import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { programOf } from './engine-folder.ts';

/** A fake of AWS: PyPI's `ministack`, on loopback, with nothing on disk. */
export interface Ministack {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

const startMsMax = 30_000;

export async function startMinistack(services: readonly ('sqs' | 's3')[]): Promise<Ministack> {
  const port = await freePort();
  const child = spawn(programOf('ministack'), [], {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      SERVICES: services.join(','),
      LOG_LEVEL: 'ERROR',
    },
  });
  const exit = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  const deadlineMs = performance.now() + startMsMax;
  for (;;) {
    const answer = await fetch(`${url}/_ministack/health`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return { port, url, stop };
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop();
      throw new Error('ministack did not start');
    }
    await sleep(50);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
