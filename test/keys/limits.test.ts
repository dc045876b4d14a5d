import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { untilServing } from '../processes/gate-processes.ts';
import { startRealLog, type RealLog } from '../real-log.ts';
import type { RealService } from '../real-service.ts';
import { keysOf, startGateOn, track, type Keys } from './key-gates.ts';

const requestBytesMax = 4096;
/** Slow enough that nothing is allowed again while a test runs. */
const slow = (burst: number) => ({ eventsPerSecond: 1, burst });
const ofFile = 'hg_of-the-file';

/** The statuses of so many requests, one after the other. */
async function statusesOf(url: string, key: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await track(url, key)).status);
  return statuses;
}

describe('limits of a key of the log', () => {
  let log: RealLog;
  let gate: RealService;
  let keys: Keys;
  beforeAll(async () => {
    log = await startRealLog();
    gate = await startGateOn(
      log,
      { HEADGATE_LIMITS_REQUEST_BYTES_MAX: String(requestBytesMax) },
      `keys:
  - source: till
    hash: "${hashWriteKey(ofFile)}"
    limits: { events_per_second: 1000 }
`,
    );
    keys = keysOf(gate.adminUrl);
  }, 60_000);
  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
  });

  test('a request that waits for its limit is refused if its key is revoked meanwhile', async () => {
    const limits = { eventsPerSecond: 2, burst: 4 };
    const { key, secret } = await keys.createKey({ source: 'spot', limits });
    const sendAll = async (): Promise<number> => {
      const event = () => ({
        event: 'Page Viewed',
        properties: { token: secret, distinct_id: 'u1', $insert_id: randomUUID() },
      });
      const body = JSON.stringify(Array.from({ length: limits.burst }, event));
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${gate.url}/track`, { method: 'POST', headers, body });
      await answer.text();
      return answer.status;
    };
    expect(await sendAll()).toBe(200);
    const waiting = sendAll();
    await sleep(200);
    await keys.revokeKey({ id: key!.id });
    expect(await waiting).toBe(401);
  });

  test('are of its source: beyond them 429, also for a key without limits', async () => {
    const { key, secret, warning } = await keys.createKey({ source: 'shop', limits: slow(3) });
    expect(warning).toBe('');
    expect(key!.limits).toMatchObject({ eventsPerSecond: 1, burst: 3, bytesPerDay: 0n });
    const other = await keys.createKey({ source: 'shop' });
    expect(other.warning).toBe('');
    expect(other.key!.limits).toBeUndefined();
    const free = await keys.createKey({ source: 'free' });
    expect(await statusesOf(gate.url, secret, 2)).toEqual([202, 202]);
    expect((await track(gate.url, other.secret)).status).toBe(202);
    const refused = await track(gate.url, other.secret);
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('The source \\"shop\\" has reached its limit');
    expect((await track(gate.url, secret)).status).toBe(429);
    expect(await statusesOf(gate.url, free.secret, 5)).toEqual([202, 202, 202, 202, 202]);
  });

  test('are kept on rotation, and listed', async () => {
    const limits = { ...slow(2), bytesPerDay: BigInt(requestBytesMax) };
    const { key } = await keys.createKey({ source: 'app', limits });
    const rotated = await keys.rotateKey({ id: key!.id });
    expect(rotated.key!.limits).toMatchObject(limits);
    expect(await statusesOf(gate.url, rotated.secret, 3)).toEqual([202, 202, 429]);
    const { keys: listed } = await keys.listKeys({ source: 'app' });
    expect(listed.map((each) => each.limits)).toMatchObject([limits, limits]);
    const { keys: inFile } = await keys.listKeys({ source: 'till' });
    expect(inFile.map((each) => each.limits)).toMatchObject([
      { eventsPerSecond: 1000, burst: 1000 },
    ]);
  });

  test('that differ are said, the strictest apply, and a revoked key takes its own with it', async () => {
    expect((await track(gate.url, ofFile)).status).toBe(202);
    const { key, secret, warning } = await keys.createKey({ source: 'till', limits: slow(2) });
    expect(warning).toBe(
      'The other keys of till have other limits. The strictest of each apply to all of its keys: ' +
        '1 events a second, 2 at once.',
    );
    expect(await statusesOf(gate.url, ofFile, 2)).toEqual([202, 202]);
    expect((await track(gate.url, secret)).status).toBe(429);
    await keys.revokeKey({ id: key!.id });
    // The next request brings the limits of the file into force, whose rate fills the burst again.
    await expect.poll(async () => (await track(gate.url, ofFile)).status).toBe(202);
    await sleep(50);
    expect(await statusesOf(gate.url, ofFile, 5)).toEqual([202, 202, 202, 202, 202]);
  });

  test.each([
    [{ burst: 3 }, 'limits.burst is used with limits.events_per_second only'],
    [{ eventsPerSecond: -1 }, 'limits.events_per_second is not within 1 and 1000000'],
    [{ eventsPerSecond: 1_000_001 }, 'limits.events_per_second is not within 1 and 1000000'],
    [{ eventsPerSecond: 1, burst: 10_000_001 }, 'limits.burst is not within 1 and 10000000'],
    [{ bytesPerDay: 1023n }, 'limits.bytes_per_day is below 1024'],
    [{ bytesPerDay: BigInt(requestBytesMax) - 1n }, 'below limits.request_bytes_max (4096)'],
  ])('%o are refused, and no key is made', async (limits, text) => {
    const made = keys.createKey({ source: 'faulty', limits });
    await expect(made).rejects.toBeInstanceOf(ConnectError);
    await expect(made).rejects.toThrow(text);
    expect((await keys.listKeys({ source: 'faulty' })).keys).toEqual([]);
  });

  test('may be as large as they can be', async () => {
    const limits = { eventsPerSecond: 1_000_000, burst: 10_000_000, bytesPerDay: 2n ** 53n - 1n };
    const { key } = await keys.createKey({ source: 'large', limits });
    expect(key!.limits).toMatchObject(limits);
  });
});

test('several gate processes share the limits of a key of the log', async () => {
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2', HEADGATE_AUTH: 'keys' },
    yaml: () => 'destinations: {}\n',
  });
  await gate.start();
  await untilServing(gate, 2);
  const keys = keysOf(`http://${gate.adminListen}`);
  const { secret } = await keys.createKey({
    source: 'shop',
    // As good as none in this time.
    limits: { bytesPerDay: 2n ** 40n, eventsPerSecond: 1, burst: 4 },
  });
  await sleep(1_000);
  const startedAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => track(gate.url, secret, 'close')),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const taken = answers.filter(({ status }) => status === 202).length;
  expect(taken).toBeGreaterThanOrEqual(4);
  expect(taken).toBeLessThanOrEqual(4 + Math.ceil(seconds));
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(12 - taken);
}, 90_000);
