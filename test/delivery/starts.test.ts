import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { DestinationStart } from '../../src/config/config.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { deleteDestinationConsumers } from '../../src/jetstream/consume/destination-consumer.ts';
import {
  countBeforeStart,
  fixStart,
  readStart,
} from '../../src/jetstream/consume/start-position.ts';
import { readLedger } from '../../src/jetstream/integrity/ledger.ts';
import { partsOf } from '../../src/jetstream/events/event-streams.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { createConfirmations } from '../../src/reconciliation/confirmations.ts';
import { differenceOf, zeroCounts } from '../../src/reconciliation/count-table.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import type { Destination } from '../../src/destinations/destination.ts';
import { runCli } from '../cli/run-cli.ts';
import { startHttpServer } from '../destinations/http-server.ts';
import { natsStream } from '../nats-stream.ts';
import { startRealLog } from '../real-log.ts';
import { startRealService } from '../real-service.ts';
import { destinationConfig, publishEvents, recording, settled, startWorker, until } from './rig.ts';

const starting = (start: DestinationStart) => destinationConfig({ start });

/** The ids that a destination gets which starts now and then sees one more event. */
async function receivedBy(log: Log, start: DestinationStart): Promise<string[]> {
  const crm = recording();
  await using worker = stopping(await startWorker(log, crm, { config: starting(start) }));
  void worker;
  await settled(log);
  return crm.seen.map(({ eventId }) => eventId);
}

const stopping = <Worker extends { stop(): Promise<void> }>(worker: Worker) => ({
  [Symbol.asyncDispose]: () => worker.stop(),
});

describe('a new destination', () => {
  test('starts now: it gets what comes later, and nothing of before', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 5);
    await fixStart(log, 'crm', { kind: 'now' });
    // Stored before any worker runs, and after the start was fixed.
    const later = await publishEvents(log, 3);
    expect((await receivedBy(log, { kind: 'now' })).sort()).toEqual(later.sort());
    expect(await countBeforeStart(log, (await readStart(log, 'crm'))!)).toBe(5);
  });

  test('starts at the earliest event, or at a time', async () => {
    await using real = await startRealLog();
    const { log } = real;
    const first = await publishEvents(log, 4);
    await sleep(30);
    const timeMs = Date.now();
    await sleep(30);
    const second = await publishEvents(log, 3);
    expect(await receivedBy(log, { kind: 'time', ms: timeMs })).toHaveLength(second.length);
    await deleteDestinationConsumers(log, 'crm');
    expect(await receivedBy(log, { kind: 'age', ms: 3_600_000 })).toHaveLength(7);
    await deleteDestinationConsumers(log, 'crm');
    expect(await receivedBy(log, { kind: 'time', ms: Date.now() + 60_000 })).toEqual([]);
    await deleteDestinationConsumers(log, 'crm');
    expect((await receivedBy(log, { kind: 'earliest' })).sort()).toEqual(
      [...first, ...second].sort(),
    );
  });

  test('starts at the first event in a log that has held none, also with now', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await fixStart(log, 'crm', { kind: 'now' });
    const ids = await publishEvents(log, 3);
    expect(await receivedBy(log, { kind: 'now' })).toHaveLength(ids.length);
  });

  test('has one start, whoever fixes it first', async () => {
    await using real = await startRealLog();
    const { log } = real;
    await publishEvents(log, 3);
    const [one, other] = await Promise.all([
      fixStart(log, 'crm', { kind: 'now' }),
      fixStart(log, 'crm', { kind: 'earliest' }),
    ]);
    expect(one.start).toEqual(other.start);
    expect([one.isNew, other.isNew].filter(Boolean)).toHaveLength(1);
    await publishEvents(log, 3);
    expect((await fixStart(log, 'crm', { kind: 'now' })).start).toEqual(one.start);
  });
});

