import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { AckPolicy, DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { StartError } from '../../src/errors.ts';
import { idempotencyKeyOf } from '../../src/event/event-id.ts';
import { clientsForTests } from '../../src/jetstream/clients.ts';
import { asAdmin } from '../admin-token.ts';
import { runCli } from '../cli/run-cli.ts';
import { startBreakingProxy, type BreakingProxy } from '../crash/breaking-proxy.ts';
import { startOperatorsNats, type OperatorsNats } from '../destinations/nats-server.ts';
import { openGate, type Kept, type OpenGate } from '../endpoints/open-gate.ts';
import { order, orderWithout } from '../endpoints/sample-events.ts';
import { consumer, makeStream, settledAll, type OperatorsStream } from './operators-stream.ts';

const dedupWindowMs = 100;

let nats: OperatorsNats;
let proxy: BreakingProxy;
let gate: OpenGate;
/** What the gate was started with, for commands. */
let configFile: string;
const streams = new Map<string, OperatorsStream>();

/** By source. `default` is also that of requests while `auth` is off. */
const settings: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  default: {},
  limited: { limits: { events_per_second: 20, burst: 2 } },
  deleted: {},
};

beforeAll(async () => {
  nats = await startOperatorsNats();
  proxy = await startBreakingProxy(nats.port);
  let yaml = 'intake:\n  nats:\n';
  for (const [source, own] of Object.entries(settings)) {
    const stream = await makeStream(nats, source.toUpperCase());
    streams.set(source, stream);
    const url = source === 'default' ? { url: `nats://127.0.0.1:${proxy.port}` } : {};
    yaml += stream.yaml(source, { ...own, ...url });
  }
  yaml += `    own: { stream: OWN, consumer: ${consumer} }\n`;
  configFile = path.join(await mkdtemp(path.join(tmpdir(), 'headgate-intake-')), 'headgate.yaml');
  await writeFile(configFile, yaml);
  gate = await openGate({
    yaml,
    env: {
      HEADGATE_LOG_DEDUP_WINDOW: `${dedupWindowMs}ms`,
      HEADGATE_NATS_PUBLISH_TIMEOUT: '300ms',
    },
  });
}, 60_000);

afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await rm(path.dirname(configFile), { recursive: true });
  await proxy[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

const streamOf = (source: string): OperatorsStream => streams.get(source)!;
const keyOf = ({ bytes }: Kept): unknown => JSON.parse(bytes.toString())['idempotencyKey'];

async function keysAfter(last: number): Promise<unknown[]> {
  return (await gate.events(last)).map(keyOf);
}

async function metric(name: string, labels: string): Promise<number> {
  const page = await (await fetch(`${gate.real.adminUrl}/metrics`, asAdmin)).text();
  return Number(new RegExp(`^${name}\\{${labels}\\} (\\S+)$`, 'm').exec(page)?.[1]);
}

const isUp = (source: string): Promise<number> =>
  metric('headgate_nats_intake_up', `source="${source}"`);

/** Cuts the gate off from the NATS of the operator: what it asked for there is forgotten. */
async function cutOff(source: string): Promise<void> {
  proxy.stall();
  proxy.reset();
  await expect
    .poll(
      async () =>
        (await nats.manager.consumers.info(streamOf(source).stream, consumer)).num_waiting,
    )
    .toBe(0);
}

describe('a message that comes again', () => {
  test('is stored once, also when the log has forgotten its id', async () => {
    const { stream, publish } = streamOf('default');
    const event = order();
    const last = await gate.last('EVENTS');
    await cutOff('default');
    await publish(event);
    // As a gate that dies between the two: the event is stored, and the message not acknowledged.
    const taken = await (await jetstream(nats.connection).consumers.get(stream, consumer)).next();
    const answer = await fetch(`${gate.url}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(event),
    });
    expect(answer.status).toBe(202);
    await sleep(1.5 * dedupWindowMs);
    taken!.nak();
    proxy.resume();
    await expect.poll(() => settledAll(streamOf('default')), { timeout: 10_000 }).toBe(true);
    expect(await keysAfter(last)).toEqual([event['idempotency_key']]);
  });

  test('is quarantined once', async () => {
    const { stream, publish } = streamOf('default');
    const last = await gate.last('REJECTED');
    await publish(orderWithout('user_id'));
    await expect.poll(() => settledAll(streamOf('default'))).toBe(true);
    // A new consumer delivers everything again.
    await nats.manager.consumers.delete(stream, consumer);
    await streamOf('default').addConsumer();
    await expect.poll(() => settledAll(streamOf('default')), { timeout: 10_000 }).toBe(true);
    expect(await gate.rejected(last)).toHaveLength(1);
  });
});

describe('a rejected event', () => {
  test('is fixed and replayed, with a key that its message gave it', async () => {
    const { publish } = streamOf('default');
    const before = await gate.last('EVENTS');
    await publish(orderWithout('idempotency_key', 'user_id'), { 'Nats-Msg-Id': 'order 7' });
    await expect.poll(() => settledAll(streamOf('default'))).toBe(true);
    const number = String(await gate.last('REJECTED'));
    const replay = ['rejected', 'replay', number, '--admin', gate.real.adminUrl];
    expect(await runCli([...replay, '--set', 'user_id=u-1'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${number}: accepted`) as string,
    });
    expect(await keysAfter(before)).toEqual([idempotencyKeyOf('nats', 'order 7')]);
  });
});

