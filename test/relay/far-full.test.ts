import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, expect, test } from 'vitest';

import { DeadLetterService } from '../../gen/headgate/v1/dead_letter_service_pb.ts';
import {
  DestinationService,
  DestinationStatus_State as State,
} from '../../gen/headgate/v1/destination_service_pb.ts';
import { KeyService } from '../../gen/headgate/v1/key_service_pb.ts';
import { hashWriteKey } from '../../src/config/write-key.ts';
import { eventIdOf } from '../../src/event/event-id.ts';
import { asAdmin } from '../admin-token.ts';
import { connect } from '../audit/audit-rig.ts';
import { runCli } from '../cli/run-cli.ts';
import { freePort } from '../crash/gate-process.ts';
import { readLog } from '../destinations/headgate-far-side.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { relayKey, relayName, startFar, startRelayHere, type FarGate } from './far.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-far-full-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** About 33 MB for events, the oldest of which may go ten seconds after they were stored and settled. */
const smallLog = {
  HEADGATE_LOG_STORAGE_BYTES_MAX: '64MiB',
  HEADGATE_LOG_DEDUP_WINDOW: '10s',
  HEADGATE_LOG_RETENTION_MIN: '10s',
};
/** On a busy machine nothing may come twice so late that the far gate has forgotten the first. */
const patient = { settings: { timeout: 15_000 }, ackWaitMs: 30_000 };

/** The far gate's own destination: in this process, and away while a test says so. */
const warehouse = { isAway: false, ids: [] as string[] };
Object.assign(globalThis, { warehouseOfFarFull: warehouse });
const modulePath = path.join(folder, 'warehouse.mjs');
writeFileSync(
  modulePath,
  `export default () => ({
    batchEventsMax: 500,
    concurrency: 2,
    async deliver(batch) {
      const warehouse = globalThis.warehouseOfFarFull;
      if (warehouse.isAway) {
        return batch.map(() => ({ kind: 'retry', fault: 'destination', reason: 'away' }));
      }
      warehouse.ids.push(...batch.map(({ event }) => event().eventId));
      return batch.map(() => ({ kind: 'delivered' }));
    },
    async close() {},
  });`,
);

const good = { order_id: 'A-1', total: 1.5, currency: 'EUR' };
const bulky = { filler: 'x'.repeat(8_000) };

