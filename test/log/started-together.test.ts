import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { JetStreamManager } from '@nats-io/jetstream';
import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { consumerOf } from '../../src/jetstream/consume/consumer-position.ts';
import {
  addConsumerIfMissing,
  deleteConsumer,
  ensureConsumer,
} from '../../src/jetstream/consume/ensure-consumer.ts';
import { startEmbeddedServer } from '../../src/jetstream/server/embedded-server.ts';
import { findServerBinary } from '../../src/jetstream/server/server-binary.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { startRealLog, urlWithLogin } from '../real-log.ts';

const settings = { durable_name: 'crm', ack_wait: 2e9, metadata: { owner: 'crm' } };

/** A manager on whose consumers another process does something just before a request of ours. */
function interrupted(
  manager: JetStreamManager,
  request: 'add' | 'update',
  other: () => Promise<unknown>,
): JetStreamManager {
  const consumers: JetStreamManager['consumers'] = new Proxy(manager.consumers, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...given: unknown[]) => Promise<unknown>;
      if (property !== request) return method;
      return async (...given: unknown[]) => {
        await other();
        return method(...given);
      };
    },
  });
  return new Proxy(manager, {
    get: (target, property) =>
      property === 'consumers' ? consumers : (Reflect.get(target, property) as unknown),
  });
}

test('a consumer that another process creates first, with other settings, gets these', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  const theirs = { ...settings, ack_wait: 9e9, metadata: { theirs: 'kept' } };
  const create = () => addConsumerIfMissing(manager, 'EVENTS_0', theirs);
  await ensureConsumer(interrupted(manager, 'add', create), 'EVENTS_0', settings);
  const { config } = await manager.consumers.info('EVENTS_0', 'crm');
  expect(config).toMatchObject({ ack_wait: 2e9, metadata: { owner: 'crm', theirs: 'kept' } });
  const found = await addConsumerIfMissing(manager, 'EVENTS_0', theirs);
  expect(found?.config.ack_wait).toBe(2e9);
});

test('a consumer that another process removes before it is updated is created again', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  await ensureConsumer(manager, 'EVENTS_0', { ...settings, ack_wait: 9e9 });
  let removals = 0;
  const remove = async () => {
    removals += 1;
    await manager.consumers.delete('EVENTS_0', 'crm');
  };
  await ensureConsumer(interrupted(manager, 'update', remove), 'EVENTS_0', settings);
  expect(removals).toBe(1);
  expect((await manager.consumers.info('EVENTS_0', 'crm')).config.ack_wait).toBe(2e9);
});

test('a consumer that several delete at the same time is deleted, and one that is not there, too', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  await ensureConsumer(manager, 'EVENTS_0', settings);
  await Promise.all([1, 2, 3].map(() => deleteConsumer(manager, 'EVENTS_0', 'crm')));
  await deleteConsumer(manager, 'EVENTS_0', 'crm');
  expect(await consumerOf(manager, 'EVENTS_0', 'crm')).toBeUndefined();
});

test('what the log refuses for another reason is not tried again', async () => {
  await using real = await startRealLog();
  const { manager } = clientsForTests(real.log);
  let tries = 0;
  const counted = interrupted(manager, 'add', async () => (tries += 1));
  const wrong = { ...settings, opt_start_seq: 5 };
  await expect(ensureConsumer(counted, 'EVENTS_0', wrong)).rejects.toThrow(/start sequence/);
  expect(tries).toBe(1);
});

/** A nats-server without a stream. */
async function startEmptyServer() {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-test-'));
  const binary = await findServerBinary({
    named: process.env['HEADGATE_NATS_SERVER_BIN'],
    searchPath: process.env['PATH'] ?? '',
  });
  const storeDir = path.join(folder, 'nats');
  const server = await startEmbeddedServer({ binary: binary.path, storeDir, onRestart: () => {} });
  onTestFinished(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  return urlWithLogin(server.address);
}

test('gates that start together on an empty log all come up', async () => {
  const url = await startEmptyServer();
  const names = ['one', 'two', 'three'];
  const gates = await Promise.all(
    Array.from({ length: 4 }, () =>
      prepareGate({
        env: {
          HEADGATE_NATS_URL: url,
          HEADGATE_DURABILITY: 'async',
          HEADGATE_LOG_PARTITIONS: '3',
          HEADGATE_LOG_STORAGE_BYTES_MAX: '256MiB',
        },
        yaml: (folder) => {
          const entries = names.map((name) => [
            name,
            { type: 'sqlite', path: path.join(folder, `${name}.db`), from: 'earliest' },
          ]);
          return JSON.stringify({ destinations: Object.fromEntries(entries) });
        },
      }),
    ),
  );
  const runs = await Promise.all(gates.map((gate) => gate.start()));
  for (const run of runs) run.kill('SIGTERM');
  for (const run of runs) expect(await run.exit).toMatchObject({ code: 0 });
});
