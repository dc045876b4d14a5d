import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientsForTests } from '../../src/jetstream/clients.ts';
import { readMessage } from '../../src/jetstream/read/read.ts';
import { startRealService, type RealService } from '../real-service.ts';
import { openFolder, orderLine, type Folder } from './orders.ts';
import { runCli, spawnCli, collect } from './run-cli.ts';

let running: RealService;
let folder: Folder;

beforeAll(async () => {
  running = await startRealService();
  folder = await openFolder();
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const track = (args: readonly string[], input?: string | Buffer) =>
  runCli(['track', ...args], {
    env: { HEADGATE_URL: running.url },
    ...(input !== undefined && { input }),
  });

async function eventCount(): Promise<number> {
  const { state } = await clientsForTests(running.service.log).manager.streams.info('EVENTS_0');
  return state.messages;
}

async function lastStored(): Promise<string> {
  const { state } = await clientsForTests(running.service.log).manager.streams.info('EVENTS_0');
  const message = await readMessage(running.service.log, 'EVENTS', state.last_seq);
  return Buffer.from(message!.payload).toString('utf8');
}

describe('headgate track FILE', () => {
  it('stores 10,000 lines, and sent again all are duplicates', async () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => orderLine(index));
    const file = await folder.write('orders.ndjson', `${lines.join('\n')}\n`);
    const before = await eventCount();
    const first = await track([file]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('10,000 events: 10,000 accepted, 0 duplicate, 0 rejected');
    expect(await eventCount()).toBe(before + 10_000);
    const second = await track([file, '--json', '--protocol', 'connect']);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ accepted: 0, duplicates: 10_000 });
    expect(await eventCount()).toBe(before + 10_000);
  });

  it('sends an import, whose events may be of any time', async () => {
    const event = JSON.parse(orderLine(20_000)) as object;
    const occurred = '2001-03-01T12:00:00.000Z';
    const line = (): string =>
      `${JSON.stringify({ ...event, idempotency_key: randomUUID(), occurred_at: occurred })}\n`;
    expect((await track(['-', '--historical'], line())).code).toBe(0);
    expect(JSON.parse(await lastStored())).toMatchObject({ eventTime: occurred, historical: true });
    expect((await track(['-'], line())).code).toBe(0);
    const stored = JSON.parse(await lastStored()) as { eventTime: string; timestamp: string };
    expect(stored.eventTime).toBe(stored.timestamp);
  });

  it('reports every line that was not stored, and stores all others', async () => {
    const key = randomUUID();
    const lines = [
      orderLine(0),
      '',
      '{"event_name":',
      orderLine(3, { usr_id: 'u' }),
      orderLine(4, { event_name: 'order_complete' }),
      orderLine(5, { properties: { total: 1 }, idempotency_key: key }),
      orderLine(6, { idempotency_key: undefined }),
      orderLine(7, { timestamp: '2026-01-01T00:00:00Z' }),
      orderLine(8),
    ];
    const file = await folder.write('mixed.ndjson', lines.join('\r\n'));
    const rejectedFile = path.join(folder.path, 'rejected.ndjson');
    const answer = await track([file, '--rejected', rejectedFile, '--json']);
    expect(answer.code).toBe(1);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      lines: 8,
      accepted: 2,
      rejected: 6,
      given_up: 0,
      stopped: null,
    });
    const records = (await readFile(rejectedFile, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; code: string; original: string })
      .sort((one, other) => one.line - other.line);
    expect(records.map(({ line, code }) => [line, code])).toEqual([
      [3, 'invalid_field'],
      [4, 'unknown_field'],
      [5, 'invalid_event_name'],
      [6, 'schema_violation'],
      [7, 'missing_idempotency_key'],
      [8, 'reserved_field'],
    ]);
    expect(records.map(({ line, original }) => [line, original])).toEqual(
      [3, 4, 5, 6, 7, 8].map((line) => [line, lines[line - 1]]),
    );
    expect(records[3]).toMatchObject({ status: 'rejected', idempotency_key: key });
    expect(records[3]).toHaveProperty('violations.0.path', '/properties/order_id');
    expect(answer.stderr).toContain('line 4: unknown_field');
    expect(answer.stderr).toContain('and 1 more rejected');
  });

  it('makes the same keys for the same lines', async () => {
    const line = orderLine(1, { idempotency_key: undefined });
    const file = await folder.write('keyless.ndjson', [line, line, orderLine(2)].join('\n'));
    const first = await track([file, '--make-keys', '--json']);
    expect(JSON.parse(first.stdout)).toMatchObject({ accepted: 3, duplicates: 0 });
    const second = await track([file, '--make-keys', '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ accepted: 0, duplicates: 3 });
  });

  it('validates without storing', async () => {
    const before = await eventCount();
    const lines = `${orderLine(1)}\n${orderLine(2, { user_id: ' ' })}`;
    const file = await folder.write('validated.ndjson', lines);
    const answer = await track([file, '--validate-only']);
    expect(answer.code).toBe(1);
    expect(answer.stdout).toContain('2 events: 1 accepted, 0 duplicate, 1 rejected');
    expect(answer.stdout).toContain('nothing was stored');
    expect(await eventCount()).toBe(before);
  });

  it.each([
    [['/nowhere/at/all'], 1, '/nowhere/at/all cannot be read: there is no such file.'],
    [['.'], 1, 'is a folder'],
    [['--url', 'localhost:8080', '-'], 1, '--url (or HEADGATE_URL) must be a URL'],
    [[], 2, 'name what to send'],
    [['--event', 'order_completed', '--user', 'u'], 2, '--idempotency-key UUID'],
    [['--event', 'order_completed', '-'], 2, '--event describes one event'],
    [['--event', 'a', '--make-keys', '--property', 'total'], 2, '--property takes name=value'],
    [['--event', 'a', '--make-keys', '--properties', '[]'], 2, '--properties must be a JSON'],
    [['-', '--in-flight', '0'], 2, 'whole number from 1 to 64'],
    [['-', '--retry-for', 'long'], 2, 'Write a time such as 30s'],
    [['-', '--protocol', 'carrier-pigeon'], 2, 'Allowed choices are grpc, connect'],
  ])('says what is wrong with %j', async (args, code, sentence) => {
    const answer = await track(args);
    expect(answer.code).toBe(code);
    expect(answer.stderr).toContain(sentence);
    expect(answer.stdout).toBe('');
  });

  it('does not empty the file it reads', async () => {
    const file = await folder.write('both.ndjson', orderLine(1));
    const answer = await track([file, '--rejected', file]);
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(await readFile(file, 'utf8')).not.toBe('');
  });
});