/** Returns the keys by verdict. */
async function send(relay: RealService, keys: readonly string[], context: object, writeKey = '') {
  const response = await fetch(`${relay.url}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-write-key': writeKey },
    body: JSON.stringify({
      events: keys.map((idempotency_key) => ({
        event_name: 'order_completed',
        user_id: 'u-1',
        idempotency_key,
        properties: good,
        context,
      })),
    }),
  });
  const { results } = (await response.json()) as { results: { status: string }[] };
  const statusAt = (at: number): string => results[at]!.status;
  return {
    stored: keys.filter((_, at) => ['accepted', 'duplicate'].includes(statusAt(at))),
    refused: keys.filter((_, at) => statusAt(at) === 'retry'),
  };
}

const newKeys = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
const stateOf = async (relay: RealService) =>
  (await connect(relay, DestinationService).listDestinations({})).destinations[0]!;
const deadOf = async (relay: RealService): Promise<number> =>
  (await connect(relay, DeadLetterService).listDeadLetters({})).deadLetters.length;

/** Verdicts of the far gate on forwarded events: each is a try of the relay. */
async function verdictsOf(far: FarGate, outcome = ''): Promise<number> {
  const text = await (await fetch(`${far.gate.adminUrl}/metrics`, asAdmin)).text();
  const counts = text.matchAll(/^headgate_relayed_events_total\{(.*)\} (\d+)/gm);
  const wanted = [...counts].filter(([, labels]) => labels!.includes(outcome));
  return wanted.reduce((sum, [, , count]) => sum + Number(count), 0);
}

const logFull = /^127\.0\.0\.1:\d+: not_stored: .*the log is full of events/;

test('while the log of the far gate is full, the relay waits, takes events until its own is full, and loses none', async () => {
  warehouse.isAway = true;
  await using far = closing(
    await startFar(
      smallLog,
      {},
      { destinations: { warehouse: { type: 'module', path: modulePath, when_full: 'hold' } } },
    ),
  );
  await using relay = await startRelayHere(far.network.port, smallLog, patient);
  const taken = new Set<string>();
  const waiting: string[] = [];
  /** Resolves to false if the relay refuses some: they are sent again. */
  const send100 = async (): Promise<boolean> => {
    const keys = waiting.length > 0 ? waiting.splice(0, 100) : newKeys(100);
    const { stored, refused } = await send(relay, keys, bulky);
    for (const key of stored) taken.add(key);
    waiting.push(...refused);
    return refused.length === 0;
  };
  // Until both logs are full: the relay deletes what the far gate has only after ten seconds.
  const isFull = async (): Promise<boolean> =>
    (await stateOf(relay)).state === State.PARKED &&
    taken.size - (await verdictsOf(far, 'accepted')) > 1_000;
  while ((await send100()) || !(await isFull())) if (waiting.length > 0) await sleep(200);
  expect(await stateOf(relay)).toMatchObject({ reason: expect.stringMatching(logFull) });
  expect(await verdictsOf(far, 'accepted')).toBeGreaterThan(2_000);
  const { stdout } = await runCli(['destinations', '--admin', relay.adminUrl], {});
  expect(stdout).toMatch(/parked.*the log is full/s);
  // One event is tried at a time, and at most once a second.
  const [triedBefore, fromMs] = [await verdictsOf(far), performance.now()];
  await expect.poll(() => verdictsOf(far), { timeout: 20_000 }).toBeGreaterThan(triedBefore + 2);
  const tried = (await verdictsOf(far)) - triedBefore;
  expect(tried).toBeLessThan(3 + (performance.now() - fromMs) / 1_000);
  expect(await deadOf(relay)).toBe(0);
  warehouse.isAway = false;
  const sendRest = async (): Promise<number> => {
    while (waiting.length > 0 && (await send100()));
    return waiting.length;
  };
  await expect.poll(sendRest, { timeout: 60_000, interval: 500 }).toBe(0);
  await expect.poll(() => warehouse.ids.length, { timeout: 60_000 }).toBe(taken.size);
  const wanted = [...taken].map((key) => eventIdOf('shop-fra', key));
  expect(warehouse.ids.toSorted()).toEqual(wanted.toSorted());
  expect(await deadOf(relay)).toBe(0);
  await expect.poll(() => stateOf(relay)).toMatchObject({ state: State.RUNNING, waiting: 0n });
}, 180_000);

test('a source that has used up its day at the far gate waits alone', async () => {
  const requestBytesMax = 64 * 1024;
  await using far = closing(
    await startFar({ HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax) }),
  );
  const limits = { bytesPerDay: BigInt(requestBytesMax) };
  await connect(far.gate, KeyService).createKey({ source: 'shop-a', limits });
  const localKeys = { 'shop-a': 'hg_key-of-shop-a', 'shop-b': 'hg_key-of-shop-b' };
  await using relay = await startRelayHere(
    far.network.port,
    {},
    {
      localKeys,
      attempts: 2,
      settings: { batch_bytes: requestBytesMax / 2 },
    },
  );
  const sendAs = async (source: keyof typeof localKeys, keys: string[]): Promise<void> => {
    const { stored } = await send(relay, keys, bulky, localKeys[source]);
    expect(stored).toEqual(keys);
  };
  const arrived = (keys: readonly string[]): number =>
    keys.filter((key) => far.rows().get(key)?.length === 1).length;
  const ofA = newKeys(40);
  await sendAs('shop-a', ofA);
  // What its day takes.
  await expect.poll(() => arrived(ofA), { timeout: 20_000 }).toBeGreaterThan(4);
  await expect.poll(() => verdictsOf(far, 'retry'), { timeout: 20_000 }).toBeGreaterThan(30);
  // Only events of this source wait by now, and the other one does not wait for them.
  const ofB = newKeys(40);
  await sendAs('shop-b', ofB);
  await expect.poll(() => arrived(ofB), { timeout: 20_000 }).toBe(40);
  expect(await stateOf(relay)).toMatchObject({ state: State.RUNNING });
  expect(await deadOf(relay)).toBe(0);
  // None of it is tried again before the next day.
  const tried = await verdictsOf(far, 'retry');
  expect(tried).toBeLessThan(2 * ofA.length);
}, 120_000);

test('a far gate that is shut down and started again gets each event once', async () => {
  const dataDir = path.join(folder, 'far');
  const port = await freePort();
  const startAgain = (): Promise<RealService> =>
    startRealService({
      env: {
        HEADGATE_AUTH: 'keys',
        HEADGATE_DATA_DIR: dataDir,
        HEADGATE_LISTEN: `127.0.0.1:${port}`,
      },
      yaml: JSON.stringify({
        keys: [{ source: relayName, hash: hashWriteKey(relayKey), relay_sources: ['shop-*'] }],
      }),
    });
  let far = await startAgain();
  try {
    await using relay = await startRelayHere(port, {}, { attempts: 2 });
    const keys: string[] = [];
    const sendSome = async (): Promise<void> => {
      const more = newKeys(200);
      expect((await send(relay, more, {})).stored).toEqual(more);
      keys.push(...more);
    };
    await sendSome();
    const stopping = far.stop();
    await sendSome();
    await stopping;
    await sendSome();
    await expect
      .poll(() => stateOf(relay), { timeout: 20_000 })
      .toMatchObject({ state: State.PARKED, reason: expect.stringContaining('ECONNREFUSED') });
    far = await startAgain();
    const wanted = keys.map((key) => eventIdOf('shop-fra', key)).toSorted();
    const stored = async (): Promise<string[]> =>
      (await readLog(far)).map(({ event }) => event.eventId).toSorted();
    await expect.poll(stored, { timeout: 30_000, interval: 500 }).toEqual(wanted);
    expect(await deadOf(relay)).toBe(0);
  } finally {
    await far[Symbol.asyncDispose]();
  }
}, 120_000);

function closing(far: FarGate): FarGate & AsyncDisposable {
  return { ...far, [Symbol.asyncDispose]: () => far.close() };
}
