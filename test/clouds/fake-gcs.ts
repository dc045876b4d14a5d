import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';

import { vi } from 'vitest';

import { gcsProgram, programOf } from './engine-folder.ts';
import { freePort } from './ministack.ts';

/** A fake of Google Cloud Storage on loopback, with nothing on disk. */
export interface FakeGcs {
  readonly port: number;
  readonly url: string;
  createBucket(name: string): Promise<void>;
  removeObject(bucket: string, key: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startFakeGcs(): Promise<FakeGcs> {
  const port = await freePort();
  const program = programOf(gcsProgram);
  // A wheel does not keep that it is a program.
  chmodSync(program, 0o755);
  const listen = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)];
  const args = ['-backend', 'memory', '-log-level', 'error', ...listen];
  const child = spawn(program, args, { stdio: 'ignore' });
  const exit = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  const ask = async (path: string, method: string, body?: object): Promise<void> => {
    const answer = await fetch(`${url}/storage/v1/b${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`the fake answered ${answer.status} to ${method} ${path}`);
    await answer.body?.cancel();
  };
  await vi.waitFor(() => fetch(`${url}/storage/v1/b?project=p`), { timeout: 20_000 });
  return {
    port,
    url,
    stop,
    createBucket: (name) => ask('?project=p', 'POST', { name }),
    removeObject: (bucket, key) => ask(`/${bucket}/o/${encodeURIComponent(key)}`, 'DELETE'),
  };
}
