import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { until } from '../delivery/rig.ts';

/** A NATS of an operator, which is not the log: a real nats-server on a loopback port. */
export interface OperatorsNats extends AsyncDisposable {
  readonly port: number;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
}

/** `configuration` is added to the server's file; `login` is that of the test itself. */
export async function startOperatorsNats(
  configuration = '',
  login: ConnectionOptions = {},
): Promise<OperatorsNats> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-operators-nats-'));
  const binary = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const file = path.join(folder, 'nats.conf');
  await writeFile(
    file,
    `listen: "127.0.0.1:-1"\nports_file_dir: "${folder}"\n` +
      `jetstream { store_dir: "${folder}/store" }\n${configuration}\n`,
  );
  const child = spawn(binary.path, ['-c', file, '-l', path.join(folder, 'log')], {
    stdio: 'ignore',
  });
  const ports = path.join(folder, `nats-server_${child.pid}.ports`);
  const text = await until(
    () => readFile(ports, 'utf8').catch(() => ''),
    (found) => found.trim().endsWith('}'),
    30_000,
  );
  const { nats } = JSON.parse(text) as { nats: string[] };
  const port = Number(/:(\d+)$/.exec(nats[0]!)![1]);
  const connection = await connect({ servers: `127.0.0.1:${port}`, name: 'test', ...login });
  return {
    port,
    connection,
    manager: await jetstreamManager(connection),
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}