test('headgate doctor and headgate trace name the stream and the endpoint', async () => {
  const event = order();
  const last = await gate.last('EVENTS');
  await streamOf('default').publish(event);
  await expect.poll(() => keysAfter(last)).toEqual([event['idempotency_key']]);
  const env = { HEADGATE_DATA_DIR: gate.real.dataDir };
  const options = ['--config', configFile, '--admin', gate.real.adminUrl, '--json'];
  const { stdout } = await runCli(['doctor', ...options], { env });
  const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] };
  const ofIntake = findings.filter(({ check }) => check === 'intake');
  expect(ofIntake.map(({ level, found }) => `${level} ${found}`)).toEqual([
    'ok default: 0 messages of DEFAULT wait for the consumer headgate',
    'ok limited: 0 messages of LIMITED wait for the consumer headgate',
    'ok deleted: 0 messages of DELETED wait for the consumer headgate',
    'failure own: there is no stream OWN: create it, or correct the setting stream',
  ]);
  const traced = await runCli(
    ['trace', String(event['idempotency_key']), '--admin', gate.real.adminUrl],
    { env },
  );
  expect(traced.stdout).toContain('from default by nats');
});

describe('an outage', () => {
  test('of the log: nothing is acknowledged meanwhile, and nothing lost', async () => {
    const { publish, pending } = streamOf('default');
    const last = await gate.last('EVENTS');
    const thaw = await gate.freezeServer();
    const events = Array.from({ length: 20 }, () => order());
    try {
      for (const event of events) await publish(event);
      await expect
        .poll(() =>
          metric('headgate_nats_intake_messages_total', 'source="default",outcome="retry"'),
        )
        .toBeGreaterThan(0);
      expect(await pending()).toBe(events.length);
    } finally {
      thaw();
    }
    await expect.poll(() => settledAll(streamOf('default')), { timeout: 20_000 }).toBe(true);
    const stored = new Set(await keysAfter(last));
    expect(stored).toEqual(new Set(events.map((event) => event['idempotency_key'])));
    expect(await gate.events(last)).toHaveLength(events.length);
  });

  test('of the NATS of the operator: it is reported, the gate goes on, and comes back by itself', async () => {
    const last = await gate.last('EVENTS');
    await expect.poll(() => isUp('default')).toBe(1);
    await cutOff('default');
    await expect.poll(() => isUp('default'), { timeout: 10_000 }).toBe(0);
    expect((await fetch(`${gate.real.adminUrl}/readyz`)).status).toBe(200);
    const event = order();
    await streamOf('default').publish(event);
    proxy.resume();
    await expect
      .poll(() => keysAfter(last), { timeout: 10_000 })
      .toEqual([event['idempotency_key']]);
    await expect.poll(() => isUp('default'), { timeout: 10_000 }).toBe(1);
  });

  test.each(['consumer', 'stream'])(
    'a deleted %s: it is reported until it is back',
    async (what) => {
      const { stream, publish, addConsumer } = streamOf('deleted');
      await expect.poll(() => isUp('deleted')).toBe(1);
      if (what === 'consumer') await nats.manager.consumers.delete(stream, consumer);
      else await nats.manager.streams.delete(stream);
      await expect.poll(() => isUp('deleted'), { timeout: 10_000 }).toBe(0);
      expect((await fetch(`${gate.real.adminUrl}/readyz`)).status).toBe(200);

      const last = await gate.last('EVENTS');
      if (what === 'stream') {
        await nats.manager.streams.add({ name: stream, subjects: ['deleted.in'] });
      }
      await addConsumer();
      // Without a key: those of a stream that was made again are not those of the first.
      const bare = orderWithout('idempotency_key');
      await publish(bare);
      await expect.poll(async () => (await gate.events(last)).length, { timeout: 10_000 }).toBe(1);
      await expect.poll(() => isUp('deleted'), { timeout: 10_000 }).toBe(1);
    },
  );
});

