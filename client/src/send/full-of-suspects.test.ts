import { describe, expect, test } from 'vitest';

import type { Answer } from '../transport/transport.ts';
import { accepted, startSender, verdictsOn } from './started-sender.fixture.ts';

const blocked: Answer = { kind: 'split', code: undefined, isOfEvent: true, message: 'HTTP 400' };
const empty: Answer = {
  kind: 'split',
  code: 'empty_batch',
  isOfEvent: true,
  message: 'The batch has no events.',
};

/** A firewall that refuses `poison`, before a gate. */
const refusing = (names: string[]): Answer => {
  if (names.includes('poison')) return blocked;
  return names.length === 0 ? empty : verdictsOn(names, () => accepted);
};

test.each([
  ['one event', { batchEventsMax: 1, inFlightMax: 1 }, 1, ''],
  ['ten events', { batchEventsMax: 10, inFlightMax: 1 }, 10, ''],
  ['more than fit by bytes', { inFlightMax: 2 }, 9, 'x'.repeat(400_000)],
] as const)('refused events before all others: %s', async (_what, overrides, poisoned, text) => {
  const { counts, track, pass } = startSender(refusing, overrides);
  track('poison', poisoned, text);
  track('fine', 300);
  await pass(120_000);
  expect(counts.accepted).toBe(300);
  // They are rejected one by one, while the others wait for longer and longer.
  await pass(3_600_000);
  expect(counts).toMatchObject({ accepted: 300, rejected: poisoned });
});

test('where more events are refused than may wait, none is rejected, and the others pass', async () => {
  const { counts, messages, track, pass } = startSender(refusing, { batchEventsMax: 100 });
  track('poison', 500);
  track('fine', 300);
  await pass(600_000);
  expect(counts).toMatchObject({ accepted: 300, rejected: 0 });
  expect(messages).toEqual(['HTTP 400']);
  // Ten a second of refused events, and the empty requests between them, however many there are.
  expect(counts.requests).toBeLessThan(16_000);
});

test('where every third event is refused, the others pass', async () => {
  const { counts, track, pass } = startSender(refusing, { batchEventsMax: 5, inFlightMax: 1 });
  for (let step = 0; step < 200; step += 1) {
    track('poison', 1);
    track('fine', 2);
    await pass(60);
  }
  await pass(300_000);
  expect(counts).toMatchObject({ accepted: 400 });
});

test('a refused event with nothing after it is decided by answers to empty requests', async () => {
  const { counts, messages, track, pass } = startSender(refusing);
  track('poison', 1);
  await pass(10_000);
  expect(counts.rejected).toBe(1);
  // Three refusals, and eight empty requests between two of them.
  expect(counts.requests).toBe(19);
  expect(messages).toEqual([]);
});

test('while a server before the gate refuses everything, nothing is rejected', async () => {
  const { counts, messages, track, pass } = startSender(() => blocked);
  track('fine', 1);
  await pass(3_600_000);
  expect(counts.rejected).toBe(0);
  expect(counts.requests).toBeLessThan(400);
  expect(messages).toEqual(['HTTP 400']);
});

test.each([0.5, 0.9])(
  'a server that refuses %d of all requests for three seconds rejects no event',
  async (share) => {
    let random = 7;
    let isBad = true;
    const chance = (): number => (random = (random * 16_807) % 2_147_483_647) / 2_147_483_647;
    const { counts, track, pass } = startSender((names) =>
      isBad && chance() < share ? blocked : refusing(names),
    );
    for (let step = 0; step < 300; step += 1) {
      track('fine', 10);
      await pass(10);
    }
    isBad = false;
    await pass(60_000);
    expect(counts).toMatchObject({ accepted: 3_000, rejected: 0 });
  },
);

describe.each([
  ['HTTP 400', true],
  ['HTTP 404', false],
])('a place that answers some requests with %s', (message, isOfEvent) => {
  test.each([
    [0.5, 5, 250, 600],
    [0.5, 1, 5_000, 7_200],
    [0.2, 5, 250, 600],
    [0.9, 5, 250, 600],
  ])('share %d, %d events in %d ms, for %d s', async (share, events, everyMs, seconds) => {
    let random = 7;
    let isBad = true;
    const chance = (): number => (random = (random * 16_807) % 2_147_483_647) / 2_147_483_647;
    const { counts, track, pass } = startSender((names) =>
      isBad && chance() < share
        ? { kind: 'split', code: undefined, isOfEvent, message }
        : refusing(names),
    );
    const steps = (seconds * 1_000) / everyMs;
    for (let step = 0; step < steps; step += 1) {
      track('fine', events);
      await pass(everyMs);
    }
    isBad = false;
    await pass(300_000);
    expect(counts).toMatchObject({ accepted: steps * events, rejected: 0 });
  });
});

test.each([1, 30])(
  '%d events that a server answers with 404 are never rejected',
  async (poisoned) => {
    let isBad = true;
    const { counts, messages, track, pass } = startSender(
      (names) =>
        isBad && names.includes('poison')
          ? { kind: 'split', code: undefined, isOfEvent: false, message: 'HTTP 404' }
          : refusing(names.map(() => 'fine')),
      { batchEventsMax: 5 },
    );
    track('poison', poisoned);
    for (let second = 0; second < 600; second += 1) {
      track('fine', 10);
      await pass(1_000);
    }
    await pass(10_000);
    expect(counts).toMatchObject({ accepted: 6_000, rejected: 0 });
    expect(messages).toEqual(['HTTP 404']);
    isBad = false;
    await pass(120_000);
    expect(counts).toMatchObject({ accepted: 6_000 + poisoned, rejected: 0 });
    expect(messages).toEqual(['HTTP 404', 'recovered']);
  },
);

test('an answer that cannot be used ends no program, and its events wait', async () => {
  let isBroken = true;
  const { counts, messages, track, pass } = startSender((names) => {
    if (isBroken) return { kind: 'verdicts', verdicts: [null] as never, afterMs: 0 };
    return refusing(names);
  });
  track('fine', 1);
  await pass(1_000);
  expect(counts.accepted).toBe(0);
  isBroken = false;
  await pass(60_000);
  expect(counts.accepted).toBe(1);
  expect(messages).toEqual([expect.stringMatching(/^The answer cannot be used/), 'recovered']);
});

test.each([1, 3])(
  '%d events that a server answers with HTTP 502 wait behind all others, and are kept',
  async (poisoned) => {
    const message = 'The gate is busy (502)';
    let isBad = true;
    const { counts, messages, track, pass } = startSender((names) =>
      isBad && names.includes('poison')
        ? { kind: 'retry', reason: 'overloaded', message, afterMs: 0 }
        : refusing(isBad ? names : names.map(() => 'fine')),
    );
    track('fine', 77);
    track('poison', poisoned);
    track('fine', 400);
    for (let second = 0; second < 60; second += 1) {
      track('fine', 10);
      await pass(1_000);
    }
    expect(counts.accepted).toBe(77 + 400 + 600);
    const before = counts.accepted;
    track('fine', 10);
    await pass(1_000);
    expect(counts.accepted).toBe(before + 10);
    isBad = false;
    await pass(60_000);
    expect(counts).toMatchObject({ accepted: before + 10 + poisoned, rejected: 0 });
    expect(messages.at(-1)).toBe('recovered');
    // At first it looks like an outage.
    expect(messages.length).toBeLessThanOrEqual(6);
  },
);
