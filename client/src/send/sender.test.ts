import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { identityOf } from '../event-json.ts';
import { MemorySpool } from '../spool/memory-spool.ts';
import type { Answer, Verdict } from '../transport/transport.ts';
import { options } from './sender-options.fixture.ts';
import type { RequestReport, SenderOptions, VerdictCounts } from './sender-signals.ts';
import { Sender } from './sender.ts';

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
  /** Whether nothing is left in the spool. */
  isEmpty(): boolean;
}

/** Sends `count` events to a gate that answers with `answer`, until all are settled. */
async function send(
  count: number,
  answer: (numbers: number[], request: number) => Answer | Promise<Answer>,
  {
    arrivesMs,
    ...overrides
  }: Partial<SenderOptions> & { readonly arrivesMs?: (number: number) => number } = {},
): Promise<Run> {
  const run = {
    requests: [] as number[][],
    rejected: [] as [number, string][],
    reports: [] as RequestReport[],
    messages: [] as string[],
  };
  const numberOf = (record: Buffer): number => Number(identityOf(record).eventName.slice(1));
  const silent = { dropped: () => {}, damaged: () => {}, trouble: () => {} };
  const readable = (): void => sender?.wake();
  let sender: Sender | undefined;
  const spool = new MemorySpool(
    { bytesMax: 10_000_000, whenFull: 'reject' },
    { ...silent, readable },
  );
  const append = (number: number): void => {
    void spool.append(encoder.encode({ eventName: `e${number}`, userId: 'u' }), undefined);
  };
  for (let number = 0; number < count; number += 1) {
    if (arrivesMs === undefined) append(number);
    else setTimeout(append, arrivesMs(number), number);
  }
  let done = (): void => {};
  const finished = new Promise<void>((resolve) => (done = resolve));
  let ended = 0;
  const check = ({ accepted, rejected }: VerdictCounts): void => {
    ended += accepted + rejected;
    if (ended === count) done();
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
  const started = new Sender(
    spool,
    transport,
    { ...options, ...overrides },
    {
      settled: check,
      moved: () => {},
      request: (report) => run.reports.push(report),
      rejected: async (record, _eventId, error) =>
        void run.rejected.push([numberOf(record), error.code]),
      trouble: (message) => run.messages.push(message),
      recovered: () => run.messages.push('recovered'),
    },
  );
  sender = started;
  onTestFinished(() => started.stop());
  started.start();
  started.wake();
  await finished;
  await started.stop();
  return { ...run, isEmpty: () => spool.settled === spool.next };
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
      ? { kind: 'split', code: 'malformed_request', isOfEvent: true, message: 'cannot be read' }
      : all(numbers, accepted),
  );
  expect(rejected).toEqual([[11, 'malformed_request']]);
  expect(requests.flat().filter((number) => number === 0).length).toBeLessThanOrEqual(2);
});