test('a consumer that is made again, and would lose messages, is not used', async () => {
  const { stream, publish, addConsumer } = streamOf('deleted');
  const last = await gate.last('EVENTS');
  await nats.manager.consumers.delete(stream, consumer);
  await addConsumer({ ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.New });
  await expect.poll(() => isUp('deleted'), { timeout: 10_000 }).toBe(0);
  const event = order();
  const seq = await publish(event);
  // Nothing happens, which cannot be awaited: longer than the pause of a pull after a failure, 1 s.
  await sleep(1_300);
  expect((await nats.manager.consumers.info(stream, consumer)).delivered.consumer_seq).toBe(0);
  await nats.manager.consumers.delete(stream, consumer);
  await addConsumer({ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq });
  await expect.poll(() => keysAfter(last), { timeout: 10_000 }).toEqual([event['idempotency_key']]);
});

describe('the limits of the source', () => {
  test('make messages wait: none is refused, and none delivered twice', async () => {
    const { stream, publish } = streamOf('limited');
    const last = await gate.last('EVENTS');
    const events = Array.from({ length: 32 }, () => order());
    const startedAt = performance.now();
    await publish({ events: events.slice(0, 12) });
    for (const event of events.slice(12)) await publish(event);
    await expect.poll(() => settledAll(streamOf('limited')), { timeout: 10_000 }).toBe(true);
    // 2 at once, and 20 a second: longer than ack_wait, which is 1 s.
    expect(performance.now() - startedAt).toBeGreaterThan(1_400);
    const stored = (await gate.events(last)).map(({ bytes }) => JSON.parse(bytes.toString()));
    // An event without a time happened when its message came into the stream.
    const { timestamp, eventTime } = stored.at(-1);
    expect(Date.parse(timestamp) - Date.parse(eventTime)).toBeGreaterThan(700);
    const keys = stored.map((event) => event['idempotencyKey']);
    expect(keys).toEqual(events.map((event) => event['idempotency_key']));
    const info = await nats.manager.consumers.info(stream, consumer);
    expect(info.delivered.consumer_seq).toBe(21);
    expect(
      await metric('headgate_source_limited_total', 'source="limited",limit="events_per_second"'),
    ).toBe(0);
  });
});

describe('the NATS of the log', () => {
  test('may have the stream, without a url', async () => {
    const { manager, connection } = clientsForTests(gate.real.service.log);
    const last = await gate.last('EVENTS');
    await manager.streams.add({ name: 'OWN', subjects: ['own.in'] });
    await manager.consumers.add('OWN', { durable_name: consumer, ack_policy: AckPolicy.Explicit });
    const event = order();
    await jetstream(connection).publish('own.in', JSON.stringify(event));
    await expect
      .poll(() => keysAfter(last), { timeout: 10_000 })
      .toEqual([event['idempotency_key']]);
  });

  test('must not be asked for its own events: that stops the start', async () => {
    const started = openGate({
      yaml: 'intake: { nats: { bad: { stream: EVENTS_0, consumer: c } } }',
    });
    await expect(started).rejects.toThrow(StartError);
    await expect(started).rejects.toThrow("EVENTS_0 is a stream of Headgate's own log");
  });
});
