import { expect, onTestFinished, test } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { identityOf } from '../event-json.ts';
import { MemorySpool } from '../spool/memory-spool.ts';
import type { Answer, Verdict } from '../transport/transport.ts';
import { Sender, type RequestReport, type SenderOptions } from './sender.ts';

const options: SenderOptions = {
  batchEventsMax: 100,
  batchBytesMax: 1_000_000,
  inFlightMax: 2,
  lingerMs: 0,
  backoffBaseMs: 1,
  backoffCapMs: 4,
  failuresMax: 3,
  keepsAlive: true,
};

const encoder = new EventEncoder({ context: undefined, eventBytesMax: 100_000 });
const accepted: Verdict = { status: 'accepted', eventId: 'id', error: undefined };
const retry: Verdict = { status: 'retry', eventId: '', error: undefined };
const away: Answer = { kind: 'retry', reason: 'unreachable', message: 'away', afterMs: 0 };

interface Run {
  /** The events of each request, by number. */
  readonly requests: number[][];
  readonly rejected: [number, string][];
  readonly reports: RequestReport[];
  readonly messages: string[];
  settled(): number;
}

/** Sends `count` events to a gate that answers with `answer`, until all are settled. */
async function send(
  count: number,
  answer: (numbers: number[], request: number) => Answer | Promise<Answer>,
  overrides: Partial<SenderOptions> = {},
): Promise<Run> {
  const run = {
    requests: [] as number[][],
    rejected: [] as [number, string][],
    reports: [] as RequestReport[],
    messages: [] as string[],
  };
  const numberOf = (record: Buffer): number => Number(identityOf(record).eventName.slice(1));
  const silent = { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => {} };
  const spool = new MemorySpool({ bytesMax: 10_000_000, whenFull: 'reject' }, silent);
  for (let number = 0; number < count; number += 1) {
    void spool.append(encoder.encode({ eventName: `e${number}`, userId: 'u' }), undefined);
  }
  let done = (): void => {};
  const finished = new Promise<void>((resolve) => (done = resolve));
  const check = (): void => {
    if (spool.settled === count) done();
  };
  const transport = {
    overheadBytes: 1,
    send: async (records: readonly Buffer[]) => {
      const numbers = records.map(numberOf);
      run.requests.push(numbers);
      return answer(numbers, run.requests.length - 1);
    },
    close: () => {},
  };
  const sender = new Sender(
    spool,
    transport,
    { ...options, ...overrides },
    {
      settled: check,
      request: (report) => run.reports.push(report),
      rejected: async (record, _eventId, error) =>
        void run.rejected.push([numberOf(record), error.code]),
      trouble: (message) => run.messages.push(message),
      recovered: () => run.messages.push('recovered'),
    },
  );
  onTestFinished(() => sender.stop());
  sender.start();
  sender.wake();
  await finished;
  await sender.stop();
  return { ...run, settled: () => spool.settled };
}

const all = (numbers: number[], verdict: Verdict): Answer => ({
  kind: 'verdicts',
  verdicts: numbers.map(() => verdict),
  afterMs: 0,
});

test('events are sent in batches up to the limit', async () => {
  const { requests } = await send(250, (numbers) => all(numbers, accepted));
  expect(requests.map(({ length }) => length)).toEqual([100, 100, 50]);
});

test('a retry contains only the events whose verdict is retry', async () => {
  const { requests, messages } = await send(10, (numbers, request) => ({
    kind: 'verdicts',
    verdicts: numbers.map((number) => (request < 2 && number % 5 === 1 ? retry : accepted)),
    afterMs: 0,
  }));
  expect(requests).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 6],
    [1, 6],
  ]);
  // Two of ten are not an outage. A request with only retries is.
  expect(messages).toEqual([
    'The gate cannot store events: it answered retry without a reason',
    'recovered',
  ]);
});

