import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { CallerConnection } from '../http-call.ts';
import {
  createReadingTurns,
  readingTurnMsMax,
  waitingBytesMax,
  type ReadingTurns,
} from './reading-turns.ts';

// A busy machine takes its time for anything, and all of it would count as that of a caller.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A peer whose bytes cost `ms` of the event loop each time. */
function openReader(turns: ReadingTurns, ms: number, log: string[], name: string) {
  const connection: CallerConnection = {};
  const reader = {
    connection,
    state: 'flows',
    readNow: (bytes: Buffer): void => {
      vi.advanceTimersByTime(ms);
      log.push(`${name}${bytes.length}`);
    },
    pause: () => void (reader.state = 'paused'),
    resume: () => void (reader.state = 'flows'),
    giveUp: () => void (reader.state = 'given up'),
  };
  return { reader, connection, reading: turns.open(reader) };
}

const some = Buffer.alloc(10);
const many = Buffer.alloc(64 * 1024);
const wholeTurnMs = readingTurnMsMax + 0.1;

test('a turn reads callers that are not known for so long; the rest waits for later turns', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  const peers = ['a', 'b', 'c'].map((name) => openReader(turns, wholeTurnMs, log, name));
  for (const { reading } of peers) reading.take(some);
  expect(log).toEqual(['a10']);
  expect(peers.map(({ reader }) => reader.state)).toEqual(['flows', 'paused', 'paused']);
  await turn();
  expect(log).toEqual(['a10', 'b10']);
  await turn();
  expect(log).toEqual(['a10', 'b10', 'c10']);
  expect(peers.map(({ reader }) => reader.state)).toEqual(['flows', 'flows', 'flows']);
});

test('a known caller waits for no turn', () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  openReader(turns, wholeTurnMs, log, 'a').reading.take(some);
  const known = openReader(turns, 0, log, 'k');
  known.connection.isKnown = true;
  known.reading.take(many);
  expect(log).toEqual(['a10', `k${many.length}`]);
});

test('parts of one peer keep their order', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  openReader(turns, wholeTurnMs, log, 'a').reading.take(some);
  const { reading, connection } = openReader(turns, 0, log, 'b');
  reading.take(Buffer.alloc(1));
  connection.isKnown = true;
  reading.take(Buffer.alloc(2));
  expect(reading.isWaiting).toBe(true);
  await turn();
  await turn();
  expect(log).toEqual(['a10', 'b1', 'b2']);
});

test('small parts come before large ones, and both before callers that have used much', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  const heavy = openReader(turns, wholeTurnMs, log, 'heavy');
  heavy.reading.take(some);
  heavy.reading.take(some);
  openReader(turns, 0, log, 'large').reading.take(many);
  openReader(turns, 0, log, 'small').reading.take(some);
  await turn();
  expect(log).toEqual(['heavy10', 'small10', `large${many.length}`, 'heavy10']);
});

test('callers that have used much share a part of a processor', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  const peers = ['a', 'b', 'c', 'd'].map((name) => openReader(turns, 5, log, name));
  const until = performance.now() + 500;
  while (performance.now() < until) {
    for (const { reading } of peers) if (!reading.isWaiting) reading.take(some);
    await turn();
    vi.advanceTimersByTime(0.1);
  }
  // At most a fifth of 500 ms, 20 ms at once, and the first part of each, which costs 5 ms here.
  expect(log.length * 5).toBeGreaterThan(20);
  expect(log.length * 5).toBeLessThan(500 / 5 + 20 + 4 * 5 + 20);
});

test('what waits is bounded: beyond the bound a connection ends', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  openReader(turns, wholeTurnMs, log, 'a').reading.take(some);
  const [last, over] = ['b', 'c'].map((name) => openReader(turns, 0, log, name));
  last!.reading.take(Buffer.alloc(waitingBytesMax));
  expect(last!.reader.state).toBe('paused');
  over!.reading.take(Buffer.alloc(1));
  expect(over!.reader.state).toBe('given up');
  await turn();
  await turn();
  expect(log).toEqual(['a10', `b${waitingBytesMax}`]);
  over!.reading.take(Buffer.alloc(3));
  expect(log.at(-1)).toBe('c3');
});

test('another reader may take over what waits', async () => {
  const turns = createReadingTurns();
  const log: string[] = [];
  openReader(turns, wholeTurnMs, log, 'a').reading.take(some);
  const { reading } = openReader(turns, 0, log, 'b');
  reading.take(Buffer.alloc(1));
  reading.take(Buffer.alloc(2));
  expect(reading.takeRest().map(({ length }) => length)).toEqual([1, 2]);
  await turn();
  expect(log).toEqual(['a10']);
});
