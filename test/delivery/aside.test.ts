import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { PublishError } from '../../src/jetstream/publish/publish-error.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { asAdmin } from '../admin-token.ts';
import { startReceiver, type Receiver } from '../chaos/receiver.ts';
import { runCli } from '../cli/run-cli.ts';
import { webhookSecret } from '../destinations/webhook-far-side.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { settled, until } from './rig.ts';

const filler = 'x'.repeat(8_000);
const drainMs = 60_000;

interface Setting {
  readonly receiver: Receiver;
  readonly folder: string;
}

async function prepare(): Promise<Setting> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-aside-'));
  const receiver = await startReceiver();
  onTestFinished(async () => {
    await receiver.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  return { receiver, folder };
}

const crmOf = ({ receiver }: Setting, more = ''): string =>
  `crm: { type: webhook, url: "http://127.0.0.1:${receiver.port}/h", secret: "${webhookSecret}", ` +
  `allow_private_addresses: true, batch_events: 20, ack_wait: 2s, timeout: 2s, ` +
  `retry: { base: 50ms, cap: 200ms }${more} }`;
const warehouseOf = ({ folder }: Setting): string =>
  `warehouse: { type: sqlite, path: "${folder}/warehouse.db" }`;

type Lines = () => Record<string, unknown>[];

/** EVENTS has 21 MiB and ASIDE 12. */
async function startSmall(
  { folder }: Setting,
  destinations: readonly string[],
  asideBytesMax = '12MiB',
): Promise<{ readonly real: RealService; readonly lines: Lines }> {
  const lines: string[] = [];
  const yaml = `destinations:\n${destinations.map((one) => `  ${one}\n`).join('')}`;
  await writeFile(path.join(folder, 'headgate.yaml'), yaml);
  const real = await startRealService({
    logger: createLogger('info', { write: (line) => void lines.push(line) }),
    yaml,
    env: {
      HEADGATE_DATA_DIR: path.join(folder, 'data'),
      HEADGATE_LOG_STORAGE_BYTES_MAX: storage,
      HEADGATE_LOG_ASIDE_BYTES_MAX: asideBytesMax,
      HEADGATE_LOG_DEDUP_WINDOW: '100ms',
      HEADGATE_LOG_RETENTION_MIN: '500ms',
    },
  });
  onTestFinished(() => real[Symbol.asyncDispose]());
  return { real, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** The least that an embedded server takes. */
const storage = '64MiB';

const infoOf = async (log: Log, stream: string) =>
  (await clientsForTests(log).manager.streams.info(stream)).state;

/** Stores events, and again what the full log refuses. Resolves to their ids. */
async function publish(
  log: Log,
  count: number,
  patienceMs = 10_000,
  stored = new Set<string>(),
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  let storedAtMs = performance.now();
  const storeOne = async (id: string): Promise<void> => {
    for (;;) {
      try {
        const text = `{"eventId":"${id}","eventName":"order_completed","source":"shop","timestamp":"2026-01-02T03:04:05.678Z","userId":"u1","idempotencyKey":"${id}","properties":{"text":"${filler}"}}`;
        const headers = { 'Nats-Msg-Id': `shop:${id}` };
        await log.store('EVENTS', 'headgate.events.0.shop.order_completed', headers, text);
        storedAtMs = performance.now();
        stored.add(id);
        return;
      } catch (error) {
        if (!(error instanceof PublishError && error.code === 'stream_full')) throw error;
        if (performance.now() - storedAtMs > patienceMs) throw error;
        await sleep(20);
      }
    }
  };
  for (let at = 0; at < count; at += 20) await Promise.all(ids.slice(at, at + 20).map(storeOne));
  return ids;
}

const rowsOf = ({ folder }: Setting): string[] => {
  const database = new DatabaseSync(path.join(folder, 'warehouse.db'), { readOnly: true });
  try {
    return database
      .prepare('SELECT event_id FROM events')
      .all()
      .map((row) => String(row['event_id']));
  } finally {
    database.close();
  }
};

const parked = (lines: Lines): Promise<boolean> =>
  until(
    () => lines().some(({ msg }) => msg === 'destination parked'),
    (isParked) => isParked,
  );

/** What is aside waits, in every count; nothing is missing. */
async function expectKnown(real: RealService, sent: number, lines: Lines): Promise<void> {
  const { log } = real.service;
  const { last_seq: last, first_seq: first } = await infoOf(log, 'ASIDE');
  const admin = ['--admin', real.adminUrl, '--json'];
  const stateOf = async (sequence: number): Promise<unknown> => {
    const { streams } = clientsForTests(log).manager;
    const copy = await streams.getMessage('ASIDE', { seq: sequence });
    const { eventId } = copy!.json<{ eventId: string }>();
    const { stdout } = await runCli(['trace', eventId, ...admin]);
    const { events } = JSON.parse(stdout) as { events: { stored: { destinations: object[] } }[] };
    expect(events).toHaveLength(1);
    return events[0]!.stored.destinations.find(
      (one) => (one as { destination: string }).destination === 'crm',
    );
  };
  expect(await stateOf(last)).toMatchObject({ state: 'ASIDE' });
  // The worker holds the first ones, to probe the destination. Their originals have made room.
  expect((await infoOf(log, 'EVENTS_0')).first_seq).toBeGreaterThan(first);
  expect(await stateOf(first)).toMatchObject({ state: expect.stringMatching(/IN_WORK|RETRYING/) });
  const env = {
    HEADGATE_DATA_DIR: real.dataDir,
    HEADGATE_CONFIG: path.join(real.dataDir, '..', 'headgate.yaml'),
  };
  const counts = await runCli(['reconcile', '--since', '1h', '--json'], { env });
  expect(counts.stderr).toBe('');
  expect(counts).toMatchObject({ code: 0 });
  const { hours } = JSON.parse(counts.stdout) as {
    hours: { accepted: number; destinations: { crm: { waiting: number } } }[];
  };
  for (const { accepted, destinations } of hours) expect(destinations.crm.waiting).toBe(accepted);
  // A copy whose answer came too late is stored, and its original waits, too.
  const unsure = (): number =>
    lines().some(({ msg }) => String(msg).startsWith('ASIDE does not accept')) ? 512 : 0;
  const gauge = (text: string, name: string): number =>
    Number(
      new RegExp(`^headgate_destination_${name}\\{destination="crm"\\} (\\d+)$`, 'm').exec(
        text,
      )?.[1],
    );
  await until(
    async () => {
      const text = await fetch(`${real.adminUrl}/metrics`, asAdmin).then((one) => one.text());
      const { messages } = await infoOf(log, 'ASIDE');
      return { pending: gauge(text, 'pending'), aside: gauge(text, 'aside_events'), messages };
    },
    ({ pending, aside, messages }) =>
      pending >= sent && pending <= sent + unsure() && aside === messages,
    15_000,
  );
}

describe('a destination that is parked while the log fills up', () => {
  test('does not stop intake: its events move aside, and come once it is back', async () => {
    const setting = await prepare();
    const { receiver } = setting;
    receiver.status = 503;
    const { real, lines } = await startSmall(setting, [crmOf(setting), warehouseOf(setting)]);
    const { log } = real.service;
    const ids = await publish(log, 20);
    await parked(lines);
    // 30 MB, in a log that holds 22 MB of events.
    ids.push(...(await publish(log, 3_600)));
    const aside = await infoOf(log, 'ASIDE');
    expect(aside.messages).toBeGreaterThan(500);
    await expectKnown(real, ids.length, lines);
    expect((await infoOf(log, 'EVENTS_0')).first_seq).toBeGreaterThan(500);
    expect(receiver.taken.size).toBe(0);

    receiver.status = 204;
    await settled(log, 'crm', 'EVENTS', drainMs);
    await settled(log, 'crm', 'ASIDE', drainMs);
    expect(new Set(receiver.taken.keys())).toEqual(new Set(ids));
    await settled(log, 'warehouse', 'EVENTS', drainMs);
    expect(rowsOf(setting).toSorted()).toEqual(ids.toSorted());
    expect(lines().filter(({ msg }) => /moved to the stream ASIDE/.test(String(msg)))).toEqual([
      expect.objectContaining({ destination: 'crm' }),
    ]);
  }, 120_000);
});

test('a destination with `when_full: hold` holds intake, and its events stay', async () => {
  const setting = await prepare();
  setting.receiver.status = 503;
  const crm = crmOf(setting, ', when_full: hold');
  const { real, lines } = await startSmall(setting, [crm, warehouseOf(setting)]);
  const { log } = real.service;
  await publish(log, 20);
  await parked(lines);
  await expect(publish(log, 3_600, 3_000)).rejects.toMatchObject({ code: 'stream_full' });
  expect(await infoOf(log, 'ASIDE')).toMatchObject({ messages: 0 });
  expect((await infoOf(log, 'EVENTS_0')).first_seq).toBe(1);
  expect(
    lines().filter(({ msg }) => /that a destination has not taken: it will/.test(String(msg))),
  ).toEqual([expect.objectContaining({ destination: 'crm' })]);
  setting.receiver.status = 204;
  await settled(log, 'crm', 'EVENTS', drainMs);
  await publish(log, 100);
}, 120_000);

test('when ASIDE is full, the destination holds intake and says so; nothing is lost', async () => {
  const setting = await prepare();
  const { receiver } = setting;
  receiver.status = 503;
  const { real, lines } = await startSmall(setting, [crmOf(setting), warehouseOf(setting)], '1MiB');
  const { log } = real.service;
  await publish(log, 20);
  await parked(lines);
  const sent = new Set<string>();
  await expect(publish(log, 6_000, 3_000, sent)).rejects.toMatchObject({ code: 'stream_full' });
  const { config, state } = await clientsForTests(log).manager.streams.info('ASIDE');
  // What is in it fits; one more event would not.
  expect(state.bytes).toBeLessThanOrEqual(config.max_bytes);
  expect(state.bytes).toBeGreaterThan(config.max_bytes - 9_000);
  const reported = await until(
    () => lines().filter(({ msg }) => /the stream ASIDE is full, too/.test(String(msg))),
    (found) => found.length > 0,
    15_000,
  );
  expect(reported).toEqual([expect.objectContaining({ destination: 'crm' })]);
  receiver.status = 204;
  await settled(log, 'crm', 'EVENTS', drainMs);
  await settled(log, 'crm', 'ASIDE', drainMs);
  expect([...sent].filter((id) => !receiver.taken.has(id))).toEqual([]);
}, 120_000);

test('the events of a removed destination move aside, and come if it is put back', async () => {
  const setting = await prepare();
  const { receiver } = setting;
  const warehouse = warehouseOf(setting);
  const ids: string[] = [];
  {
    receiver.status = 503;
    const { real, lines } = await startSmall(setting, [crmOf(setting), warehouse]);
    ids.push(...(await publish(real.service.log, 200)));
    await parked(lines);
    await real.stop();
  }
  {
    const { real } = await startSmall(setting, [warehouse]);
    ids.push(...(await publish(real.service.log, 3_400)));
    expect((await infoOf(real.service.log, 'ASIDE')).messages).toBeGreaterThan(400);
    await real.stop();
  }
  receiver.status = 204;
  const { real } = await startSmall(setting, [crmOf(setting), warehouse]);
  await settled(real.service.log, 'crm', 'EVENTS', drainMs);
  await settled(real.service.log, 'crm', 'ASIDE', drainMs);
  expect(new Set(receiver.taken.keys())).toEqual(new Set(ids));
}, 120_000);
