import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { programOf } from './engine-folder.ts';

/** A fake of ours on loopback, with nothing on disk. */
export interface GoFake {
  /** Of gRPC. */
  readonly port: number;
  readonly httpPort: number;
  /** Of HTTP. */
  readonly url: string;
  stop(): Promise<void>;
}

export async function startGoFake(name: string): Promise<GoFake> {
  const child = spawn(programOf(name), [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const [port = 0, httpPort = 0] = line.split(' ').map(Number);
  return {
    port,
    httpPort,
    url: `http://127.0.0.1:${httpPort}`,
    async stop() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
