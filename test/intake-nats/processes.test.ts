import { afterAll, beforeAll, expect, test } from 'vitest';

import { startBreakingProxy } from '../crash/breaking-proxy.ts';
import { prepareGate } from '../crash/gate-process.ts';
import { readMessageIds } from '../crash/stored-state.ts';
import { countMessages } from '../delivery/rig.ts';
import { startOperatorsNats, type OperatorsNats } from '../destinations/nats-server.ts';
import { order } from '../endpoints/sample-events.ts';
import {
  gateProcessesOf,
  isRunning,
  scrape,
  total,
  untilServing,
} from '../processes/gate-processes.ts';
import { startRealLog } from '../real-log.ts';
import { startRealService } from '../real-service.ts';
import { makeStream, settledAll, type OperatorsStream } from './operators-stream.ts';

let nats: OperatorsNats;

beforeAll(async () => {
  nats = await startOperatorsNats();
});

afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

async function publishMany({ publish }: OperatorsStream, count: number): Promise<string[]> {
  const events = Array.from({ length: count }, () => order());
  await Promise.all(events.map((event) => publish(event)));
  return events.map((event) => String(event['idempotency_key']));
}

const messages = 'headgate_nats_intake_messages_total';

test('two gate processes share a stream; killed between store and acknowledgement, each event counts once', async () => {
  const stream = await makeStream(nats, 'KILLED');
  await using proxy = await startBreakingProxy(nats.port);
  const source = stream.yaml('orders', { url: `nats://127.0.0.1:${proxy.port}` });
  await using gate = await prepareGate({
    env: { HEADGATE_PROCESSES: '2' },
    yaml: () => `destinations: {}\nintake:\n  nats:\n${source}`,
  });
  const run = await gate.start();
  await untilServing(gate, 2);
  const waiting = async (): Promise<number> =>
    (await nats.manager.consumers.info(stream.stream, stream.consumer)).num_waiting;
  await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThan(1);
  const first = await publishMany(stream, 200);
  await expect.poll(() => settledAll(stream), { timeout: 20_000 }).toBe(true);
  await expect
    .poll(async () => total(await scrape(gate), messages, 'outcome="stored"'))
    .toBe(first.length);

  // The processes get messages, and no acknowledgement of theirs arrives.
  proxy.mute();
  const second = await publishMany(stream, 20);
  const ids = (): Promise<string[]> => readMessageIds(gate.dataDir, 'EVENTS');
  await expect
    .poll(async () => (await ids()).length, { timeout: 10_000 })
    .toBe(first.length + second.length);
  expect(await stream.pending()).toBe(second.length);
  const killed = gateProcessesOf(run.processId);
  expect(killed).toHaveLength(2);
  for (const each of killed) process.kill(each, 'SIGKILL');
  await expect.poll(() => killed.some(isRunning)).toBe(false);
  proxy.reset();
  proxy.resume();

  await expect.poll(() => settledAll(stream), { timeout: 20_000 }).toBe(true);
  const stored = await ids();
  const wanted = [...first, ...second].map((key) => `orders:${key}`);
  expect(stored.toSorted()).toEqual(wanted.toSorted());
  await expect
    .poll(async () => total(await scrape(gate), 'headgate_events_total', 'outcome="duplicate"'))
    .toBe(second.length);
  run.kill('SIGTERM');
  expect(await run.exit).toMatchObject({ code: 0 });
}, 120_000);

test('a stop settles what is being stored, and gives the rest back', async () => {
  const stream = await makeStream(nats, 'STOPPED');
  await using real = await startRealLog();
  const { servers, user, password } = real.server.address;
  const url = new URL(servers[0]!.includes('://') ? servers[0]! : `nats://${servers[0]}`);
  Object.assign(url, { username: user, password });
  const start = (limits: Readonly<Record<string, unknown>> = {}) =>
    startRealService({
      env: { HEADGATE_NATS_URL: url.href, HEADGATE_DURABILITY: 'async' },
      yaml: `destinations: {}\nintake:\n  nats:\n${stream.yaml('orders', limits)}`,
    });
  const stored = (): Promise<number> => countMessages(real.log, 'EVENTS');
  const events = 3_000;
  {
    await using gate = await start();
    const published = publishMany(stream, events);
    await expect.poll(stored, { timeout: 20_000, interval: 1 }).toBeGreaterThan(0);
    await published;
    await gate.stop();
  }
  // Each stored event is acknowledged, so that the two add up.
  expect((await stored()) + (await stream.pending())).toBe(events);
  await publishMany(stream, 10);
  {
    // These wait for the limit: the stop does not.
    await using gate = await start({ limits: { events_per_second: 1 } });
    const before = await stored();
    await expect.poll(stored, { timeout: 10_000 }).toBeGreaterThan(before);
    const startedAt = performance.now();
    await gate.stop();
    expect(performance.now() - startedAt).toBeLessThan(900);
  }
  await using last = await start();
  expect(last.url).not.toBe('');
  await expect.poll(() => settledAll(stream), { timeout: 20_000 }).toBe(true);
  expect(await stored()).toBe(events + 10);
}, 60_000);