test('a rejected event is reported once, with its reason, and is not sent again', async () => {
  const error = { code: 'schema_violation', message: 'no', violations: [] };
  const { requests, rejected } = await send(4, (numbers) => ({
    kind: 'verdicts',
    verdicts: numbers.map((number) =>
      number === 2 ? { status: 'rejected', eventId: 'id', error } : accepted,
    ),
    afterMs: 0,
  }));
  expect(requests.length).toBe(1);
  expect(rejected).toEqual([[2, 'schema_violation']]);
});

test('a refused request is halved down to the event that causes the refusal', async () => {
  const { rejected, requests } = await send(16, (numbers) =>
    numbers.includes(11)
      ? { kind: 'split', code: 'malformed_request', message: 'cannot be read' }
      : all(numbers, accepted),
  );
  expect(rejected).toEqual([[11, 'malformed_request']]);
  expect(requests.flat().filter((number) => number === 0).length).toBeLessThanOrEqual(2);
});

test('an event that only a proxy refuses waits, and the others pass', async () => {
  let refused = 0;
  const answer = (numbers: number[]): Answer => {
    if (!numbers.includes(0) || refused === 12) return all(numbers, accepted);
    refused += 1;
    return { kind: 'split', code: undefined, message: 'HTTP 413' };
  };
  const { rejected, requests, messages } = await send(16, answer, { inFlightMax: 1 });
  expect(rejected).toEqual([]);
  expect(messages[0]).toBe('HTTP 413');
  const ofOthers = requests.flatMap((numbers, at) => (numbers.includes(0) ? [] : [at]));
  expect(ofOthers.at(-1)).toBeLessThan(requests.length - 5);
});

test('after a request that was too large, requests get smaller, then slowly larger', async () => {
  const { requests } = await send(1_000, (numbers) =>
    numbers.length > 40
      ? { kind: 'split', code: 'too_many_events', message: 'less' }
      : all(numbers, accepted),
  );
  const refused = requests.filter(({ length }) => length > 40);
  expect(refused.length).toBeGreaterThan(1);
  expect(refused.length).toBeLessThan(requests.length / 3);
});

test('a gate that is away gets one small request at a time, and is reported once', async () => {
  let underWay = 0;
  let most = 0;
  const { requests, messages, reports } = await send(200, async (numbers, request) => {
    underWay += 1;
    if (request > 4) most = Math.max(most, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    return request < 9 ? away : all(numbers, accepted);
  });
  const probes = requests.slice(5, 9);
  expect(probes.every(({ length }) => length === 10)).toBe(true);
  expect(most).toBeLessThanOrEqual(2);
  expect(messages).toEqual(['away', 'recovered']);
  expect(reports.filter(({ failure }) => failure === 'unreachable').length).toBe(9);
  expect(new Set(requests.slice(9).flat()).size).toBe(200);
});

test('the client waits as long as the gate asks for', async () => {
  const times: number[] = [];
  await send(1, (numbers, request) => {
    times.push(performance.now());
    return request === 0 ? { ...away, afterMs: 300 } : all(numbers, accepted);
  });
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(299);
});

test('events wait to fill a batch, and a flush sends them at once', async () => {
  const spool = new MemorySpool(
    { bytesMax: 1_000_000, whenFull: 'reject' },
    { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => sender.wake() },
  );
  const sizes: number[] = [];
  let answered = (): void => {};
  const sender: Sender = new Sender(
    spool,
    {
      overheadBytes: 1,
      send: async (records) => {
        sizes.push(records.length);
        return all(
          records.map(() => 0),
          accepted,
        );
      },
      close: () => {},
    },
    // Longer than any test: an event that is sent did not wait for it.
    { ...options, lingerMs: 3_600_000 },
    {
      settled: () => answered(),
      request: () => {},
      rejected: async () => {},
      trouble: () => {},
      recovered: () => {},
    },
  );
  onTestFinished(() => sender.stop());
  sender.start();
  for (let number = 0; number < 30; number += 1) {
    void spool.append(encoder.encode({ eventName: `e${number}`, userId: 'u' }), undefined);
    await new Promise(setImmediate);
  }
  expect(sizes).toEqual([]);
  const flushed = new Promise<void>((resolve) => (answered = resolve));
  sender.hurry();
  await flushed;
  expect(sizes).toEqual([30]);
});
