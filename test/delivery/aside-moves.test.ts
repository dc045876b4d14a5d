import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { cleanAside } from '../../src/jetstream/consume/aside/clean-aside.ts';
import { createPressureRelief } from '../../src/jetstream/consume/retention/pressure.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { readMatching } from '../../src/jetstream/read/read.ts';
import { delivered, type Outcome } from '../../src/destinations/destination.ts';
import { startReceiver } from '../chaos/receiver.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';
import { startRealLog, type RealLog, urlWithLogin } from '../real-log.ts';
import {
  countMessages,
  destinationConfig,
  publishEvents,
  recording,
  settled,
  startWorker,
  until,
} from './rig.ts';

const mebibyte = 1024 * 1024;
const kilobytes = `{"text":"${'x'.repeat(4_000)}"}`;
const away: Outcome = { kind: 'retry', reason: 'away', fault: 'destination' };

/** EVENTS has about 10 MiB, ASIDE 8. */
const startSmallLog = () =>
  startRealLog({
    storageBytesMax: 40 * mebibyte,
    asideBytesMax: 8 * mebibyte,
    durability: 'fsync',
  });

const infoOf = (log: Log, stream: string) => clientsForTests(log).manager.streams.info(stream);

async function positionsAside(log: Log, destination = 'crm'): Promise<number[]> {
  const positions: number[] = [];
  for await (const message of readMatching(log, 'ASIDE', `headgate.aside.${destination}.>`)) {
    positions.push(Number(message.header('Headgate-Origin-Sequence')));
  }
  return positions;
}

function startRelief(log: Log, unblock: Parameters<typeof createPressureRelief>[0]['unblock']) {
  const relief = createPressureRelief({
    log,
    retentionMinMs: 100,
    destinations: ['crm'],
    onHeld: () => {},
    onStuck: () => {},
    onRetentionReached: () => {},
    onTrouble: () => {},
    intervalMs: 50,
    unblock: unblock!,
  });
  onTestFinished(relief.stop);
  return relief.start();
}

test('moves the oldest events first, each once, and only what has to go', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const destination = recording(() => away, { batchEventsMax: 10 });
  const worker = await startWorker(log, destination);
  const { config } = await infoOf(log, 'EVENTS_0');
  while ((await infoOf(log, 'EVENTS_0')).state.bytes < config.max_bytes * 0.85) {
    await publishEvents(log, 50, { properties: kilobytes });
  }
  await until(worker.state, ({ kind }) => kind === 'parked');
  await startRelief(log, ({ upTo }) => new Map([['crm', worker.moveAside(upTo, false)]]));
  await until(
    async () => (await infoOf(log, 'EVENTS_0')).state,
    ({ bytes }) => bytes <= config.max_bytes * 0.72,
  );
  const moved = await positionsAside(log);
  expect(moved.length).toBeLessThan((await countMessages(log, 'EVENTS')) / 2);
  expect(moved.toSorted((left, right) => left - right)).toEqual(moved.map((_one, at) => at + 1));
  await worker.stop();
});

test('a destination that takes events is left alone until its log is nearly full', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const destination = recording(
    () => new Promise((resolve) => setTimeout(() => resolve(delivered), 100)),
    { batchEventsMax: 1 },
  );
  const worker = await startWorker(log, destination);
  await publishEvents(log, 500, { properties: kilobytes });
  await until(
    () => destination.seen.length,
    (count) => count > 3,
  );
  worker.moveAside(400, false);
  await until(
    () => destination.seen.length,
    (count) => count > 8,
  );
  expect(await positionsAside(log)).toEqual([]);
  worker.moveAside(400, true);
  await until(
    async () => (await positionsAside(log)).length,
    (count) => count > 380,
  );
  // What is delivered just then stays with its call, and what lies behind is not moved.
  const moved = await positionsAside(log);
  expect(Math.max(...moved)).toBe(400);
  expect(new Set(moved).size).toBe(moved.length);
  await worker.stop();
});

