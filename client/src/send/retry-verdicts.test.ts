import { expect, test } from 'vitest';

import type { Verdict } from '../transport/transport.ts';
import { accepted, startSender as start, verdictsOn } from './started-sender.fixture.ts';
import type { SenderOptions } from './sender-signals.ts';

const hourMs = 3_600_000;
const retry: Verdict = {
  status: 'retry',
  eventId: '',
  error: { code: 'log_unavailable', message: 'partition 3 has no leader', violations: [] },
};

/** Before a gate that gives events called `bad` the verdict of `bad()`, and accepts the others. */
const startSender = (bad: () => Verdict, overrides: Partial<SenderOptions> = {}) =>
  start((names) => verdictsOn(names, (name) => (name === 'bad' ? bad() : accepted)), overrides);

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
  // All are read in 50 s, each sent a few times; then 200 s pass with four groups at most.
  expect(counts.requests).toBeLessThan(8_000);
  expect(counts.moved).toBeLessThan(170_000);
  bad = accepted;
  await pass(61_000);
  expect(counts.accepted).toBe(10_000);
  expect(messages).toEqual([message, 'recovered']);
});

test('events that wait keep no settled ones in the spool', async () => {
  let bad = retry;
  const { counts, spool, track, pass } = startSender(() => bad);
  track('bad', 3);
  for (let second = 0; second < 60; second += 1) {
    track('fine', 100);
    await pass(1_000);
    expect(spool.pinned).toBeLessThan(1_500);
  }
  expect(counts).toMatchObject({ accepted: 6_000 });
  // At most one move in ten seconds, of three events.
  expect(counts.moved).toBeGreaterThanOrEqual(9);
  expect(counts.moved).toBeLessThanOrEqual(18);
  bad = accepted;
  await pass(31_000);
  expect(counts.accepted).toBe(6_003);
  expect([spool.pinned, spool.bytes, spool.settled]).toEqual([0, 0, spool.next]);
});

test('more events with retry than may wait, before all others, are no dead end', async () => {
  let bad = retry;
  const { counts, track, pass } = startSender(() => bad);
  track('bad', 450);
  track('fine', 300);
  await pass(600_000);
  expect(counts.accepted).toBe(300);
  bad = accepted;
  await pass(120_000);
  expect(counts.accepted).toBe(750);
});

test('many events with retry before others hold these up for as long as reading takes', async () => {
  const { counts, track, pass } = startSender(() => retry);
  track('bad', 20_000);
  track('fine', 1_000);
  await pass(150_000);
  expect(counts.accepted).toBe(1_000);
});
