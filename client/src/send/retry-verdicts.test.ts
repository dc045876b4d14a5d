import { expect, onTestFinished, test, vi } from 'vitest';

import { EventEncoder } from '../encode-event.ts';
import { identityOf } from '../event-json.ts';
import { MemorySpool } from '../spool/memory-spool.ts';
import type { Answer, Verdict } from '../transport/transport.ts';
import { options as fastOptions } from './sender-options.fixture.ts';
import { Sender, type SenderOptions } from './sender.ts';

const hourMs = 3_600_000;
const accepted: Verdict = { status: 'accepted', eventId: 'id', error: undefined };
const retry: Verdict = {
  status: 'retry',
  eventId: '',
  error: { code: 'log_unavailable', message: 'partition 3 has no leader', violations: [] },
};
/** As in a program, in fake time. */
const options = { ...fastOptions, lingerMs: 20, backoffBaseMs: 200, backoffCapMs: 30_000 };

/** A sender in fake time, before a gate that answers events called `bad` with `bad()`. */
function startSender(bad: () => Verdict, overrides: Partial<SenderOptions> = {}) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const run = {
    counts: { accepted: 0, requests: 0 },
    messages: [] as string[],
    track: (eventName: string, count: number): void => {
      for (let number = 0; number < count; number += 1) {
        void spool.append(encoder.encode({ eventName, userId: 'u' }), undefined);
      }
    },
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  };
  const encoder = new EventEncoder({ context: undefined, eventBytesMax: 10_000 });
  const spool = new MemorySpool(
    { bytesMax: 10_000_000, whenFull: 'reject' },
    { dropped: () => {}, damaged: () => {}, trouble: () => {}, readable: () => sender.wake() },
  );
  const transport = {
    overheadBytes: 1,
    send: async (records: readonly Buffer[]): Promise<Answer> => {
      run.counts.requests += 1;
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      const verdicts = records.map((record) =>
        identityOf(record).eventName === 'bad' ? bad() : accepted,
      );
      return { kind: 'verdicts', verdicts, afterMs: 0 };
    },
    close: () => {},
  };
  const sender: Sender = new Sender(
    spool,
    transport,
    { ...options, ...overrides },
    {
      settled: (counts) => void (run.counts.accepted += counts.accepted),
      request: () => {},
      rejected: async () => {},
      trouble: (message) => run.messages.push(message),
      recovered: () => run.messages.push('recovered'),
    },
  );
  onTestFinished(() => sender.stop());
  sender.start();
  return run;
}

const message = 'The gate cannot store events: partition 3 has no leader';

test('events with the verdict retry hold up no others, and are reported once', async () => {
  let bad = retry;
  const { counts, messages, track, pass } = startSender(() => bad);
  for (let number = 0; number < 5; number += 1) {
    track('bad', 1);
    await pass(100);
  }
  for (let second = 1; second <= 60; second += 1) {
    track('fine', 20);
    await pass(1_000);
    expect(counts.accepted).toBe(second * 20);
  }
  expect(messages).toEqual([message]);
  bad = accepted;
  await pass(31_000);
  expect(counts.accepted).toBe(60 * 20 + 5);
  expect(messages).toEqual([message, 'recovered']);
});

test('where a quarter of all events gets retry, the others pass', async () => {
  let bad = retry;
  const { counts, messages, track, pass } = startSender(() => bad, { batchEventsMax: 1_000 });
  for (let second = 1; second <= 60; second += 1) {
    for (const name of ['bad', 'fine', 'fine', 'fine']) {
      track(name, 5);
      await pass(250);
    }
    expect(counts.accepted).toBeGreaterThanOrEqual((second - 1) * 15);
  }
  bad = accepted;
  await pass(31_000);
  expect(counts.accepted).toBe(60 * 20);
  expect(messages).toEqual([message, 'recovered']);
});

test('while all events get retry, few are read and requested', async () => {
  let bad = retry;
  const { counts, messages, track, pass } = startSender(() => bad);
  track('bad', 10_000);
  await pass(hourMs);
  // Four groups at most, and 15 s is the mean of their random delay.
  expect(counts.requests).toBeLessThan((4 * hourMs) / 10_000);
  bad = accepted;
  await pass(61_000);
  expect(counts.accepted).toBe(10_000);
  expect(messages).toEqual([message, 'recovered']);
});
