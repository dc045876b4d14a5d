import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createClient } from '@clickhouse/client';

/** Where scripts/suites/clickhouse.ts puts the engine: too large for everybody's `npm ci`. */
export const engineFolder = fileURLToPath(
  new URL('../../.headgate/engines/clickhouse', import.meta.url),
);
const library = path.join(engineFolder, 'node_modules', 'chdb');

/** Why there is no engine, for a test to print and skip; undefined where there is one. */
export function whyNoEngine(): string | undefined {
  if (existsSync(library)) return undefined;
  const reason = 'there is no engine here; npm run test:clickhouse installs it (550 MB)';
  console.log(`skipped, what needs ClickHouse: ${reason}`);
  return reason;
}

export interface ClickhouseEngine {
  readonly port: number;
  ask<Row>(query: string): Promise<Row[]>;
  stop(): Promise<void>;
}

export async function startEngine(): Promise<ClickhouseEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-clickhouse-'));
  const program = fileURLToPath(new URL('./engine-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, library, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'close');
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer | number];
  const port = Number(String(line));
  const stop = async (): Promise<void> => {
    kill();
    await ended;
    process.removeListener('exit', kill);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  if (!(port > 1024)) {
    await stop();
    throw new Error('the engine ended before it listened');
  }
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  return {
    port,
    async ask<Row>(query: string) {
      const answer = await client.query({ query, format: 'JSONEachRow' });
      return answer.json<Row>();
    },
    async stop() {
      await client.close();
      await stop();
    },
  };
}