describe('headgate track -', () => {
  it('stores lines from a pipe while the pipe is open', async () => {
    const before = await eventCount();
    const child = spawnCli(['track', '-', '--json'], { HEADGATE_URL: running.url });
    const ended = collect(child);
    child.stdin!.write(`${orderLine(1)}\n${orderLine(2).slice(0, 20)}`);
    await expect.poll(eventCount, { timeout: 10_000 }).toBe(before + 1);
    child.kill('SIGINT');
    const answer = await ended;
    expect(answer.code).toBe(1);
    expect(JSON.parse(answer.stdout)).toMatchObject({ accepted: 1, stopped: 'Interrupted' });
  });

  it('keeps every digit of a number, and every byte of a text', async () => {
    const properties = '{"order_id":"ä\\u2028😀","total":49.90,"currency":"EUR"}';
    const exact = '{"order_id":"1","total":12345678901234567.125,"currency":"EUR"}';
    const send = async (text: string): Promise<string> => {
      const line = orderLine(0).replace(/"properties":\{.*?\}/, () => `"properties":${text}`);
      expect(await track(['-'], line)).toMatchObject({ code: 0 });
      return lastStored();
    };
    const stored = JSON.parse(await send(properties)) as { properties: unknown };
    expect(stored.properties).toEqual(JSON.parse(properties));
    expect(await send(exact)).toContain('"total":12345678901234567.125');
  });

  it('accepts empty input', async () => {
    expect(await track(['-'], '\n\n')).toMatchObject({ code: 0 });
  });
});

describe('headgate track --event', () => {
  it('stores one event, and recognizes its duplicate', async () => {
    const flags =
      '--event order_completed --user u-1 --anonymous a-1 --properties {"order_id":"A-1"} ' +
      '--property total=49.900 --property currency=EUR --occurred-at 2026-03-01T12:00:00Z ' +
      `--schema-version 2 --idempotency-key ${randomUUID()}`;
    const args = flags.split(' ');
    const first = await track(args);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^1 event: 1 accepted.*\nevent_id [0-9a-f-]{36}\n$/);
    expect(JSON.parse(await lastStored())).toMatchObject({
      eventName: 'order_completed',
      userId: 'u-1',
      anonymousId: 'a-1',
      schemaVersion: 2,
      properties: { order_id: 'A-1', total: 49.9, currency: 'EUR' },
      occurredAt: '2026-03-01T12:00:00.000Z',
    });
    const second = await track([...args, '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ duplicates: 1 });
    expect(first.stdout).toContain((JSON.parse(second.stdout) as { event_id: string }).event_id);
  });
});