test('a destination that has a position keeps it', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 2);
  const crm = recording();
  const earlier = await startWorker(log, crm, { config: destinationConfig() });
  await settled(log);
  await earlier.stop();
  await publishEvents(log, 3);
  expect(await receivedBy(log, { kind: 'now' })).toHaveLength(3);
});

test('a consumer that is lost starts again where the destination started, and not later', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 2);
  await fixStart(log, 'crm', { kind: 'now' });
  const ids = await publishEvents(log, 3);
  await receivedBy(log, { kind: 'now' });
  await clientsForTests(log).manager.consumers.delete(natsStream('EVENTS'), 'crm');
  expect((await receivedBy(log, { kind: 'now' })).sort()).toEqual(ids.sort());
});

test('reconciliation counts what lies before the start, and confirmation does not deliver it', async () => {
  await using real = await startRealLog();
  const { log } = real;
  await publishEvents(log, 5);
  await fixStart(log, 'crm', { kind: 'now' });
  await publishEvents(log, 3);
  const crm = recording();
  const stored: Destination['stored'] = async function* () {
    for (const { eventId } of crm.seen) yield { eventId, eventName: 'x', timestamp: '' };
  };
  const config = starting({ kind: 'now' });
  const audited = { name: 'crm', type: 'test', filter: config, stored };
  const found: unknown[] = [];
  const confirmations = createConfirmations({
    log,
    onMissing: (_name, one) => found.push(one),
    onTrouble: (_name, error) => found.push(error),
    secondLookMs: 1,
  });
  await confirmations.begin({ ...audited, isRunning: () => true });
  await using worker = stopping(await startWorker(log, crm, { config }));
  void worker;
  await settled(log);
  await confirmations.run();
  await confirmations.run();
  await confirmations.stop();
  expect(found).toEqual([]);
  expect(crm.seen).toHaveLength(3);
  for (const one of [audited, { ...audited, stored: undefined }]) {
    const report = await reconcile({ log, destinations: [one], sinceMs: 0, secondLookMs: 1 });
    const total = zeroCounts();
    let difference = 0;
    for (const { accepted, counts } of report.rows) {
      difference += differenceOf(accepted, counts[0]!);
      total.delivered += counts[0]!.delivered;
      total.beforeStart += counts[0]!.beforeStart;
    }
    expect({ ...total, difference }).toMatchObject({ delivered: 3, beforeStart: 5, difference: 0 });
  }
  expect((await readLedger(log, partsOf(log, 'EVENTS')[0]!)).deleted).toEqual([]);
});

test('the start and headgate destinations say how many events a webhook does not get', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'headgate-starts-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const got: string[] = [];
  const far = await startHttpServer((request, response) => {
    got.push(String(request.headers['webhook-id'] ?? ''));
    response.writeHead(200).end();
  });
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const warehouse = `  warehouse: { type: sqlite, path: ${path.join(dataDir, 'w.db')} }\n`;
  const crm = `  crm: { type: webhook, url: "http://127.0.0.1:${far.port}/x", secret: "${secret}", allow_private_addresses: true }\n`;
  const start = (yaml: string) =>
    startRealService({ env: { HEADGATE_DATA_DIR: dataDir }, yaml: `destinations:\n${yaml}` });
  {
    await using first = await start(warehouse);
    await publishEvents(first.service.log, 20);
    await settled(first.service.log, 'warehouse');
  }
  await using real = await start(warehouse + crm);
  const later = await publishEvents(real.service.log, 2);
  await until(
    () => got.length,
    (count) => count >= 2,
  );
  await sleep(300);
  expect(got).toHaveLength(2);
  const { stderr, stdout } = await runCli(['destinations', '--admin', real.adminUrl]);
  expect(stderr).toMatch(
    /^crm does not get the 20 events of the log that are older than its start of 20/m,
  );
  expect(stderr).not.toContain('warehouse does not get');
  expect(stdout).toMatch(/^crm\twebhook\trunning/m);
  const traced = await runCli(['trace', later[0]!, '--admin', real.adminUrl]);
  expect(traced.stdout).toContain('crm');
});
