import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { probeIntervals } from '../../src/delivery/parking.ts';
import { delivered, type Outcome } from '../../src/destinations/destination.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { createWebhookDestination } from '../../src/destinations/webhook/webhook.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { startHttpServer, type Responder } from '../destinations/http-server.ts';
import { webhookSettings } from '../destinations/webhook-far-side.ts';
import { startRealLog } from '../real-log.ts';
import {
  createTestSignals,
  destinationConfig,
  publishEvents,
  readAttempts,
  readDead,
  recording,
  settled,
  startWorker,
  until,
} from './rig.ts';

const attempts = { attempts: 2, baseMs: 1, capMs: 1 };

async function expectNothingSpent(log: Log): Promise<number> {
  const entries = await readAttempts(log);
  expect(entries.filter(({ charged }) => charged)).toEqual([]);
  expect(await readDead(log)).toEqual([]);
  return entries.length;
}

test('a webhook that refuses, then answers 503, then recovers gets each event once', async () => {
  await using real = await startRealLog();
  const { metrics, signals } = createTestSignals();
  let status = 204;
  const taken: string[] = [];
  const answer: Responder = ({ headers }, response) => {
    if (status < 300) taken.push(String(headers['webhook-id']));
    response.writeHead(status).end();
  };
  const server = await startHttpServer(answer);
  const settings = webhookSettings(server.port, { concurrency: 8, timeout: 5_000 });
  const config = destinationConfig({ retry: attempts });
  const start = async (log: Log) => {
    const destination = createWebhookDestination('crm', settings);
    const worker = await startWorker(log, destination, { signals, config });
    return () => worker.stop().then(destination.close);
  };
  let stop = await start(real.log);
  const ids = await publishEvents(real.log, 2_000);
  await until(
    () => taken.length,
    (length) => length > 100,
  );
  status = 503;
  await until(
    () => metrics.gauges.destinationParked.get('crm'),
    (parked) => parked === 1,
  );
  await server.close();
  ids.push(...(await publishEvents(real.log, 2_000)));
  await sleep(500);
  const lower = taken.length;
  const before = (await readAttempts(real.log)).length;
  // Another process takes over during the outage.
  await stop();
  stop = await start(await real.open());
  await sleep(500);
  await server.listen();
  await sleep(300);
  expect(taken).toHaveLength(lower);

  status = 204;
  const began = performance.now();
  await settled(real.log, 'crm', 'EVENTS', 20_000);
  const drainedMs = performance.now() - began;
  await stop();
  await server.close();
  expect(taken).toHaveLength(ids.length);
  expect(new Set(taken)).toEqual(new Set(ids));
  expect(metrics.gauges.destinationParked.get('crm')).toBe(0);
  const failures = await expectNothingSpent(real.log);
  expect(failures).toBeLessThan(100);
  console.log(
    `${ids.length} events, ${before} failed calls before the restart and ${failures} in all; ` +
      `${ids.length - lower} events drained in ${Math.round(drainedMs)} ms`,
  );
}, 60_000);

test('a SQLite file that cannot be opened at first gets each event once', async () => {
  await using real = await startRealLog();
  const { metrics, signals } = createTestSignals();
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-outage-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'warehouse.db');
  const destination = await createSqliteDestination('warehouse', { path: file, busy_timeout: 100 });
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  // Not by file permissions: tests may run as root, which ignores them.
  mkdirSync(file);

  const ids = await publishEvents(real.log, 5_000);
  const config = destinationConfig({ retry: attempts });
  const worker = await startWorker(real.log, destination, { signals, config });
  await until(
    () => metrics.gauges.destinationParked.get('crm'),
    (parked) => parked === 1,
  );
  await sleep(1_000);
  rmdirSync(file);
  await settled(real.log, 'crm', 'EVENTS', 20_000);
  await worker.stop();
  await destination.close();

  const reader = new DatabaseSync(file, { readOnly: true });
  const rows = reader.prepare('SELECT event_id FROM events').all();
  reader.close();
  expect(new Set(rows.map((row) => row['event_id']))).toEqual(new Set(ids));
  expect(metrics.deliveries.series('crm', 'delivered').value).toBe(ids.length);
  await expectNothingSpent(real.log);
  const info = await clientsForTests(real.log).manager.consumers.info('EVENTS_0', 'crm');
  expect(info.delivered.consumer_seq).toBe(ids.length);
}, 60_000);

/**
 * So many times faster than life: an hour is 6 s, and the probes of 1 to 60 s are 1.7 to 100 ms
 * apart. The acknowledgement wait is shorter than this hour, so that what is held has to be kept
 * alive.
 */
const timeScale = 600;

test('after an hour of outage 100,000 events arrive, each once, without a dead letter', async () => {
  await using real = await startRealLog({ publishTimeoutMs: 30_000 });
  const { metrics, signals } = createTestSignals();
  const away: Outcome = { kind: 'retry', fault: 'destination', reason: 'away', status: '503' };
  let up = true;
  const destination = recording(() => (up ? delivered : away), {
    batchEventsMax: 1_000,
    concurrency: 2,
  });
  const worker = await startWorker(real.log, destination, {
    signals,
    config: destinationConfig({ retry: attempts, ackWaitMs: 4_000 }),
    probes: { baseMs: probeIntervals.baseMs / timeScale, capMs: probeIntervals.capMs / timeScale },
  });
  const ids = await publishEvents(real.log, 1_000);
  await settled(real.log);
  const before = destination.seen.length;
  const calls = destination.batchSizes.length;
  up = false;
  const beganMs = performance.now();
  for (let count = 0; count < 100_000; count += 5_000) {
    ids.push(...(await publishEvents(real.log, 5_000)));
  }
  const leftMs = 3_600_000 / timeScale - (performance.now() - beganMs);
  if (leftMs > 0) await sleep(leftMs);
  expect(worker.state()).toMatchObject({ kind: 'parked', reason: 'away' });
  const failed = destination.batchSizes.length - calls;
  const outageMs = performance.now() - beganMs;
  const missed = destination.seen.splice(before).length;
  up = true;
  await settled(real.log, 'crm', 'EVENTS', 60_000);
  await worker.stop();

  const arrived = destination.seen.map(({ eventId }) => eventId);
  expect(arrived).toHaveLength(ids.length);
  expect(new Set(arrived)).toEqual(new Set(ids));
  expect(metrics.deliveries.series('crm', 'delivered').value).toBe(ids.length);
  expect(metrics.deliveries.series('crm', 'dead').value).toBe(0);
  // Every event was delivered once, and no attempt was charged.
  const info = await clientsForTests(real.log).manager.consumers.info('EVENTS_0', 'crm');
  expect(info.delivered.consumer_seq).toBe(ids.length);
  await expectNothingSpent(real.log);
  // An hour is a hundred calls at most, not one for each of 100,000 events.
  expect(failed).toBeLessThan(outageMs / (100 * 0.8) + 30);
  console.log(
    `${ids.length} events; an hour of ${Math.round(outageMs)} ms: ${failed} calls with ${missed} events failed`,
  );
}, 120_000);