test('what one destination has settled in ASIDE is deleted while another is away', async () => {
  await using real = await startSmallLog();
  const { log } = real;
  const states = { crm: away as Outcome, warehouse: away as Outcome };
  const start = (name: 'crm' | 'warehouse') =>
    startWorker(
      log,
      recording(() => states[name], { batchEventsMax: 10 }),
      {
        config: destinationConfig({ name }),
      },
    );
  const workers = [await start('crm'), await start('warehouse')];
  await publishEvents(log, 40, { properties: kilobytes });
  for (const worker of workers) {
    await until(worker.state, ({ kind }) => kind === 'parked');
    await until(
      async () => {
        worker.moveAside(40, false);
        return countMessages(log, 'ASIDE');
      },
      (count) => count >= 40 * (workers.indexOf(worker) + 1),
    );
  }
  expect(await cleanAside(log)).toBe(0);
  states.warehouse = delivered;
  await settled(log, 'warehouse', 'ASIDE');
  // The last message of a stream stays.
  expect(await cleanAside(log)).toBe(39);
  expect(await positionsAside(log)).toHaveLength(40);
  states.crm = delivered;
  await settled(log, 'crm', 'ASIDE');
  expect(await cleanAside(log)).toBe(40);
  for (const worker of workers) await worker.stop();
});

function prepareWorker(real: RealLog, port: number) {
  const crm = {
    type: 'webhook',
    url: `http://127.0.0.1:${port}/h`,
    secret: webhookSecret,
    allow_private_addresses: true,
    batch_events: 20,
    ack_wait: '1s',
    timeout: '1s',
    retry: { attempts: 50, base: '10ms', cap: '100ms' },
  };
  return prepareGate({
    env: {
      HEADGATE_ROLES: 'deliver',
      HEADGATE_NATS_URL: urlWithLogin(real.server.address),
      HEADGATE_DURABILITY: 'async',
      HEADGATE_LOG_STORAGE_BYTES_MAX: String(40 * mebibyte),
      HEADGATE_LOG_ASIDE_BYTES_MAX: String(8 * mebibyte),
      HEADGATE_LOG_DEDUP_WINDOW: '500ms',
      HEADGATE_LOG_RETENTION_MIN: '500ms',
    },
    yaml: () => JSON.stringify({ destinations: { crm } }),
  });
}

test('kill -9 in the middle of moving loses nothing, and copies nothing twice', async () => {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  receiver.status = 503;
  await using real = await startSmallLog();
  const { log } = real;
  await using worker = await prepareWorker(real, receiver.port);
  const { config } = await infoOf(log, 'EVENTS_0');
  const ids: string[] = [];
  const counts: number[] = [];
  for (let kill = 0; kill < 4; kill += 1) {
    // It begins to move as soon as it runs.
    const before = await countMessages(log, 'ASIDE');
    const run = await worker.start();
    await until(
      async () => {
        // It may make room meanwhile: producers go on.
        while ((await infoOf(log, 'EVENTS_0')).state.bytes < config.max_bytes * 0.84) {
          ids.push(...(await publishEvents(log, 50, { properties: kilobytes })));
        }
        return countMessages(log, 'ASIDE');
      },
      (count) => count > before + 10,
      30_000,
    );
    run.kill('SIGKILL');
    await run.exit;
    counts.push(await countMessages(log, 'ASIDE'));
    const { num_ack_pending: pending } = await clientsForTests(log).manager.consumers.info(
      'EVENTS_0',
      'crm',
    );
    expect(pending).toBeGreaterThan(0);
  }
  const positions = await positionsAside(log);
  expect(new Set(positions).size).toBe(positions.length);
  receiver.status = 204;
  const last = await worker.start();
  await settled(log, 'crm', 'EVENTS', 60_000);
  await settled(log, 'crm', 'ASIDE', 60_000);
  expect([...receiver.taken.keys()].toSorted()).toEqual(ids.toSorted());
  expect(await countMessages(log, 'DEAD')).toBe(0);
  console.log(`${ids.length} events; in ASIDE at the kills: ${counts.join(', ')}`);
  last.kill('SIGTERM');
  await last.exit;
}, 180_000);
