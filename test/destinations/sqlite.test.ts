import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StartError } from '../../src/errors.ts';
import type { Destination } from '../../src/destinations/destination.ts';
import { createSqliteDestination } from '../../src/destinations/sqlite/sqlite.ts';
import { deliveryOfEvent, never, readAll } from './deliveries.ts';

let folder: string;
let path: string;
const opened: Destination[] = [];
const threads: Worker[] = [];
const keepThread = (worker: Worker): void => void threads.push(worker);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-sqlite-'));
  path = join(folder, 'warehouse.db');
  process.on('worker', keepThread);
});
afterEach(async () => {
  process.off('worker', keepThread);
  threads.length = 0;
  await Promise.all(opened.splice(0).map((destination) => destination.close()));
  rmSync(folder, { recursive: true });
});

async function open(at = path): Promise<Destination> {
  const destination = await createSqliteDestination('warehouse', { path: at, busy_timeout: 2000 });
  opened.push(destination);
  return destination;
}

function count(): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare('SELECT count(*) AS n FROM events').get();
  database.close();
  return Number(row?.['n']);
}

test('a thread that dies fails the batch in progress, and the next batch starts a new thread', async () => {
  const destination = await open();
  const blocker = new DatabaseSync(path);
  blocker.exec('BEGIN IMMEDIATE');
  const batch = [deliveryOfEvent(), deliveryOfEvent()];
  const deliveries = [destination.deliver(batch, never), destination.deliver(batch, never)];
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(threads).toHaveLength(1);
  void threads[0]?.terminate();
  blocker.close();
  for (const outcomes of await Promise.all(deliveries)) {
    expect(outcomes).toMatchObject([
      { kind: 'retry', fault: 'destination', reason: expect.stringContaining('thread') },
      { kind: 'retry', fault: 'destination' },
    ]);
  }
  expect(await destination.deliver(batch, never)).toEqual([
    { kind: 'delivered' },
    { kind: 'delivered' },
  ]);
  expect(threads).toHaveLength(2);
  expect(count()).toBe(2);
});

test('a file that is deleted while in use is created again, and its batch is delivered again', async () => {
  const destination = await open();
  await destination.deliver([deliveryOfEvent()], never);
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix);
  const batch = [deliveryOfEvent()];
  expect(await destination.deliver(batch, never)).toMatchObject([
    { kind: 'retry', fault: 'destination', reason: expect.stringContaining('deleted') },
  ]);
  expect(await destination.deliver(batch, never)).toEqual([{ kind: 'delivered' }]);
  expect(count()).toBe(1);
});

test('a disk that is full keeps the events waiting', async () => {
  // Files of the child may not grow beyond 1 MiB; a write past that fails like one on a full disk.
  const script = `
    process.on('SIGXFSZ', () => {});
    const { createSqliteDestination } = await import(${JSON.stringify(
      new URL('../../src/destinations/sqlite/sqlite.ts', import.meta.url).href,
    )});
    const path = ${JSON.stringify(path)};
    const destination = await createSqliteDestination('w', { path, busy_timeout: 100 });
    const payload = (i) => Buffer.from(JSON.stringify({ eventId: String(i), eventName: 'n', source: 's',
      timestamp: 't', idempotencyKey: 'k', properties: { text: 'x'.repeat(20_000) } }));
    const batch = Array.from({ length: 100 }, (_, i) => ({ sequence: i, attempt: 1, payload: payload(i) }));
    const outcomes = await destination.deliver(batch, new AbortController().signal);
    console.log(JSON.stringify(outcomes[99]), new Set(outcomes.map((outcome) => outcome.kind)).size);
    const few = await destination.deliver(batch.slice(0, 2), new AbortController().signal);
    console.log(few.map((outcome) => outcome.kind).join());
    await destination.close();
  `;
  const args = [
    '-c',
    'ulimit -f 1024; exec "$0" --input-type=module --eval "$1"',
    process.execPath,
    script,
  ];
  const lines = execFileSync('bash', args, { encoding: 'utf8' }).trim().split('\n');
  expect(lines[0]).toMatch(/^\{"kind":"retry","fault":"destination","reason":".*SQLite \d+.*\} 1$/);
  expect(lines[1]).toBe('delivered,delivered');
});

test('several processes may open a new file at once', async () => {
  const destinations = await Promise.all(Array.from({ length: 5 }, () => open()));
  const batches = destinations.map(() => [deliveryOfEvent(), deliveryOfEvent()]);
  const answers = await Promise.all(
    destinations.map((destination, i) => destination.deliver(batches[i] ?? [], never)),
  );
  expect(answers.flat()).toEqual(Array.from({ length: 10 }, () => ({ kind: 'delivered' })));
  expect(count()).toBe(10);
});

test('stored events are read page by page while more are written', async () => {
  const destination = await open();
  const batches = Array.from({ length: 5 }, () =>
    Array.from({ length: 1000 }, () => deliveryOfEvent()),
  );
  for (const batch of batches) await destination.deliver(batch, never);
  const told = new Set<string>();
  const window = { fromMs: 0, toMs: Date.UTC(2027, 0) };
  for await (const { eventId } of destination.stored!(window)) {
    if (told.size === 0) await destination.deliver([deliveryOfEvent()], never);
    told.add(eventId);
  }
  const ids = batches.flat().map((delivery) => delivery.event().eventId);
  expect(ids.filter((id) => !told.has(id))).toEqual([]);
});

test('a missing file cannot be read, and the error says so', async () => {
  const destination = await open();
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  const asking = readAll(destination.stored!({ fromMs: 0, toMs: 1 }));
  await expect(asking).rejects.toThrow(/open/);
});

test('a path that cannot be a database stops the start with a sentence', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'not a database, and not a folder either\n'.repeat(100));
  mkdirSync(join(folder, 'directory'));
  for (const at of [file, join(file, 'below', 'x.db'), join(folder, 'directory')]) {
    const error = await open(at).catch((fault: unknown) => fault);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toContain(`destinations.warehouse.path: cannot use ${at}`);
  }
});

test('the event loop is not held up while a batch waits for the disk', async () => {
  const destination = await open();
  const blocker = new DatabaseSync(path);
  blocker.exec('BEGIN IMMEDIATE');
  const delivering = destination.deliver([deliveryOfEvent()], never);
  let turns = 0;
  for (const end = performance.now() + 100; performance.now() < end; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  blocker.close();
  expect(turns).toBeGreaterThan(100);
  expect(await delivering).toEqual([{ kind: 'delivered' }]);
});

test('payloads stay where they were: the log may hold them still', async () => {
  const destination = await open();
  const delivery = deliveryOfEvent();
  const before = Buffer.from(delivery.payload).toString();
  await destination.deliver([delivery], never);
  expect(Buffer.from(delivery.payload).toString()).toBe(before);
});