describe('refusals by a server before the gate', () => {
  const usual = {
    batchEventsMax: 1_000,
    inFlightMax: 4,
    lingerMs: 20,
    backoffBaseMs: 200,
    backoffCapMs: 30_000,
    failuresMax: 5,
    refusalGapMs: 3_000,
  };
  const hourMs = 3_600_000;
  const blocked: Answer = { kind: 'split', code: undefined, isOfEvent: true, message: 'HTTP 400' };

  /** As `send`, in fake time. A request takes 5 ms. Fails if events still wait after four hours. */
  async function sendFast(
    count: number,
    answer: (numbers: number[], atMs: number) => Answer,
    overrides: Parameters<typeof send>[2] = {},
  ) {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const startMs = performance.now();
    const delivered = new Set<number>();
    const timesMs: number[] = [];
    const answerLate = async (numbers: number[]): Promise<Answer> => {
      timesMs.push(performance.now() - startMs);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      const given = answer(numbers, performance.now() - startMs);
      if (given.kind === 'verdicts') for (const number of numbers) delivered.add(number);
      return given;
    };
    let run: Run | undefined;
    void send(count, answerLate, { ...usual, ...overrides }).then((ended) => (run = ended));
    while (run === undefined && performance.now() - startMs < 4 * hourMs) {
      await vi.advanceTimersByTimeAsync(1_000);
    }
    if (run === undefined) throw new Error(`only ${delivered.size} of ${count} were delivered`);
    return { ...run, delivered: delivered.size, timesMs };
  }

  const refusing =
    (poisoned: number[]) =>
    (numbers: number[]): Answer =>
      poisoned.some((number) => numbers.includes(number)) ? blocked : all(numbers, accepted);

  test('one refused event of a trickle is rejected, and the others pass', async () => {
    const arrivesMs = (number: number): number => number * 10;
    const { delivered, rejected, messages, timesMs } = await sendFast(400, refusing([20]), {
      arrivesMs,
    });
    expect(delivered).toBe(399);
    expect(rejected).toEqual([[20, 'refused_before_gate']]);
    expect(messages).toEqual([]);
    // Three refusals that count, at least 3 s apart.
    expect(timesMs.at(-1)).toBeLessThan(10_000);
  });

  test('one refused event of a backlog is rejected, with one request at a time', async () => {
    const { delivered, rejected, requests } = await sendFast(20_000, refusing([700]), {
      inFlightMax: 1,
      batchEventsMax: 100,
    });
    expect(delivered).toBe(19_999);
    expect(rejected).toEqual([[700, 'refused_before_gate']]);
    const alone = requests.filter((numbers) => numbers.length === 1 && numbers[0] === 700);
    expect(alone.length).toBeGreaterThanOrEqual(3);
    expect(requests.length).toBeLessThan(300);
  });

  test('as many refused events as requests may be in flight do not stop the others', async () => {
    const poisoned = [10, 11, 12, 13, 200];
    const { delivered, rejected, isEmpty } = await sendFast(1_000, refusing(poisoned), {
      arrivesMs: (number) => number * 10,
    });
    expect(delivered).toBe(995);
    expect(rejected.map(([number]) => number).toSorted((a, b) => a - b)).toEqual(poisoned);
    expect(isEmpty()).toBe(true);
  });

  test('while everything is refused, events wait, with few requests', async () => {
    const { delivered, rejected, requests, messages, timesMs } = await sendFast(
      2_000,
      (numbers, atMs) => (atMs < hourMs ? blocked : all(numbers, accepted)),
      { arrivesMs: (number) => number * 1_000, batchEventsMax: 20, inFlightMax: 2 },
    );
    expect(rejected).toEqual([]);
    expect(delivered).toBe(2_000);
    expect(messages).toEqual(['HTTP 400', 'recovered']);
    const during = requests.filter((_, index) => timesMs[index]! < hourMs - 10);
    // 30 s is the bound of a random delay: 240 in an hour, on average.
    expect(during.length).toBeLessThan(400);
    // Two requests of 20 may wait whole, and two more one by one.
    expect(new Set(during.flat()).size).toBeLessThanOrEqual(80);
    expect(timesMs.at(-1)).toBeLessThan(hourMs + 120_000);
  });

  test('while a backlog is refused, it waits, with few requests', async () => {
    const { timesMs, rejected } = await sendFast(2_000, (numbers, atMs) =>
      atMs < hourMs ? blocked : all(numbers, accepted),
    );
    expect(rejected).toEqual([]);
    expect(timesMs.filter((atMs) => atMs < hourMs - 10).length).toBeLessThan(400);
  });

  test('one answer between two outages rejects next to nothing', async () => {
    let answered = 0;
    const answer = (numbers: number[], atMs: number): Answer => {
      if (atMs > 2 * hourMs) return all(numbers, accepted);
      if (atMs < hourMs || (answered += 1) > 1) return blocked;
      return all(numbers, accepted);
    };
    const { delivered, rejected } = await sendFast(2_000, answer, { batchEventsMax: 20 });
    expect(rejected.length).toBeLessThanOrEqual(8);
    expect(delivered + rejected.length).toBe(2_000);
  });

  test('refused events with nothing after them wait, and let the next event pass first', async () => {
    const poisoned = [2, 3, 4, 5, 6, 7, 8, 9];
    const { rejected, timesMs, requests } = await sendFast(12, refusing(poisoned), {
      arrivesMs: (number) => (number < 10 ? 0 : hourMs * (number - 9)),
    });
    expect(rejected.map(([number]) => number).toSorted((a, b) => a - b)).toEqual(poisoned);
    const next = requests.findIndex((numbers) => numbers.includes(10));
    // Eight empty requests before a refusal counts, which it may do for one event at a time.
    expect(requests.slice(0, next).length).toBeLessThan(1_200);
    // The longest delay is 30 s.
    expect(timesMs[next]).toBeLessThan(hourMs + 31_000);
  });
});

test('after a request that was too large, requests get smaller, then slowly larger', async () => {
  const { requests } = await send(1_000, (numbers) =>
    numbers.length > 40
      ? { kind: 'split', code: 'too_many_events', isOfEvent: true, message: 'less' }
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
  expect(probes.every(({ length }) => length <= 10)).toBe(true);
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
      moved: () => {},
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
